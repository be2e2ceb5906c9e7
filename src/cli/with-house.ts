import type { Env } from '../../config/env.ts';
import type { Log } from '../lib/log.ts';
import type { House } from '../main.ts';
import { remark } from './output.ts';
import { exitCodeOf, listenForSignals } from './signals.ts';

/**
 * Opens what is stored for as long as one command needs it; a running server's services are shared. A signal ends the
 * command in order, also while it is still opening, so that services which it has started do not stay behind.
 */
export async function withHouse<T>(env: Env, work: (house: House) => Promise<T>): Promise<T> {
  const { openHouse } = await import('../main.ts');
  const log = await wordyLog();
  const { stop, signal } = listenForSignals(log);
  let house: House;
  try {
    house = await openHouse({ env, log, signal });
  } catch (error) {
    if (signal.aborted) process.exit(exitCodeOf(await stop));
    throw error;
  }
  try {
    const done = await Promise.race([work(house).then((result) => ({ result })), stop]);
    if (typeof done === 'object') return done.result;
  } finally {
    await house.close();
  }
  process.exit(exitCodeOf(await stop));
}

/** The log of a command: words on standard error, since a person reads along. */
export async function wordyLog(level: 'info' | 'warn' = 'info'): Promise<Log> {
  const { createLog } = await import('../lib/log.ts');
  return createLog(level, {
    write(line) {
      const { msg, err } = JSON.parse(line) as { msg: string; err?: { message: string } };
      remark(err ? `${msg}: ${err.message}` : msg);
    },
  });
}
