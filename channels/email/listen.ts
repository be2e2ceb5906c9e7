import type { ChannelDeps, RecordArrival, Source } from '../../src/contract/index.ts';
import type { EmailConfig } from './config.ts';
import { Backoff, pause } from './imap/backoff.ts';
import { describeListenError, joinListener, type Listening } from './listen/shared-listener.ts';

/** A listener says that it lives at each renewal of `health.ok`. */
const REPORT_MS = 60_000;
const SILENT_AFTER_MS = 5 * 60_000;
const BIND_RETRY_MS = 1_000;
const BIND_RETRY_MAX_MS = 30_000;

/** A source that takes mail by SMTP. */
export interface ListenSource extends Source {
  /** The port in use; undefined while it does not listen. Differs from the configured one where that is 0. */
  port(): number | undefined;
}

export function createListener(
  config: EmailConfig & { listen: { port: number } },
  deps: ChannelDeps,
): ListenSource {
  let listening: Listening | undefined;
  return {
    exclusive: false,
    silentAfterMs: SILENT_AFTER_MS,
    port: () => listening?.port,
    async run(record: RecordArrival, signal: AbortSignal) {
      const bind = new Backoff(BIND_RETRY_MS, BIND_RETRY_MAX_MS);
      while (!signal.aborted) {
        try {
          listening = await joinListener(deps.host, config.listen.port, { config, record, log: deps.log });
        } catch (error) {
          const { code, message } = describeListenError(error, deps.host, config.listen.port);
          deps.health.failing(code, message);
          await pause(bind.next(), signal);
          continue;
        }
        try {
          bind.reset();
          while (!signal.aborted && listening.alive()) {
            deps.health.ok(`takes mail on ${deps.host}:${listening.port}`);
            await Promise.race([pause(REPORT_MS, signal), listening.ended]);
          }
        } finally {
          await listening.leave();
          listening = undefined;
        }
      }
    },
  };
}
