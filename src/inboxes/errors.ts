import type { z } from 'zod';

export type InboxErrorCode =
  | 'bad_inbox_id'
  | 'unknown_kind'
  | 'inbox_exists'
  | 'inbox_not_found'
  | 'inbox_changed'
  | 'bad_configuration';

/** What is wrong with an inbox or its config. `problems`: everything, a sentence each; the message holds them all. */
export class InboxError extends Error {
  readonly code: InboxErrorCode;
  readonly problems: readonly string[];
  constructor(code: InboxErrorCode, ...problems: string[]) {
    super(problems.join('\n'));
    this.name = 'InboxError';
    this.code = code;
    this.problems = problems;
  }
}

/** Every issue as "where: what", without the value, which may be a secret. */
export function wordsOf(error: z.ZodError): string[] {
  return error.issues.map((issue) => {
    const where = issue.path.join('.');
    return where === '' ? issue.message : `${where}: ${issue.message}`;
  });
}
