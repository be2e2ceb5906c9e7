/** The composition root: opens stores, registry and edges, and hands each what it needs. */

import { loadChannels } from '../channels/index.ts';
import type { Env } from '../config/env.ts';
import { keepSecret } from '../config/secret.ts';
import manifest from '../package.json' with { type: 'json' };
import { INDEXES as AGENT_INDEXES } from './agents/model.ts';
import { INDEXES as CONTACT_INDEXES } from './contacts/model.ts';
import type { RecordArrival } from './contract/index.ts';
import { INDEXES as CONVERSATION_INDEXES } from './conversations/model.ts';
import { openServices, type Services } from './embedded/index.ts';
import { createInboxes, createRegistry, INDEXES as INBOX_INDEXES, type Inboxes } from './inboxes/index.ts';
import { INDEXES as RAW_INDEXES } from './intake/model.ts';
import { createRecord } from './intake/record.ts';
import { createGuardedFetch } from './lib/guarded-fetch.ts';
import type { Log } from './lib/log.ts';
import { createMetrics, type Metrics } from './lib/metrics.ts';
import { openQueues, type Queues } from './queues/index.ts';
import { INDEXES as AUDIT_INDEXES } from './store/audit.ts';
import { INDEXES as BLOB_INDEXES, type Blobs, createBlobs } from './store/blobs.ts';
import { openStore, type Store } from './store/connect.ts';
import { INDEXES as CURSOR_INDEXES } from './store/cursors.ts';
import { ensureIndexes, type IndexSpec } from './store/ensure-indexes.ts';
import { createSealer, type Sealer } from './store/seal.ts';
import { INDEXES as TICKET_INDEXES } from './tickets/model.ts';

/** Work that runs is given this long to end before the stores are closed under it. */
const FINISH_MS = 20_000;
/** What remains open after that is given this long each. */
const CLOSE_MS = 5_000;

export const ROLES = ['gateway', 'workers', 'pollers'] as const;
export type Role = (typeof ROLES)[number];

/** Of every room: a start makes those that are missing. */
export const INDEXES = [
  ...RAW_INDEXES,
  ...CONTACT_INDEXES,
  ...CONVERSATION_INDEXES,
  ...TICKET_INDEXES,
  ...BLOB_INDEXES,
  ...INBOX_INDEXES,
  ...AGENT_INDEXES,
  ...AUDIT_INDEXES,
  ...CURSOR_INDEXES,
] as IndexSpec[];

/** What every command that touches stored things stands on. */
export interface House {
  env: Env;
  log: Log;
  now(): Date;
  services: Services;
  store: Store;
  sealer: Sealer;
  blobs: Blobs;
  /** Loads all channels, which takes a moment that other commands need not wait for. */
  openInboxes(): Promise<Inboxes>;
  close(): Promise<void>;
}

export interface OpenOptions {
  env: Env;
  log: Log;
  /** Given by who has them open already, and then not closed here. */
  services?: Services;
  /** How long a MongoDB that does not answer yet is waited for; default as `openStore`. */
  waitMs?: number;
  signal?: AbortSignal;
}

/**
 * Opens services, store and what is read through it; makes missing indexes.
 * Rejects with ConfigError, ServicesError, StoreUnavailable, IndexConflict; nothing stays open then.
 */
export async function openHouse({ env, log, services: given, waitMs, signal }: OpenOptions): Promise<House> {
  const now = () => new Date();
  const sealer = createSealer(keepSecret(env));
  const services = given ?? (await openServices({ ...env, log: (line) => log.info({}, line) }));
  const leave = async () => {
    if (!given) await services.close();
  };
  let store: Store | undefined;
  try {
    store = await openStore(services.mongodbUri, {
      log,
      ...(waitMs === undefined ? {} : { waitMs }),
      ...(signal ? { signal } : {}),
    });
    await ensureIndexes(store, INDEXES);
    const opened = store;
    return {
      env,
      log,
      now,
      services,
      store,
      sealer,
      blobs: createBlobs(store, sealer),
      openInboxes: async () => createInboxes(opened, sealer, await loadChannels(), env.provider, now),
      async close() {
        await opened.close();
        await leave();
      },
    };
  } catch (error) {
    await store?.close();
    await leave();
    throw error;
  }
}

export interface Earshot {
  /** Where HTTP listens; absent without the role gateway. */
  url?: string;
  /** Takes in nothing more, finishes what runs within 20 s, and closes everything. A second call waits for the first. */
  close(): Promise<void>;
}

/** Runs Earshot until closed. Rejects as `openHouse` does, and when the port cannot be had; nothing stays open then. */
export async function startEarshot(options: OpenOptions & { roles?: readonly Role[] }): Promise<Earshot> {
  const { env, log, roles = ROLES } = options;
  const house = await openHouse(options);
  const { store, sealer, blobs, now } = house;
  const inboxes = await house.openInboxes();
  const queues = openQueues(house.services.redisUrl, store.db.databaseName, log);
  const metrics = createMetrics();
  const fetch = createGuardedFetch();
  const registry = createRegistry({
    inboxes,
    store,
    log,
    now,
    fetch,
    publicUrl: env.publicUrl,
    host: env.host,
  });
  const record = createIntake(house, queues, metrics);
  const deps = { store, sealer, blobs, queues, registry, record, metrics, log, now };

  /** Edges that take in, then what works on it, in the order in which they end. */
  const edges: { close(): Promise<void> }[] = [];
  let workers: { close(): Promise<void> } | undefined;
  let closing: Promise<void> | undefined;
  const close = async () => {
    const finished = Promise.allSettled(edges.map((edge) => edge.close())).then(() => workers?.close());
    if (!(await within(FINISH_MS, finished)))
      log.warn({}, 'some work did not end in time; it is taken up again by its lease');
    await within(CLOSE_MS, registry.close());
    await within(CLOSE_MS, queues.close());
    await within(CLOSE_MS, store.close());
    if (!options.services) await house.services.close();
  };
  const closeOnce = () => {
    closing ??= close();
    return closing;
  };

  try {
    await registry.start();
    if (roles.includes('workers')) {
      const { startWorkers } = await import('../workers/index.ts');
      workers = startWorkers(deps, { rawRetentionDays: env.rawRetentionDays });
    }
    if (roles.includes('pollers')) {
      const { startSources } = await import('../workers/sources.ts');
      edges.push(startSources(deps));
    }
    if (!roles.includes('gateway')) return { close: closeOnce };
    const { buildGateway } = await import('./gateway/build.ts');
    const app = await buildGateway({
      ...deps,
      inboxes,
      wake: queues.wake,
      publicUrl: env.publicUrl,
      version: manifest.version,
    });
    edges.push({ close: async () => void (await app.close()) });
    const url = await app.listen({ host: env.host, port: env.port });
    return { url, close: closeOnce };
  } catch (error) {
    await closeOnce();
    throw error;
  }
}

/** The way in: durable first, then the wake-up beside it. */
function createIntake(house: House, queues: Queues, metrics: Metrics): (inbox: string) => RecordArrival {
  const { store, sealer, blobs, now } = house;
  const intake = createRecord({
    store,
    sealer,
    blobs,
    now,
    recorded: (id) => queues.wake('inbound', id),
    repeated: (inbox) => metrics.repeated(inbox),
  });
  return (inbox) => {
    const record = intake(inbox);
    return async (arrival) => {
      const recorded = await record(arrival);
      if (!recorded.duplicate) metrics.received(inbox);
      return recorded;
    };
  };
}

/** Whether it settled in time. What failed while closing has no one left to tell. */
async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const done = work.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}
