import type {
  Address,
  Capabilities,
  Channel,
  ChannelType,
  GuardedFetch,
  InboxId,
} from '../contract/index.ts';
import { INBOX_ID_PATTERN } from '../contract/index.ts';
import type { Log } from '../lib/log.ts';
import type { Store } from '../store/connect.ts';
import { createCursor } from '../store/cursors.ts';
import { translateOutage } from '../store/translate-outage.ts';
import { InboxError } from './errors.ts';
import { createHealthKeeper, type InboxHealth } from './health.ts';
import type { Inboxes } from './inboxes.ts';
import { INBOXES, type InboxDoc } from './model.ts';
import { createOwnAddresses, type OwnAddress } from './own-addresses.ts';

/** An inbox added beside a running server must receive within 5 s. */
const REFRESH_MS = 2_000;
/** How long an unknown id is not asked for again: a provider that calls a removed inbox must cost nothing. */
const UNKNOWN_MS = 1_000;
/** Made-up ids must not fill the memory. */
const UNKNOWN_MAX = 1_000;

/** A configured inbox with its channel. A change of the inbox gives a new one; the old one's channel is closed. */
export interface OpenInbox {
  id: InboxId;
  kind: ChannelType['kind'];
  type: ChannelType;
  /** Validated and complete, with secrets: never to be shown or logged. */
  config: unknown;
  channel: Channel;
  capabilities: Capabilities;
  ownAddresses: readonly OwnAddress[];
  /** Its sources do not run and nothing is sent; what a provider delivers is still recorded. */
  paused: boolean;
  health: InboxHealth;
  /** PUBLIC_URL + /hooks/:inbox. */
  hookUrl: string;
  version: number;
}

/** `was` without `is`: removed, or it cannot be opened any more. */
export interface InboxChange {
  id: InboxId;
  was?: OpenInbox;
  is?: OpenInbox;
}

/** May answer a promise: the old channel is closed once it has settled (its sources have ended). */
export type ChangeListener = (change: InboxChange) => void | Promise<void>;

export interface Registry {
  /** Looks into the database at once when the id is not known. null: there is none. Rejects with InboxError or StoreUnavailable. */
  get(id: string): Promise<OpenInbox | null>;
  /** Those that are open now. */
  all(): OpenInbox[];
  /** Whether it is an address of one of our own inboxes, of a plus form of it too. */
  isOwn(address: Pick<Address, 'kind' | 'value'>): boolean;
  /** Answers how to stop listening. */
  onChange(listener: ChangeListener): () => void;
  /** Opens all inboxes and follows their changes from now on. Rejects with StoreUnavailable. */
  start(): Promise<void>;
  /** Looks for changes now. Rejects with StoreUnavailable. */
  refresh(): Promise<void>;
  /** Closes all channels; end their sources first. */
  close(): Promise<void>;
}

export interface RegistryDeps {
  inboxes: Inboxes;
  store: Store;
  log: Log;
  now(): Date;
  fetch: GuardedFetch;
  publicUrl: string;
  host: string;
}

export function createRegistry(deps: RegistryDeps): Registry {
  const { inboxes, store, log, now } = deps;
  const collection = store.collection<InboxDoc>(INBOXES);
  const health = createHealthKeeper(store, now);
  const open = new Map<string, OpenInbox>();
  /** Those that cannot be opened, with the version that could not and why. */
  const broken = new Map<string, { version: number; error: unknown }>();
  const unknownUntil = new Map<string, number>();
  const listeners = new Set<ChangeListener>();
  const closing = new Set<Promise<void>>();
  const own = createOwnAddresses();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const build = (doc: InboxDoc): OpenInbox => {
    const { id, type, config, paused, version } = inboxes.load(doc);
    const hookUrl = `${deps.publicUrl}/hooks/${id}`;
    const report = health.reportOf(id);
    const channel = type.open(config, {
      inbox: id,
      log: log.child({ inbox: id }),
      now,
      fetch: deps.fetch,
      cursor: createCursor(store, id),
      health: report,
      hookUrl,
      host: deps.host,
    });
    const quiet = channel.sources?.map((source) => source.silentAfterMs) ?? [];
    health.watch(id, quiet.length > 0 ? Math.min(...quiet) : undefined);
    return {
      id,
      kind: type.kind,
      type,
      config,
      channel,
      capabilities: type.capabilities,
      ownAddresses: type.ownAddresses?.(config) ?? [],
      paused,
      health: report,
      hookUrl,
      version,
    };
  };

  /** Without an await between look and change: a get and a refresh at once open one channel, never two. */
  const place = (doc: InboxDoc): void => {
    const id = doc._id as InboxId;
    const was = open.get(id);
    if (closed || Math.max(was?.version ?? 0, broken.get(id)?.version ?? 0) >= doc.version) return;
    unknownUntil.delete(id);
    try {
      const is = build(doc);
      broken.delete(id);
      open.set(id, is);
      own.set(id, is.ownAddresses);
      log.info({ inbox: id, kind: is.kind, paused: is.paused }, was ? 'inbox changed' : 'inbox opened');
      announce({ id, was, is });
    } catch (error) {
      broken.set(id, { version: doc.version, error });
      log.error({ inbox: id, err: error }, 'inbox cannot be opened; correct its config');
      health.reportOf(id).failing('bad_configuration', (error as Error).message);
      if (was) drop(id, was);
    }
  };

  const drop = (id: string, was: OpenInbox): void => {
    open.delete(id);
    own.delete(id);
    announce({ id: was.id, was });
  };

  const announce = (change: InboxChange): void => {
    const told = [...listeners].map(async (listener) => listener(change));
    const { was } = change;
    if (!was) return;
    const done = Promise.allSettled(told)
      .then(() => was.channel.close())
      .catch((err) => log.warn({ inbox: was.id, err }, 'channel did not close'))
      .finally(() => closing.delete(done));
    closing.add(done);
  };

  const refresh = async (): Promise<void> => {
    // Before the question: what `get` opens while it is answered must not be taken for removed.
    const before = [...open.values()];
    const there = { removedAt: { $exists: false } };
    const rows = await collection
      .find(there)
      .project<{ _id: string; version: number }>({ version: 1 })
      .toArray();
    const changed = rows.filter(({ _id, version }) => (open.get(_id)?.version ?? 0) < version);
    const news = changed.filter(({ _id, version }) => (broken.get(_id)?.version ?? 0) < version);
    const docs =
      news.length > 0
        ? await collection.find({ _id: { $in: news.map(({ _id }) => _id) }, ...there }).toArray()
        : [];
    for (const doc of docs) place(doc);
    const ids = new Set(rows.map(({ _id }) => _id));
    for (const inbox of before) {
      if (ids.has(inbox.id) || open.get(inbox.id) !== inbox) continue;
      health.forget(inbox.id);
      log.info({ inbox: inbox.id }, 'inbox removed');
      drop(inbox.id, inbox);
    }
    for (const id of broken.keys()) if (!ids.has(id)) broken.delete(id);
  };

  const follow = (): void => {
    if (closed) return;
    timer = setTimeout(async () => {
      try {
        await refresh();
        await health.flush();
      } catch (error) {
        // What is open stays open: webhooks are still verified, and answered 503 by the store.
        log.debug({ err: error }, 'inboxes cannot be refreshed now');
      }
      follow();
    }, REFRESH_MS);
    timer.unref();
  };

  const translated = async (work: Promise<void>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      throw translateOutage(error);
    }
  };

  const look = async (id: string): Promise<void> => {
    if ((unknownUntil.get(id) ?? 0) > performance.now()) return;
    const doc = await collection.findOne({ _id: id, removedAt: { $exists: false } });
    if (doc) return place(doc);
    if (unknownUntil.size >= UNKNOWN_MAX) unknownUntil.clear();
    unknownUntil.set(id, performance.now() + UNKNOWN_MS);
  };

  return {
    async get(id) {
      if (!open.has(id) && !broken.has(id) && INBOX_ID_PATTERN.test(id)) await translated(look(id));
      const failure = broken.get(id);
      if (failure) throw new InboxError('bad_configuration', (failure.error as Error).message);
      return open.get(id) ?? null;
    },
    all: () => [...open.values()],
    isOwn: (address) => own.has(address),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async start() {
      await translated(refresh());
      follow();
    },
    refresh: () => translated(refresh()),
    async close() {
      closed = true;
      clearTimeout(timer);
      for (const inbox of [...open.values()]) drop(inbox.id, inbox);
      await Promise.all(closing);
      await health.flush().catch((err) => log.debug({ err }, 'the last health was not written'));
    },
  };
}
