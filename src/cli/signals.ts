import { constants } from 'node:os';
import type { Log } from '../lib/log.ts';

/** `timeout`, npm and some supervisors signal a process and then its whole group: that is one request, not two. */
export const SAME_REQUEST_MS = 500;
/** As shells count: 128 and the number of the signal. */
const SIGNAL_EXIT = 128;
const NAMES = ['SIGTERM', 'SIGINT'] as const;
export type EndSignal = (typeof NAMES)[number];

export interface AskedToEnd {
  /** Resolves with the first signal. */
  stop: Promise<EndSignal>;
  signal: AbortSignal;
}

/** The first signal asks to end, a second one ends at once. */
export function listenForSignals(log: Log): AskedToEnd {
  const { promise: stop, resolve } = Promise.withResolvers<EndSignal>();
  const abort = new AbortController();
  let askedAt = 0;
  for (const name of NAMES)
    process.on(name, () => {
      if (abort.signal.aborted) {
        if (performance.now() - askedAt < SAME_REQUEST_MS) return;
        log.warn({}, `${name} again: ending at once`);
        process.exit(exitCodeOf(name));
      }
      askedAt = performance.now();
      abort.abort();
      resolve(name);
    });
  return { stop, signal: abort.signal };
}

export const exitCodeOf = (name: EndSignal): number => SIGNAL_EXIT + constants.signals[name];
