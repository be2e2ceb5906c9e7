import { setTimeout as delay } from 'node:timers/promises';
import type { WorkerDeps } from './deps.ts';

export interface Loop {
  /** Ends it, and waits for the round under way. */
  close(): Promise<void>;
  /** The next round begins now. */
  hurry(): void;
}

/** Runs `round` again and again, `everyMs` apart; a round that fails is logged and the next one comes all the same. */
export function startLoop(
  { log }: Pick<WorkerDeps, 'log'>,
  name: string,
  everyMs: number,
  round: (signal: AbortSignal) => Promise<void>,
): Loop {
  const closing = new AbortController();
  let wakeUp = new AbortController();
  const running = (async () => {
    while (!closing.signal.aborted) {
      try {
        await round(closing.signal);
      } catch (err) {
        if (!closing.signal.aborted) log.warn({ err, loop: name }, 'a round failed; the next one comes');
      }
      wakeUp = new AbortController();
      await delay(everyMs, undefined, { signal: AbortSignal.any([closing.signal, wakeUp.signal]) }).catch(
        () => {},
      );
    }
  })();
  return {
    hurry: () => wakeUp.abort(),
    async close() {
      closing.abort();
      await running;
    },
  };
}
