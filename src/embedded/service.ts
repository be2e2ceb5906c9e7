import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServicesError } from './errors.ts';
import { identifyMongod, startMongod } from './mongod.ts';
import { obtainMongod } from './obtain-mongod.ts';
import { obtainRedis } from './obtain-redis.ts';
import { freePort } from './ports.ts';
import { identifyRedis, startRedis } from './redis-server.ts';
import { isOurs, isRunning, killProcess, stopProcess } from './stop.ts';

/** A process that recovers after a crash is given this long to answer before it counts as hung. */
const ANSWER_GRACE_MS = 15_000;
const POLL_MS = 50;
/** A free port may be taken between the look and the start. */
const ATTEMPTS = 3;

export interface Service {
  name: 'mongod' | 'redis';
  /** Data folder of the service, and the file it writes its own process id into, both below the data folder. */
  folder: string;
  pidFile: string;
  obtain(cacheDir: string, log: (line: string) => void): Promise<string>;
  start(binary: string, dataDir: string, port: number): Promise<number>;
  identify(dataDir: string, port: number): Promise<number | undefined>;
}

export const MONGOD_SERVICE: Service = {
  name: 'mongod',
  folder: 'mongodb',
  pidFile: 'mongodb/mongod.lock',
  obtain: obtainMongod,
  start: startMongod,
  identify: identifyMongod,
};

export const REDIS_SERVICE: Service = {
  name: 'redis',
  folder: 'redis',
  pidFile: 'redis/redis.pid',
  obtain: obtainRedis,
  start: startRedis,
  identify: identifyRedis,
};

/** What services.json says of a service. The port is written before the start, the pid after it. */
interface ServiceRecord {
  port: number;
  pid?: number;
}

type Records = Partial<Record<Service['name'], ServiceRecord>>;

function readRecords(dataDir: string): Records {
  try {
    return JSON.parse(readFileSync(join(dataDir, 'services.json'), 'utf8')) as Records;
  } catch {
    return {}; // none yet, or written by a machine that died before the disk had it: the same as none
  }
}

/** Synchronous, so that the two services, which start side by side, cannot overwrite each other's entry. */
function record(dataDir: string, name: Service['name'], entry: ServiceRecord): void {
  const path = join(dataDir, 'services.json');
  const records = { ...readRecords(dataDir), [name]: entry };
  writeFileSync(`${path}.new`, `${JSON.stringify(records, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}

/** Finds the running service of this data folder or starts it; returns its port. Call it with the lock held. */
export async function ensureService(
  service: Service,
  dataDir: string,
  cacheDir: string,
  log: (line: string) => void,
): Promise<number> {
  let port = readRecords(dataDir)[service.name]?.port;
  for (let attempt = 1; ; attempt++) {
    if (port !== undefined && (await adopt(service, dataDir, port))) return port;
    if (port === undefined) await stopService(service, dataDir);
    const binary = await service.obtain(cacheDir, log);
    port = await freePort(port);
    record(dataDir, service.name, { port });
    const since = Date.now();
    try {
      const pid = await service.start(binary, dataDir, port);
      record(dataDir, service.name, { port, pid });
      log(`${service.name} runs on 127.0.0.1:${port} (started in ${Date.now() - since} ms)`);
      return port;
    } catch (error) {
      if (!(error instanceof ServicesError) || attempt === ATTEMPTS) throw error;
      log(`${service.name}: ${error.message.split('\n')[0]}; trying again`);
    }
  }
}

/** True when ours runs and answers on `port`. One that runs but does not answer is waited for, then killed. */
async function adopt(service: Service, dataDir: string, port: number): Promise<boolean> {
  const deadline = Date.now() + ANSWER_GRACE_MS;
  for (;;) {
    if (await service.identify(dataDir, port)) return true;
    const silent = await silentPid(service, dataDir);
    if (silent === undefined) return false;
    if (Date.now() > deadline) {
      await killProcess(silent);
      return false;
    }
    await sleep(POLL_MS);
  }
}

/** Stops the service of this data folder if it runs. Call it with the lock held. */
export async function stopService(service: Service, dataDir: string): Promise<void> {
  const port = readRecords(dataDir)[service.name]?.port;
  // Without a record (services.json removed by hand) the pid file still tells of one that runs.
  const answering = port === undefined ? undefined : await service.identify(dataDir, port);
  const pid = answering ?? (await silentPid(service, dataDir));
  if (pid !== undefined) await stopProcess(pid);
  // The port stays, so that the next start takes the same one if it can.
  if (port !== undefined) record(dataDir, service.name, { port });
}

/** The process that has written the pid file, if it lives and is ours. */
async function silentPid(service: Service, dataDir: string): Promise<number | undefined> {
  const pid = Number.parseInt(await readFile(join(dataDir, service.pidFile), 'utf8').catch(() => ''), 10);
  if (!(pid > 0) || !(await isRunning(pid))) return undefined;
  return (await isOurs(pid, join(dataDir, service.folder))) ? pid : undefined;
}
