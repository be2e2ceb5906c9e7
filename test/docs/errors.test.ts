/** docs/errors.md has a row for every code that the sources can tell, and no row that nothing tells any more. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { TWILIO_ERRORS } from '../../channels/sms/errors.ts';
import { CHANNEL_ERROR_CODES } from '../../src/contract/index.ts';
import { ROOT, readSources } from '../support/read-sources.ts';

const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
const sources = readSources(['src', 'channels', 'workers', 'config']);

/** Codes in the first cell of each row: `a`, `b`. */
const documented = new Set(
  [...page.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([a-z][a-z0-9_]*)`/g)].map(([, code]) => code!),
  ),
);

const CODE = "'([a-z][a-z0-9_]*)'";
/** How a code is written down where an error is made. */
const MADE = [
  new RegExp(`\\bcode(?: =|:) ${CODE}`, 'g'),
  new RegExp(`\\bcode: .{1,60} \\? ${CODE} : ${CODE}`, 'g'),
  new RegExp(`\\bcode = ${CODE}, message \\}`, 'g'),
  new RegExp(`\\brefuse\\(\\s*(?:\\d{3},\\s*)?${CODE}`, 'g'),
  new RegExp(`\\bnew (?:\\w+Error|Problem)\\(\\s*(?:[\\w.]+,\\s*)?${CODE}`, 'g'),
  new RegExp(`\\bfailing\\(\\s*${CODE}`, 'g'),
  new RegExp(`\\bclaim, ${CODE}`, 'g'),
];
/** `code: 'a' | 'b'` and `type SomeErrorCode = 'a' | 'b'`. */
const UNION = /\b(?:code:|type \w*ErrorCode =)((?:\s*\|?\s*'[a-z][a-z0-9_]*'){2,})/g;

function codesIn(text: string): string[] {
  const made = MADE.flatMap((pattern) => [...text.matchAll(pattern)].flatMap((match) => match.slice(1)));
  const unions = [...text.matchAll(UNION)].flatMap(([, list]) =>
    [...list!.matchAll(new RegExp(CODE, 'g'))].map(([, code]) => code!),
  );
  return [...made, ...unions];
}

test('codes are found at all, however they are written', () => {
  const found = new Set(sources.flatMap(({ text }) => codesIn(text)));
  for (const code of [
    'bad_environment',
    'ticket_closed',
    'invalid_json',
    'signature_invalid',
    'inbox_paused',
    'seal_truncated',
    'media_unsupported',
    'inbox_changed',
    'internal_error',
  ])
    expect(found).toContain(code);
});

describe('docs/errors.md', () => {
  test('explains every code that the sources tell', () => {
    const missing = sources.flatMap(({ file, text }) =>
      codesIn(text)
        .filter((code) => !documented.has(code))
        .map((code) => `${file}: ${code}`),
    );
    expect([...new Set(missing)]).toEqual([]);
  });

  test('explains every code of a channel, with what follows from it', () => {
    const section = page.slice(page.indexOf('## Channels'));
    const rows = CHANNEL_ERROR_CODES.filter((code) =>
      new RegExp(`^\\| \`${code}\` \\| (permanent|transient|limited|unknown)`, 'm').test(section),
    );
    expect(rows).toEqual([...CHANNEL_ERROR_CODES]);
  });

  test('tells of every disposition that a code has at Twilio', () => {
    const wrong = Object.values(TWILIO_ERRORS).filter(({ code, disposition }) => {
      const row = new RegExp(`^\\| \`${code}\` \\| ([^|]*)`, 'm').exec(
        page.slice(page.indexOf('## Channels')),
      );
      return !row?.[1]?.includes(disposition);
    });
    expect(wrong).toEqual([]);
  });

  test('explains no code that nothing tells', () => {
    const all = sources.map(({ text }) => text).join('\n');
    expect([...documented].filter((code) => !all.includes(`'${code}'`))).toEqual([]);
  });

  test('names every error of Twilio that we know', () => {
    const rows = Object.entries(TWILIO_ERRORS).map(
      ([number, { code, disposition, meaning }]) => `| ${number} | ${disposition} | ${code} | ${meaning} |`,
    );
    expect(rows.filter((row) => !page.includes(row))).toEqual([]);
  });
});
