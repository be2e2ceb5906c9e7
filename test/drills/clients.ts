/** The far sides: a provider that posts webhooks, a mail server that delivers, an agent's program. */
import { setTimeout as delay } from 'node:timers/promises';
import { createTransport } from 'nodemailer';
import type { SignedRequest } from '../support/signed-sms.ts';
import { type Drill, MAILBOX, SMS_INBOX } from './drill.ts';

/** Nothing that is asked may take longer; by then a client has hung up. */
const PATIENCE_MS = 10_000;
const REPEAT_MS = 100;

export interface Answer {
  /** 0: no answer came (refused, cut, too late). */
  status: number;
  ms: number;
  retryAfter?: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came back
  body?: any;
}

async function ask(url: string, init: RequestInit): Promise<Answer> {
  const since = performance.now();
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
    const text = await response.text();
    const body = text.startsWith('{') ? JSON.parse(text) : text;
    const retryAfter = response.headers.get('retry-after') ?? undefined;
    return { status: response.status, ms: performance.now() - since, retryAfter, body };
  } catch {
    return { status: 0, ms: performance.now() - since };
  }
}

/** One webhook at one process, once. */
export const postSms = (port: number, { headers, body }: SignedRequest): Promise<Answer> =>
  ask(`http://127.0.0.1:${port}/hooks/${SMS_INBOX}`, { method: 'POST', headers, body });

export const callApi = (
  { token }: Pick<Drill, 'token'>,
  port: number,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> =>
  ask(`http://127.0.0.1:${port}/api/v1/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

/** One delivery of a mail. `status` is the code of SMTP: 250, 451 …; 0: no answer came. */
export async function deliverMail(port: number, from: string, raw: Buffer): Promise<Answer> {
  const since = performance.now();
  const transport = createTransport({
    host: '127.0.0.1',
    port,
    secure: false,
    connectionTimeout: PATIENCE_MS,
    greetingTimeout: PATIENCE_MS,
    socketTimeout: PATIENCE_MS,
  });
  try {
    await transport.sendMail({ envelope: { from, to: [MAILBOX] }, raw });
    return { status: 250, ms: performance.now() - since };
  } catch (error) {
    const status = (error as { responseCode?: number }).responseCode ?? 0;
    return { status, ms: performance.now() - since };
  } finally {
    transport.close();
  }
}

/** As every sender does who does not give up: again and again until it is taken. Answers how often it was asked. */
export async function insist(attempt: () => Promise<Answer>): Promise<{ answer: Answer; attempts: number }> {
  for (let attempts = 1; ; attempts++) {
    const answer = await attempt();
    if (answer.status >= 200 && answer.status < 300) return { answer, attempts };
    if (answer.status >= 400 && answer.status < 500 && answer.status !== 451 && answer.status !== 421)
      throw new Error(`refused for good: ${answer.status} ${JSON.stringify(answer.body)}`);
    await delay(REPEAT_MS);
  }
}

/** Runs `work` on each item, at most `atOnce` at a time, in order of beginning. */
export async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < items.length) {
        const index = next++;
        await work(items[index]!, index);
      }
    }),
  );
}
