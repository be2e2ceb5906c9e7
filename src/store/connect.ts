/** The one connection to MongoDB. Rooms work on native collections: mongoose's documents cost too much on the hot path. */
import { setTimeout as delay } from 'node:timers/promises';
import mongoose, { type mongo } from 'mongoose';
import { StoreUnavailable } from '../contract/index.ts';
import { translateOutage } from './translate-outage.ts';

/** A webhook must be answered 503 within 2 s of MongoDB being away, so nothing may wait longer for a server. */
export const SERVER_SELECTION_MS = 1_500;
/** A free connection of the pool. */
const POOL_WAIT_MS = 2_000;
/** Heartbeat and connect: a frozen mongod is noticed after both together, which then cuts what hangs on it. */
const CONNECT_MS = 3_000;
const HEARTBEAT_MS = 3_000;
/** Above the longest honest operation (an index build over a big collection). */
const SOCKET_MS = 120_000;
const POOL_MAX = 40;
/** Types of server that the driver sends writes to. */
const WRITABLE: ReadonlySet<string> = new Set(['RSPrimary', 'Standalone', 'Mongos', 'LoadBalancer']);
/** How long a start waits for a MongoDB that is starting too. */
export const START_WAIT_MS = 60_000;
const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 2_000;

/** What a promise rests on: acknowledged by a majority, and on their disks. */
export const DURABLE = { writeConcern: { w: 'majority', j: true } } as const;
/**
 * Acknowledged from memory. Intermediate writes of one message may use it because the replication log is totally
 * ordered: a later DURABLE write of the same session of work that is acknowledged covers all earlier ones, as long
 * as it was the same run of the same primary that took them (`Store.epoch`); after a change they must be repeated.
 * Traces, health and gauges, whose loss harms nobody, may use it anywhere.
 */
export const FAST = { writeConcern: { w: 1, j: false } } as const;

export interface Store {
  connection: mongoose.Connection;
  db: mongo.Db;
  collection<T extends mongo.Document>(name: string): mongo.Collection<T>;
  /** Resolves when the primary answers; rejects with StoreUnavailable. */
  ping(): Promise<void>;
  /**
   * Names the run of the primary that executes our writes; another after a crash, a restart or an election. FAST
   * writes made under one epoch are covered by a DURABLE one only if, once that is acknowledged, the epoch is still
   * the same: a mongod that was killed forgets what it had not yet journaled.
   */
  epoch(): string;
  close(): Promise<void>;
}

export interface StoreLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/**
 * Connects, waiting up to `waitMs` for a MongoDB that does not answer yet and saying so in the log.
 * Rejects with StoreUnavailable after that; at once when the answer is a refusal (wrong password, bad URI).
 */
export async function openStore(
  uri: string,
  {
    log,
    waitMs = START_WAIT_MS,
    signal,
    monitorCommands = false,
  }: { log: StoreLog; waitMs?: number; signal?: AbortSignal; monitorCommands?: boolean },
): Promise<Store> {
  const deadline = performance.now() + waitMs;
  for (let pause = RETRY_FIRST_MS, attempt = 1; ; pause = Math.min(pause * 2, RETRY_MAX_MS), attempt++) {
    try {
      const store = await storeOf(await connect(uri, log, monitorCommands));
      if (attempt > 1) log.info({ attempt }, 'MongoDB answers');
      return store;
    } catch (error) {
      const translated = translateOutage(error);
      if (!(translated instanceof StoreUnavailable) || performance.now() + pause > deadline) throw translated;
      log.warn(
        { attempt, reason: (error as Error).message },
        'MongoDB cannot be reached yet; trying again. Is it running, and is MONGODB_URI right?',
      );
      await delay(pause, undefined, { signal });
    }
  }
}

async function connect(uri: string, log: StoreLog, monitorCommands: boolean): Promise<mongoose.Connection> {
  const connection = await dial(uri, true, monitorCommands);
  const hello = await connection.db!.admin().command({ hello: 1 });
  if (hello.setName || hello.msg === 'isdbgrid') return connection;
  // A lone mongod refuses retryable writes; every caller copes with a write that failed, so it may serve.
  log.warn({}, 'MongoDB is no replica set: one of a single member survives a cut connection better');
  await connection.close(true);
  return dial(uri, false, monitorCommands);
}

async function dial(
  uri: string,
  retryWrites: boolean,
  monitorCommands: boolean,
): Promise<mongoose.Connection> {
  const connection = mongoose.createConnection(uri, {
    autoIndex: false,
    autoCreate: false,
    bufferCommands: false,
    serverSelectionTimeoutMS: SERVER_SELECTION_MS,
    waitQueueTimeoutMS: POOL_WAIT_MS,
    connectTimeoutMS: CONNECT_MS,
    heartbeatFrequencyMS: HEARTBEAT_MS,
    socketTimeoutMS: SOCKET_MS,
    maxPoolSize: POOL_MAX,
    retryWrites,
    monitorCommands,
    retryReads: true,
    writeConcern: { w: 'majority' },
    appName: 'earshot',
  });
  // Without a listener an outage would end the process; every operation reports it to its own caller.
  connection.on('error', () => {});
  try {
    return await connection.asPromise();
  } catch (error) {
    await connection.close(true).catch(() => {});
    throw error;
  }
}

async function storeOf(connection: mongoose.Connection): Promise<Store> {
  const db = connection.db as mongo.Db;
  // A broken connection makes the driver ask the server anew before it writes again, so this is never behind.
  connection.getClient().on('serverDescriptionChanged', ({ newDescription }) => {
    if (WRITABLE.has(newDescription.type)) epoch = epochOf(newDescription);
  });
  let epoch = epochOf((await db.admin().command({ hello: 1 })) as Parameters<typeof epochOf>[0]);
  return {
    connection,
    db,
    collection: (name) => db.collection(name),
    async ping() {
      try {
        await withinDeadline(db.command({ ping: 1 }), SERVER_SELECTION_MS);
      } catch (error) {
        throw translateOutage(error);
      }
    },
    epoch: () => epoch,
    close: () => connection.close(),
  };
}

function epochOf(hello: { electionId?: unknown; topologyVersion?: { processId: unknown } | null }): string {
  return `${hello.electionId ?? ''}/${hello.topologyVersion?.processId ?? ''}`;
}

/**
 * Rejects with StoreUnavailable when `work` has not settled after `ms`. The write may still happen: the caller has
 * not acknowledged, so the sender repeats it, and the unique index knows it again.
 */
export async function withinDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new StoreUnavailable(new Error(`no answer after ${ms} ms`))), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}
