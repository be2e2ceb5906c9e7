/** The far sides of a channel's contract, held in memory: what it records, where it stands, how it says it is. */
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import {
  type Arrival,
  type ChannelDeps,
  ChannelError,
  type Cursor,
  type InboxId,
  type MailEnvelope,
  type RawId,
  type Recorded,
  StoreUnavailable,
} from '../../src/contract/index.ts';

const UNTIL_MS = 30_000;
const UNTIL_STEP_MS = 10;

export interface Kept {
  envelope: MailEnvelope;
  bytes: Buffer;
  text: string;
  streamed: boolean;
  receivedAt: Date | undefined;
  keyWord: string;
}

/** Records like the intake does: by content key, once. */
export function createRecorder() {
  const kept: Kept[] = [];
  const ids = new Map<string, RawId>();
  const recorder = {
    kept,
    duplicates: 0,
    /** While set, nothing is recorded. */
    storeAway: false,
    attempts: 0,
    /** How long a write takes. */
    writeMs: 0,
    /** May throw for certain mails. */
    check: undefined as ((text: string) => void) | undefined,
    record: async (arrival: Arrival): Promise<Recorded> => {
      recorder.attempts++;
      const bytes = Buffer.isBuffer(arrival.body) ? arrival.body : await buffer(arrival.body);
      // Where a write to the store would wait: storeAway may change meanwhile.
      await new Promise((resolve) => setTimeout(resolve, recorder.writeMs));
      if (recorder.storeAway) throw new StoreUnavailable();
      const text = bytes.toString('latin1');
      recorder.check?.(text);
      if (!('bodyWith' in arrival.key)) throw new Error('mail is keyed by its body');
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const key = `${arrival.key.bodyWith}:${sha256}`;
      const known = ids.get(key);
      if (known) {
        recorder.duplicates++;
        return { id: known, duplicate: true, sha256 };
      }
      const id = String(kept.length).padStart(24, '0') as RawId;
      ids.set(key, id);
      kept.push({
        envelope: arrival.envelope as MailEnvelope,
        bytes,
        text,
        streamed: !Buffer.isBuffer(arrival.body),
        receivedAt: arrival.receivedAt,
        keyWord: arrival.key.bodyWith,
      });
      return { id, duplicate: false, sha256 };
    },
  };
  return recorder;
}

export function memoryCursor(): Cursor & { writes: number } {
  const values = new Map<string, string>();
  const cursor = {
    writes: 0,
    async get<T>(name: string) {
      const value = values.get(name);
      return value === undefined ? undefined : (JSON.parse(value) as T);
    },
    async set<T>(name: string, value: T) {
      cursor.writes++;
      values.set(name, JSON.stringify(value));
    },
    async list() {
      return [...values.keys()];
    },
    async remove(name: string) {
      values.delete(name);
    },
  };
  return cursor;
}

export interface HealthLine {
  ok: boolean;
  code?: string;
  message?: string;
  at: number;
}

export function createDeps(overrides: Partial<ChannelDeps> = {}) {
  const health: HealthLine[] = [];
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const deps: ChannelDeps = {
    inbox: 'support' as InboxId,
    log,
    now: () => new Date(),
    fetch: async () => {
      throw new ChannelError('connection_failed', 'transient', 'this test has no network');
    },
    cursor: memoryCursor(),
    health: {
      ok: (detail) => void health.push({ ok: true, message: detail, at: performance.now() }),
      failing: (code, message) => void health.push({ ok: false, code, message, at: performance.now() }),
    },
    hookUrl: 'http://127.0.0.1/hooks/support',
    host: '127.0.0.1',
    ...overrides,
  };
  return { deps, health };
}

/** Waits for a condition; fails with its description when it does not come true. */
export async function until(what: string, condition: () => unknown | Promise<unknown>): Promise<void> {
  const end = performance.now() + UNTIL_MS;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, UNTIL_STEP_MS));
  }
}

export const sampleMail = (number: number, extra = ''): string =>
  [
    `From: Ana Pop <ana@customer.example>`,
    `To: support@desk.example`,
    `Subject: Question ${number}`,
    `Message-ID: <q${number}@customer.example>`,
    `Date: Tue, 24 Nov 2026 10:00:00 +0000`,
    '',
    `This is question ${number}.${extra}`,
    '',
  ].join('\r\n');
