import type mongoose from 'mongoose';
import { type Refused, refuse } from '../lib/refused.ts';
import { DURABLE, type Store } from '../store/connect.ts';
import { AT_ONCE } from '../store/work/index.ts';
import type { RawRow } from './list-raw.ts';
import { RAW_INBOUND, type RawDoc } from './model.ts';

/**
 * Has a delivery processed again; whoever calls wakes the inbound worker. Effects are keyed, so what had been done is
 * not done twice. One that waits for its next try is due at once. One that a worker holds: 409.
 */
export async function replayRaw(
  store: Store,
  id: mongoose.Types.ObjectId,
): Promise<{ ok: true; raw: RawRow } | Refused> {
  const collection = store.collection<RawDoc>(RAW_INBOUND);
  const raw = await collection.findOneAndUpdate(
    { _id: id, state: { $ne: 'processing' } },
    {
      $set: { state: 'received', dueAt: AT_ONCE, attempts: 0, 'lease.owner': null },
      $unset: { lastError: '' },
    },
    { returnDocument: 'after', projection: { sealed: 0, 'original.sealed': 0 }, ...DURABLE },
  );
  if (raw) return { ok: true, raw };
  if (await collection.findOne({ _id: id }, { projection: { _id: 1 } }))
    return refuse(409, 'raw_processing', 'A worker holds this delivery just now; try again in a moment.');
  return refuse(404, 'raw_unknown', 'There is no such delivery, or its retention has ended.');
}
