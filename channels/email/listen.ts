import type { ChannelDeps, RecordArrival, Source } from '../../src/contract/index.ts';
import type { EmailConfig } from './config.ts';
import { Backoff, pause } from './imap/backoff.ts';
import { askNeighbour } from './listen/neighbour.ts';
import { describeListenError, joinListener, type Listening } from './listen/shared-listener.ts';

/** A listener says that it lives at each renewal of `health.ok`. */
const REPORT_MS = 60_000;
const SILENT_AFTER_MS = 5 * 60_000;
const BIND_RETRY_MS = 1_000;
const BIND_RETRY_MAX_MS = 30_000;
/** How soon mail is taken again after the process that held the port has died. */
const STAND_BY_MS = 2_000;

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
          await pause(await explain(error, config, deps, bind), signal);
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

/** Says why the port cannot be had, and gives the time to the next try in milliseconds. */
async function explain(
  error: unknown,
  { address, listen }: EmailConfig & { listen: { port: number } },
  deps: ChannelDeps,
  bind: Backoff,
): Promise<number> {
  const { code, message } = describeListenError(error, deps.host, listen.port);
  if (code === 'port_taken' && (await askNeighbour(deps.host, listen.port, address)) === 'desk') {
    deps.health.ok(`another process of this desk takes mail on ${deps.host}:${listen.port}`);
    return STAND_BY_MS;
  }
  deps.health.failing(code, message);
  return bind.next();
}
