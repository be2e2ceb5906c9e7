import { ChannelError } from '../../src/contract/index.ts';
import type { MessageDoc } from '../../src/conversations/model.ts';
import { describeError } from '../../src/lib/log.ts';
import type { Settlement } from '../../src/store/work/index.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
/** Waits before the second, third … try of a reply that was certainly not sent: 17 hours in all. */
export const OUTBOUND_BACKOFF_MS = [
  10 * SECOND_MS,
  MINUTE_MS,
  5 * MINUTE_MS,
  15 * MINUTE_MS,
  HOUR_MS,
  2 * HOUR_MS,
  4 * HOUR_MS,
  9 * HOUR_MS,
] as const;
/** Each wait differs by up to this share, so that what failed together does not come back together. */
const JITTER = 0.2;
/** How long a provider that asks to wait is left alone when it does not say for how long. */
const LIMITED_WAIT_MS = MINUTE_MS;

type Reply = Pick<MessageDoc, 'attempts' | 'piecesSent'>;

/** What becomes of a reply whose sending failed. `resend`: the channel is idempotent, so unknown is as good as unsent. */
export function settlementOfFailure(
  reply: Reply,
  thrown: unknown,
  { resend, now, random }: { resend: boolean; now: Date; random: () => number },
): Settlement {
  const error =
    thrown instanceof ChannelError
      ? thrown
      : new ChannelError('unknown_error', 'unknown', describeError(thrown).message, { cause: thrown });
  const shown = {
    code: error.code,
    message: error.message,
    ...(error.providerCode ? { providerCode: error.providerCode } : {}),
  };
  const later = (waitMs: number, keepAttempts = false): Settlement => ({
    state: 'queued',
    dueAt: new Date(now.getTime() + waitMs * (1 + JITTER * (2 * random() - 1))),
    error: shown,
    keepAttempts,
  });
  const giveUp: Settlement = { state: 'failed', error: shown, set: { error: shown } };
  const next = OUTBOUND_BACKOFF_MS[(reply.attempts ?? 1) - 1];

  switch (error.disposition) {
    case 'permanent':
      return giveUp;
    case 'limited':
      return later(error.retryAfterMs ?? LIMITED_WAIT_MS, true);
    case 'transient':
      return next === undefined ? giveUp : later(error.retryAfterMs ?? next);
    case 'unknown':
      if (resend) return next === undefined ? giveUp : later(next);
      return { state: 'unconfirmed', error: shown, set: { error: shown } };
  }
}
