import { constants } from 'node:os';
import type { Env } from '../../config/env.ts';
import type { Log } from '../lib/log.ts';
import type { House } from '../main.ts';
import { remark } from './output.ts';

/** As shells count: 128 and the number of the signal. */
const SIGNAL_EXIT = 128;

/**
 * Opens what is stored for as long as one command needs it; a running server's services are shared. Ctrl-C ends the
 * command in order, so that services which it has started do not stay behind.
 */
export async function withHouse<T>(env: Env, work: (house: House) => Promise<T>): Promise<T> {
  const { openHouse } = await import('../main.ts');
  const house = await openHouse({ env, log: await wordyLog() });
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => {
      const leave = () => process.exit(SIGNAL_EXIT + constants.signals[name]);
      house.close().then(leave, leave);
    });
  try {
    return await work(house);
  } finally {
    await house.close();
  }
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
