import type { Cursor } from '../contract/index.ts';
import { DURABLE, type Store } from './connect.ts';
import type { IndexSpec } from './ensure-indexes.ts';
import { translateOutage } from './translate-outage.ts';

export const CURSORS = 'cursors';

interface CursorDoc {
  _id: { inbox: string; name: string };
  inbox: string;
  value: unknown;
  updatedAt: Date;
}

export const INDEXES: IndexSpec[] = [{ collection: CURSORS, keys: { inbox: 1 } }];

/** How far the source of one inbox has come. A `set` that has resolved survives every crash. */
export function createCursor(store: Store, inbox: string): Cursor {
  const cursors = store.collection<CursorDoc>(CURSORS);
  const translated = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw translateOutage(error);
    }
  };
  return {
    async get<T>(name: string) {
      const doc = await translated(cursors.findOne({ _id: { inbox, name } }));
      return doc?.value as T | undefined;
    },
    async set(name, value) {
      await translated(
        cursors.updateOne(
          { _id: { inbox, name } },
          { $set: { inbox, value, updatedAt: new Date() } },
          { upsert: true, ...DURABLE },
        ),
      );
    },
    async list() {
      const docs = await translated(cursors.find({ inbox }).project<CursorDoc>({ _id: 1 }).toArray());
      return docs.map((doc) => doc._id.name).sort();
    },
    async remove(name) {
      await translated(cursors.deleteOne({ _id: { inbox, name } }, DURABLE));
    },
  };
}
