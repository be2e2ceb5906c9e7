import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import mongoose from 'mongoose';
import { launch, turnLog } from './launch.ts';
import { isListening } from './ports.ts';

const REPLICA_SET = 'earshot';
/** A support desk's working set is small; the default (half the memory) is not for a guest on a laptop. */
const CACHE_GB = 0.25;
/** Change streams and rollbacks need little history on a set of one. */
const OPLOG_MB = 990;
const CONNECT_LIMIT_MS = 2_000;
const PRIMARY_LIMIT_MS = 30_000;
const POLL_MS = 20;

/** Where a mongod of ours listens; `directConnection` because a set of one has no other member to discover. */
export function mongodUri(port: number, database = 'earshot'): string {
  return `mongodb://127.0.0.1:${port}/${database}?directConnection=true&replicaSet=${REPLICA_SET}`;
}

/** Starts a mongod on `port` with its data in `<dataDir>/mongodb`, and returns its pid once it is primary. */
export async function startMongod(binary: string, dataDir: string, port: number): Promise<number> {
  const dbPath = join(dataDir, 'mongodb');
  const logPath = join(dataDir, 'mongod.log');
  await mkdir(dbPath, { recursive: true, mode: 0o700 });
  await turnLog(logPath);
  const args = ['--dbpath', dbPath, '--port', String(port), '--bind_ip', '127.0.0.1', '--nounixsocket'];
  args.push('--replSet', REPLICA_SET, '--oplogSize', String(OPLOG_MB));
  args.push('--wiredTigerCacheSizeGB', String(CACHE_GB), '--logpath', logPath, '--quiet');
  args.push('--setParameter', 'diagnosticDataCollectionEnabled=false');
  // A set of one has nobody to hand over to: waiting for clients to move away would only delay the stop.
  args.push('--setParameter', 'shutdownTimeoutMillisForSignaledShutdown=100');
  const ready = () => isListening(port);
  const pid = await launch({ name: 'mongod', binary, args, logPath, ready });
  await becomePrimary(port);
  return pid;
}

/** The pid of the mongod on `port` if it serves this very data folder, else undefined. */
export async function identifyMongod(dataDir: string, port: number): Promise<number | undefined> {
  if (!(await isListening(port))) return undefined;
  try {
    return await withMongod(port, async (admin) => {
      const { parsed } = await admin.command({ getCmdLineOpts: 1 });
      const dbPath = await realpath(String(parsed?.storage?.dbPath));
      if (dbPath !== (await realpath(join(dataDir, 'mongodb')))) return undefined;
      const { pid } = await admin.command({ serverStatus: 1, metrics: 0, wiredTiger: 0, locks: 0 });
      return Number(pid);
    });
  } catch {
    return undefined;
  }
}

/** Brings the set to a primary: initiates a new one, renames the member of one that has moved to another port. */
export async function becomePrimary(port: number): Promise<void> {
  const host = `127.0.0.1:${port}`;
  await withMongod(port, async (admin) => {
    const deadline = Date.now() + PRIMARY_LIMIT_MS;
    for (;;) {
      const hello = await admin.command({ hello: 1 });
      if (hello.isWritablePrimary) return;
      // Without a set name there is no configuration yet, or one that names the port of an earlier run.
      if (!hello.setName) (await initiate(admin, host)) || (await moveMember(admin, host));
      if (Date.now() > deadline) throw new Error(`mongod on ${host} does not become primary`);
      await sleep(POLL_MS);
    }
  });
}

type Admin = ReturnType<ReturnType<mongoose.mongo.MongoClient['db']>['admin']>;

/** False when the set has been initiated before. */
async function initiate(admin: Admin, host: string): Promise<boolean> {
  try {
    await admin.command({ replSetInitiate: { _id: REPLICA_SET, members: [{ _id: 0, host }] } });
    return true;
  } catch (error) {
    if (error instanceof mongoose.mongo.MongoServerError && error.codeName === 'AlreadyInitialized')
      return false;
    throw error;
  }
}

async function moveMember(admin: Admin, host: string): Promise<void> {
  const { config } = await admin.command({ replSetGetConfig: 1 });
  if (config.members[0].host === host) return;
  config.members[0].host = host;
  config.version += 1;
  // Forced: the member does not find itself in the old configuration, so there is no primary to ask.
  await admin.command({ replSetReconfig: config, force: true });
}

async function withMongod<T>(port: number, work: (admin: Admin) => Promise<T>): Promise<T> {
  const client = new mongoose.mongo.MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, {
    serverSelectionTimeoutMS: CONNECT_LIMIT_MS,
    connectTimeoutMS: CONNECT_LIMIT_MS,
    socketTimeoutMS: PRIMARY_LIMIT_MS,
    maxPoolSize: 1,
  });
  try {
    await client.connect();
    return await work(client.db('admin').admin());
  } finally {
    await client.close();
  }
}
