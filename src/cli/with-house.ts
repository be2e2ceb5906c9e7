import type { Env } from '../../config/env.ts';
import type { Log } from '../lib/log.ts';
import type { House } from '../main.ts';
import { remark } from './output.ts';

/** Opens what is stored for as long as one command needs it; a running server's services are shared. */
export async function withHouse<T>(env: Env, work: (house: House) => Promise<T>): Promise<T> {
  const { openHouse } = await import('../main.ts');
  const house = await openHouse({ env, log: await wordyLog() });
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
