import { ChannelError, StoreUnavailable } from '../../src/contract/index.ts';
import type { RawDoc, RawOutcome } from '../../src/intake/model.ts';
import { describeError } from '../../src/lib/log.ts';
import { translateOutage } from '../../src/store/translate-outage.ts';
import type { Settlement } from '../../src/store/work/index.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
/** Waits before the second, third … attempt; after the last the delivery is dead, until somebody replays it. */
export const INBOUND_BACKOFF_MS = [
  2 * SECOND_MS,
  10 * SECOND_MS,
  MINUTE_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  120 * MINUTE_MS,
] as const;
export const INBOUND_ATTEMPTS_MAX = INBOUND_BACKOFF_MS.length + 1;

export function settlementOf(outcomes: RawOutcome[], parserVersion: number): Settlement {
  const ignored = outcomes.length === 0 || outcomes.every((outcome) => outcome.state === 'ignored');
  return { state: ignored ? 'ignored' : 'done', set: { outcomes, parserVersion } };
}

/** MongoDB away is not the delivery's fault; bytes that nobody can read are quarantined; the rest is tried again. */
export function settlementOfError(doc: RawDoc, thrown: unknown, now: Date): Settlement {
  const translated = translateOutage(thrown);
  const { code = 'internal_error', message } = describeError(translated);
  const error = { code, message };
  if (translated instanceof StoreUnavailable)
    return {
      state: 'received',
      dueAt: new Date(now.getTime() + INBOUND_BACKOFF_MS[0]),
      error,
      keepAttempts: true,
    };
  if (isUnreadable(translated)) return { state: 'quarantined', error };
  const wait = INBOUND_BACKOFF_MS[doc.attempts - 1];
  if (wait === undefined) return { state: 'dead', error };
  return { state: 'received', dueAt: new Date(now.getTime() + wait), error };
}

const isUnreadable = (error: unknown) =>
  error instanceof ChannelError && (error.code === 'malformed' || error.code === 'too_complex');
