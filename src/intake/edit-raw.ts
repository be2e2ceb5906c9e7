import { createHash } from 'node:crypto';
import mongoose from 'mongoose';
import { type Refused, refuse } from '../lib/refused.ts';
import { DURABLE } from '../store/connect.ts';
import { SealError } from '../store/seal.ts';
import type { RawRow } from './list-raw.ts';
import { RAW_INBOUND, type RawDoc, type RawState } from './model.ts';
import { pack, unpack } from './pack.ts';
import type { ShowDeps } from './show-raw.ts';

const EDITABLE: readonly RawState[] = ['dead', 'quarantined'];

/** What arrived, kept beside the edited one, and who edited it last. */
export interface Edits {
  original?: { sealed: mongoose.mongo.Binary; blob?: string; size: number; sha256: string };
  edited?: { at: Date; by: mongoose.Types.ObjectId };
}

/**
 * Replaces the body of a delivery that nobody could read, so that a replay can. What arrived first is kept, sealed,
 * and the delivery stays the same one: a repeat by the provider is still a repeat. Leaves an audit line.
 */
export async function editRaw(
  { store, sealer, audit, now }: ShowDeps,
  id: mongoose.Types.ObjectId,
  body: Buffer,
  actor: mongoose.Types.ObjectId,
): Promise<{ ok: true; raw: RawRow } | Refused> {
  const collection = store.collection<RawDoc & Edits>(RAW_INBOUND);
  const doc = await collection.findOne({ _id: id });
  if (!doc) return refuse(404, 'raw_unknown', 'There is no such delivery, or its retention has ended.');
  if (!EDITABLE.includes(doc.state))
    return refuse(409, 'raw_not_editable', `A delivery that is ${doc.state} is not edited.`, {
      state: doc.state,
    });
  await audit.add({
    at: now(),
    actor: actor.toHexString(),
    action: 'raw.edit',
    subject: `raw:${id.toHexString()}`,
    detail: { inbox: doc.inbox, size: body.length },
  });
  let sealed: mongoose.mongo.Binary;
  try {
    const { envelope } = unpack(sealer, doc.inbox, Buffer.from(doc.sealed.buffer));
    sealed = new mongoose.mongo.Binary(pack(sealer, doc.inbox, envelope, body));
  } catch (error) {
    if (error instanceof SealError) return refuse(409, error.code, error.message);
    throw error;
  }
  const original = doc.original ?? {
    sealed: doc.sealed,
    ...(doc.blob ? { blob: doc.blob } : {}),
    size: doc.size,
    sha256: doc.sha256,
  };
  const raw = await collection.findOneAndUpdate(
    { _id: id, state: doc.state, 'lease.fence': doc.lease.fence, sha256: doc.sha256 },
    {
      $set: {
        sealed,
        size: body.length,
        sha256: createHash('sha256').update(body).digest('hex'),
        original,
        edited: { at: now(), by: actor },
      },
      $unset: { blob: '' },
    },
    { returnDocument: 'after', projection: { sealed: 0, 'original.sealed': 0 }, ...DURABLE },
  );
  if (raw) return { ok: true, raw };
  return refuse(409, 'raw_changed', 'This delivery was changed or replayed just now. Look again.');
}
