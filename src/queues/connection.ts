import { Redis } from 'ioredis';
import type { Log } from '../lib/log.ts';

/** Redis is asked again this soon after it went away; BullMQ's own default grows to 20 s. */
const RECONNECT_MAX_MS = 1_000;
const RECONNECT_STEP_MS = 50;
/** A wake-up that cannot be sent within this is given up: the sweeper sends it later. */
const COMMAND_TIMEOUT_MS = 5_000;

const retryStrategy = (times: number) => Math.min(times * RECONNECT_STEP_MS, RECONNECT_MAX_MS);

/** For those who add: fails at once while Redis is away, since nobody may wait for it. */
export function connectProducer(url: string, log: Log): Redis {
  return watched(
    new Redis(url, {
      retryStrategy,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 1,
      commandTimeout: COMMAND_TIMEOUT_MS,
    }),
    log,
  );
}

/** For those who consume: waits for Redis as long as it takes (BullMQ demands `null`). */
export function connectConsumer(url: string, log: Log): Redis {
  return watched(new Redis(url, { retryStrategy, maxRetriesPerRequest: null }), log);
}

/** One line when Redis goes, one when it is back; the retries between are silent. */
function watched(redis: Redis, log: Log): Redis {
  let away = false;
  redis.on('error', (err) => {
    if (!away) log.warn({ err }, 'Redis is away; messages are recorded and wait');
    away = true;
  });
  redis.on('ready', () => {
    if (away) log.info({}, 'Redis is back');
    away = false;
  });
  return redis;
}
