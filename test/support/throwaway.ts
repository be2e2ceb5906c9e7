import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { becomeUser, withLock } from '../../src/embedded/hold.ts';
import { mongodUri } from '../../src/embedded/mongod.ts';
import { redisUrl } from '../../src/embedded/redis-server.ts';
import {
  ensureService,
  MONGOD_SERVICE,
  REDIS_SERVICE,
  type Service,
  stopService,
} from '../../src/embedded/service.ts';
import { killProcess } from '../../src/embedded/stop.ts';

/** Data folders of tests start so, by which a later run finds those of a killed one. */
export const THROWAWAY_PREFIX = 'earshot-test-';

/** Where obtained programs are kept. */
export function cacheDir(): string {
  return (
    process.env.EARSHOT_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'earshot')
  );
}

/** A pair of services that one test may stop, kill, freeze and start again: same ports, same data. */
export interface ThrowawayServices {
  mongodbUri: (database?: string) => string;
  redisUrl: string;
  stopMongo(): Promise<void>;
  killMongo(): Promise<void>;
  startMongo(): Promise<void>;
  /** Freezes mongod: connections stay open and nothing is answered, as on a stalled disk. */
  pauseMongo(): Promise<void>;
  resumeMongo(): Promise<void>;
  stopRedis(): Promise<void>;
  killRedis(): Promise<void>;
  startRedis(): Promise<void>;
  /** Ends both and removes their data. */
  close(): Promise<void>;
}

/** Starts a pair of its own for a test that must harm it. Call `close()` at the end, failed or not. */
export async function startThrowawayServices(): Promise<ThrowawayServices> {
  const dataDir = await realpath(await mkdtemp(join(tmpdir(), `${THROWAWAY_PREFIX}own-`)));
  const hold = await withLock(
    dataDir,
    () => {},
    () => becomeUser(dataDir),
  );
  const mongo = control(MONGOD_SERVICE, dataDir);
  const redis = control(REDIS_SERVICE, dataDir);
  const [mongoPort, redisPort] = await Promise.all([mongo.start(), redis.start()]);
  return {
    mongodbUri: (database) => mongodUri(mongoPort, database),
    redisUrl: redisUrl(redisPort),
    startMongo: async () => void (await mongo.start()),
    stopMongo: mongo.stop,
    killMongo: mongo.kill,
    pauseMongo: async () => void process.kill(await mongo.pid(), 'SIGSTOP'),
    resumeMongo: async () => void process.kill(await mongo.pid(), 'SIGCONT'),
    startRedis: async () => void (await redis.start()),
    stopRedis: redis.stop,
    killRedis: redis.kill,
    close: async () => {
      // Killed, not stopped: the data goes with it, and a frozen one would not hear a SIGTERM.
      await Promise.all([mongo.kill(), redis.kill()]);
      hold.release();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function control(service: Service, dataDir: string) {
  const log = (line: string) => process.stderr.write(`services: ${line}\n`);
  let port: number | undefined;
  let pid: number | undefined;

  async function start(): Promise<number> {
    const now = await ensureService(service, dataDir, cacheDir(), log);
    if (port !== undefined && now !== port)
      throw new Error(`${service.name}: port ${port} was taken meanwhile`);
    port = now;
    pid = await service.identify(dataDir, now);
    return now;
  }
  async function livePid(): Promise<number> {
    if (pid === undefined) throw new Error(`${service.name} is stopped`);
    return pid;
  }
  async function stop(): Promise<void> {
    await stopService(service, dataDir);
    pid = undefined;
  }
  async function kill(): Promise<void> {
    if (pid !== undefined) await killProcess(pid);
    pid = undefined;
  }
  return { start, pid: livePid, stop, kill };
}
