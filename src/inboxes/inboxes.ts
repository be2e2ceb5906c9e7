import mongoose from 'mongoose';
import {
  type ChannelType,
  INBOX_ID_PATTERN,
  type InboxId,
  type ProviderDefaults,
} from '../contract/index.ts';
import { DURABLE, type Store } from '../store/connect.ts';
import { SealError, type Sealer } from '../store/seal.ts';
import { isDuplicateKey, translateOutage } from '../store/translate-outage.ts';
import { InboxError, wordsOf } from './errors.ts';
import { type Health, INBOXES, type InboxDoc, judgeHealth } from './model.ts';
import { hasPlaceFor, joinSecrets, splitSecrets } from './split-secrets.ts';

type Config = Record<string, unknown>;

/** An inbox as it may be shown: no secret is in it. */
export interface InboxView {
  id: InboxId;
  kind: ChannelType['kind'];
  name?: string;
  config: Config;
  /** Which secrets are set, by path. */
  secrets: string[];
  paused: boolean;
  health: Health;
  createdAt: Date;
  updatedAt: Date;
}

/** An inbox ready to be opened: with its secrets, validated and completed from the environment. For the registry. */
export interface LoadedInbox {
  id: InboxId;
  type: ChannelType;
  config: unknown;
  paused: boolean;
  version: number;
}

export interface Inboxes {
  /** Throws InboxError: bad_inbox_id, unknown_kind, bad_configuration, inbox_exists. A removed id may be added again. */
  add(id: string, kind: string, config: Config, name?: string): Promise<InboxView>;
  /** All but removed ones, by id. */
  list(): Promise<InboxView[]>;
  get(id: string): Promise<InboxView | null>;
  /**
   * Another config, another name, or both. A secret that the new config leaves out stays as it was; null takes it
   * away. Throws InboxError: inbox_not_found, bad_configuration, inbox_changed; SealError where the stored ones cannot
   * be opened and the config brings none.
   */
  update(id: string, change: { config?: Config; name?: string }): Promise<InboxView>;
  /** A paused inbox neither polls nor sends; what a provider delivers to it is still recorded. */
  setPaused(id: string, paused: boolean): Promise<InboxView>;
  /** Its secrets go; its row stays, since messages refer to it. Throws InboxError inbox_not_found. */
  remove(id: string): Promise<void>;
  /** What is wrong with a config, as `add` would say it; empty: nothing. */
  check(kind: string, config: Config): string[];
  /** Throws InboxError `bad_configuration` when it cannot be opened any more (a variable has gone), or SealError. */
  load(doc: InboxDoc): LoadedInbox;
}

export function createInboxes(
  store: Store,
  sealer: Sealer,
  types: readonly ChannelType[],
  provider: ProviderDefaults,
  now: () => Date = () => new Date(),
): Inboxes {
  const collection = store.collection<InboxDoc>(INBOXES);
  const there = { removedAt: { $exists: false } };

  const typeOf = (kind: string): ChannelType => {
    const type = types.find((candidate) => candidate.kind === kind);
    if (type) return type;
    const known = types.map((candidate) => candidate.kind).join(', ');
    throw new InboxError('unknown_kind', `"${kind}" is no kind of inbox; there are: ${known}.`);
  };
  const parse = (type: ChannelType, config: Config): unknown => {
    const parsed = type.configSchema.safeParse(type.defaults?.(config, provider) ?? config);
    if (parsed.success) return parsed.data;
    throw new InboxError('bad_configuration', ...wordsOf(parsed.error));
  };
  const contextOf = (id: string) => `inbox:${id}`;
  const sealSecrets = (id: string, secrets: Config) =>
    new mongoose.mongo.Binary(sealer.seal(Buffer.from(JSON.stringify(secrets)), contextOf(id)));
  const openSecrets = (doc: InboxDoc): Config =>
    doc.secrets
      ? JSON.parse(sealer.open(Buffer.from(doc.secrets.buffer), contextOf(doc._id)).toString())
      : {};
  const view = (doc: InboxDoc): InboxView => ({
    id: doc._id as InboxId,
    kind: doc.kind,
    ...(doc.name === undefined ? {} : { name: doc.name }),
    config: doc.config,
    secrets: namesOf(doc),
    paused: doc.paused,
    health: judgeHealth(doc, now()),
    createdAt: doc.createdAt,
    updatedAt: doc.updatedAt,
  });
  const namesOf = (doc: InboxDoc): string[] => {
    try {
      return Object.keys(openSecrets(doc)).sort();
    } catch {
      // Sealed by a secret that has left EARSHOT_SECRET: the list must still be shown; opening it tells the reason.
      return [];
    }
  };
  /** Where the secret that sealed them is lost, new ones take their place: asking for the old would leave no way out. */
  const openOrReplace = (doc: InboxDoc, given: Config): Config => {
    try {
      return openSecrets(doc);
    } catch (error) {
      if (Object.keys(given).length > 0 && error instanceof SealError) return {};
      throw error;
    }
  };
  const find = async (id: string): Promise<InboxDoc> => {
    const doc = await collection.findOne({ _id: id, ...there });
    if (!doc) throw new InboxError('inbox_not_found', `There is no inbox "${id}".`);
    return doc;
  };
  /** Compare-and-set on the version, so that of two changes at once none is lost unseen. */
  const change = async (doc: InboxDoc, set: Partial<InboxDoc>, unset: (keyof InboxDoc)[] = []) => {
    const changed = await collection.findOneAndUpdate(
      { _id: doc._id, version: doc.version, ...there },
      {
        $set: { ...set, updatedAt: now() },
        $inc: { version: 1 },
        ...(unset.length > 0 ? { $unset: Object.fromEntries(unset.map((key) => [key, ''])) } : {}),
      },
      { returnDocument: 'after', ...DURABLE },
    );
    if (changed) return changed;
    throw new InboxError(
      'inbox_changed',
      `Somebody else changed the inbox "${doc._id}" just now; try again.`,
    );
  };

  const create = async (id: string, kind: string, config: Config, name?: string): Promise<InboxView> => {
    if (!INBOX_ID_PATTERN.test(id))
      throw new InboxError(
        'bad_inbox_id',
        `"${id}" is no id for an inbox: lower-case letters, digits and dashes, at most 63, the first no dash.`,
      );
    const type = typeOf(kind);
    parse(type, config);
    const { shown, secrets } = splitSecrets(config, type.secrets);
    const at = now();
    const fields = {
      kind: type.kind,
      config: shown,
      ...(name === undefined ? {} : { name }),
      ...(Object.keys(secrets).length > 0 ? { secrets: sealSecrets(id, secrets) } : {}),
      paused: false,
      createdAt: at,
      updatedAt: at,
    };
    try {
      // Matches nothing (and inserts), or a removed row of the same kind; any other row makes the insert collide.
      const doc = await collection.findOneAndUpdate(
        { _id: id, kind: type.kind, removedAt: { $exists: true } },
        {
          $set: fields,
          $inc: { version: 1 },
          $unset: { removedAt: '', ...(name === undefined ? { name: '' } : {}) },
        },
        { upsert: true, returnDocument: 'after', ...DURABLE },
      );
      return view(doc!);
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      throw new InboxError('inbox_exists', `There is, or was, another inbox "${id}"; choose another id.`);
    }
  };

  const update = async (id: string, { config, name }: { config?: Config; name?: string }) => {
    const doc = await find(id);
    const named = name === undefined ? {} : { name };
    if (!config) return view(await change(doc, named));
    const type = typeOf(doc.kind);
    const { shown, secrets, absent } = splitSecrets(config, type.secrets);
    const kept = Object.entries(openOrReplace(doc, secrets)).filter(
      ([path]) => !absent.includes(path) && hasPlaceFor(shown, path) && type.secrets.includes(path),
    );
    const all = { ...Object.fromEntries(kept), ...secrets };
    parse(type, joinSecrets(shown, all));
    const some = Object.keys(all).length > 0;
    const set = { ...named, config: shown, ...(some ? { secrets: sealSecrets(id, all) } : {}) };
    return view(await change(doc, set, some ? [] : ['secrets']));
  };

  const translated =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      try {
        return await work(...args);
      } catch (error) {
        throw translateOutage(error);
      }
    };

  return {
    add: translated(create),
    update: translated(update),
    list: translated(async () => (await collection.find(there).sort({ _id: 1 }).toArray()).map(view)),
    get: translated(async (id) => {
      const doc = await collection.findOne({ _id: id, ...there });
      return doc && view(doc);
    }),
    setPaused: translated(async (id, paused) => view(await change(await find(id), { paused }))),
    remove: translated(async (id) => {
      await change(await find(id), { removedAt: now() }, ['secrets', 'health']);
    }),
    check(kind, config) {
      try {
        parse(typeOf(kind), config);
        return [];
      } catch (error) {
        if (error instanceof InboxError) return [...error.problems];
        throw error;
      }
    },
    load(doc) {
      const type = typeOf(doc.kind);
      const config = parse(type, joinSecrets(doc.config, openSecrets(doc)));
      return { id: doc._id as InboxId, type, config, paused: doc.paused, version: doc.version };
    },
  };
}
