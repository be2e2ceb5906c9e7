import { setTimeout as delay } from 'node:timers/promises';
import { mongo } from 'mongoose';
import type { Store } from './connect.ts';
import { translateOutage } from './translate-outage.ts';

/** Each room exports `INDEXES: IndexSpec[]`; the start makes them all. Without `keys` only the collection is made. */
export interface IndexSpec {
  collection: string;
  keys?: Record<string, 1 | -1 | 'text'>;
  options?: mongo.CreateIndexesOptions;
}

const ALREADY_THERE = 48;
const CONFLICTS = new Set([67, 85, 86]);
const DUPLICATES = 11000;
/** Another process builds or creates the same just now. */
const BUSY = new Set([117, 12587, 46]);
const ATTEMPTS = 10;
const PAUSE_MS = 100;

/** An index in the database differs from the one that this version wants. */
export class IndexConflict extends Error {
  readonly code = 'index_conflict';
}

/**
 * Makes collections and indexes that are missing. Idempotent; two processes may do it at once.
 * Rejects with IndexConflict, which names the index and what to do, or StoreUnavailable.
 */
export async function ensureIndexes(store: Store, specs: readonly IndexSpec[]): Promise<void> {
  const existing = new Set(
    (await store.db.listCollections({}, { nameOnly: true }).toArray()).map((c) => c.name),
  );
  for (const name of new Set(specs.map((spec) => spec.collection))) {
    try {
      if (!existing.has(name)) await create(store, name);
      const wanted = specs.filter((spec) => spec.collection === name && spec.keys);
      if (wanted.length > 0) await patiently(() => createAll(store, name, wanted));
    } catch (error) {
      throw translateOutage(error);
    }
  }
}

async function create(store: Store, name: string): Promise<void> {
  try {
    await store.db.createCollection(name);
  } catch (error) {
    if (codeOf(error) !== ALREADY_THERE) throw error;
  }
}

async function createAll(store: Store, name: string, specs: IndexSpec[]): Promise<void> {
  try {
    await store
      .collection(name)
      .createIndexes(specs.map(({ keys, options }) => ({ key: keys!, ...options })));
  } catch (error) {
    const code = codeOf(error);
    const reason = (error as Error).message;
    if (CONFLICTS.has(code))
      throw new IndexConflict(
        `Collection "${name}" has an index that differs from the one this version needs. ` +
          `Drop the old one (db.getCollection('${name}').dropIndex(NAME)) and start again. MongoDB says: ${reason}`,
        { cause: error },
      );
    if (code === DUPLICATES)
      throw new IndexConflict(
        `Collection "${name}" holds documents that break a unique index. Remove the doubled ones and start again. ` +
          `MongoDB says: ${reason}`,
        { cause: error },
      );
    throw error;
  }
}

async function patiently(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!BUSY.has(codeOf(error)) || attempt === ATTEMPTS) throw error;
      await delay(PAUSE_MS * attempt);
    }
  }
}

function codeOf(error: unknown): number {
  return error instanceof mongo.MongoError ? Number(error.code) : Number.NaN;
}
