import { mkdir, realpath } from 'node:fs/promises';
import { becomeUser, countUsers, withLock } from './hold.ts';
import { mongodUri } from './mongod.ts';
import { redisUrl } from './redis-server.ts';
import { ensureService, MONGOD_SERVICE, REDIS_SERVICE, stopService } from './service.ts';

export interface ServicesOptions {
  /** Used as they are when given; nothing is started in their place. */
  mongodbUri?: string | undefined;
  redisUrl?: string | undefined;
  /** Holds the data of the services that are started, and who uses them. */
  dataDir: string;
  /** Holds programs that were obtained, shared by all data folders. */
  cacheDir: string;
  log: (line: string) => void;
}

export interface Services {
  mongodbUri: string;
  redisUrl: string;
  /** Leaves the services; the last user of a data folder stops them. Twice is harmless. */
  close(): Promise<void>;
}

/**
 * Gives a MongoDB replica set and a Redis: those named, else those of the data folder, which are found
 * running or started. Other processes with the same data folder use the same pair.
 * @throws ServicesError when there are none and none can be had.
 */
export async function openServices(options: ServicesOptions): Promise<Services> {
  const { cacheDir, log } = options;
  if (options.mongodbUri && options.redisUrl) {
    return { mongodbUri: options.mongodbUri, redisUrl: options.redisUrl, close: async () => {} };
  }
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = await realpath(options.dataDir);
  return await withLock(dataDir, log, async () => {
    const user = await becomeUser(dataDir);
    const leave = async () => {
      user.release();
      await stopIfUnused(dataDir);
    };
    const started = await Promise.allSettled([
      options.mongodbUri ??
        ensureService(MONGOD_SERVICE, dataDir, cacheDir, log).then((port) => mongodUri(port)),
      options.redisUrl ?? ensureService(REDIS_SERVICE, dataDir, cacheDir, log).then(redisUrl),
    ]);
    const [mongo, redis] = started;
    if (mongo.status === 'rejected' || redis.status === 'rejected') {
      await leave();
      throw mongo.status === 'rejected' ? mongo.reason : (redis as PromiseRejectedResult).reason;
    }
    let closing: Promise<void> | undefined;
    const close = () => {
      closing ??= withLock(dataDir, log, leave);
      return closing;
    };
    return { mongodbUri: mongo.value, redisUrl: redis.value, close };
  });
}

/**
 * Stops the services of a data folder that nobody uses any more, as after the kill of every user.
 * True when they are unused (and stopped now).
 */
export async function stopUnusedServices(dataDir: string, log: (line: string) => void): Promise<boolean> {
  const folder = await realpath(dataDir);
  return await withLock(folder, log, () => stopIfUnused(folder));
}

async function stopIfUnused(dataDir: string): Promise<boolean> {
  if ((await countUsers(dataDir)) > 0) return false;
  await Promise.all([stopService(MONGOD_SERVICE, dataDir), stopService(REDIS_SERVICE, dataDir)]);
  return true;
}
