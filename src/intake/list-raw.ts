import type mongoose from 'mongoose';
import type { Store } from '../store/connect.ts';
import { RAW_INBOUND, type RawDoc, type RawState } from './model.ts';

type ObjectId = mongoose.Types.ObjectId;

/** A state that few have is looked for among all: it may take this long. */
const SEARCH_MS = 2_000;

/** A delivery without its bytes. */
export type RawRow = Omit<RawDoc, 'sealed'> & { edited?: { at: Date; by: ObjectId } };

const WITHOUT_BYTES = { sealed: 0, 'original.sealed': 0 } as const;

/** Newest first, `limit` of them, older than `before`. */
export async function listRaw(
  store: Store,
  { states, inbox }: { states?: RawState[] | undefined; inbox?: string | undefined },
  { before, limit }: { before?: ObjectId | undefined; limit: number },
): Promise<RawRow[]> {
  return store
    .collection<RawDoc>(RAW_INBOUND)
    .find(
      {
        ...(before ? { _id: { $lt: before } } : {}),
        ...(states ? { state: { $in: states } } : {}),
        ...(inbox === undefined ? {} : { inbox }),
      },
      { projection: WITHOUT_BYTES, maxTimeMS: SEARCH_MS },
    )
    .sort({ _id: -1 })
    .limit(limit)
    .toArray();
}

export async function readRaw(store: Store, id: ObjectId): Promise<RawRow | undefined> {
  const row = await store.collection<RawDoc>(RAW_INBOUND).findOne({ _id: id }, { projection: WITHOUT_BYTES });
  return row ?? undefined;
}
