import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import mongoose from 'mongoose';
import type { Arrival, RecordArrival, Recorded } from '../contract/index.ts';
import { createBatcher, type Outcome } from '../lib/batch.ts';
import type { Blobs } from '../store/blobs.ts';
import { DURABLE, type Store } from '../store/connect.ts';
import type { Sealer } from '../store/seal.ts';
import { isBulkRefusal, translateOutage } from '../store/translate-outage.ts';
import { AT_ONCE, newWork } from '../store/work/index.ts';
import { RAW_INBOUND, type RawDoc } from './model.ts';
import { pack } from './pack.ts';

/** A bigger body is streamed into the blob store. In bytes. */
export const BODY_INLINE_MAX = 1024 * 1024;
/** No delivery is bigger, on any channel. In bytes. */
export const BODY_MAX = 64 * 1024 * 1024;
const RECORD_BATCH_ITEMS = 100;
const RECORD_BATCHES_IN_FLIGHT = 3;
const DUPLICATE_KEY = 11000;

export interface RecordDeps {
  store: Store;
  sealer: Sealer;
  blobs: Blobs;
  now(): Date;
  /** Called once for each new record, after it is durable. Must not throw. */
  recorded(id: string): void;
  /** Called for each delivery that was there already. */
  repeated(inbox: string): void;
}

/**
 * The way in, the same for every channel: when the promise resolves the arrival is in MongoDB, majority-acknowledged
 * and journaled. The same delivery again answers the first one's id and changes nothing but a count.
 * Rejects with StoreUnavailable when MongoDB is away.
 */
export function createRecord(deps: RecordDeps): (inbox: string) => RecordArrival {
  const collection = deps.store.collection<RawDoc>(RAW_INBOUND);
  const insert = createBatcher<RawDoc, boolean>((docs) => insertNew(collection, docs), {
    maxItems: RECORD_BATCH_ITEMS,
    maxInFlight: RECORD_BATCHES_IN_FLIGHT,
  });

  const keep = async (doc: RawDoc): Promise<Recorded> => {
    const isNew = await insert(doc);
    if (isNew) {
      deps.recorded(doc._id.toHexString());
      return { id: doc._id.toHexString() as Recorded['id'], duplicate: false, sha256: doc.sha256 };
    }
    const { inbox, contentKey } = doc;
    // Durable although it is but a count: once acknowledged it covers the first one's insert, which may be an instant old.
    const first = await collection.findOneAndUpdate(
      { inbox, contentKey },
      { $inc: { repeats: 1 } },
      { projection: { _id: 1 }, ...DURABLE },
    );
    // Gone in between (retention): then it is new after all.
    if (!first) return keep(doc);
    if (doc.blob) await deps.blobs.release(doc._id.toHexString());
    deps.repeated(inbox);
    return { id: first._id.toHexString() as Recorded['id'], duplicate: true, sha256: doc.sha256 };
  };

  return (inbox) => async (arrival) => {
    const _id = new mongoose.Types.ObjectId();
    try {
      const body = await takeBody(deps.blobs, _id.toHexString(), arrival.body);
      return await keep({
        _id,
        inbox,
        contentKey: contentKey(arrival, body.sha256),
        via: arrival.envelope.via,
        ...newWork('received', AT_ONCE),
        state: 'received',
        sealed: new mongoose.mongo.Binary(pack(deps.sealer, inbox, arrival.envelope, body.inline)),
        ...(body.blob ? { blob: body.blob } : {}),
        size: body.size,
        sha256: body.sha256,
        receivedAt: arrival.receivedAt ?? deps.now(),
        recordedAt: deps.now(),
      });
    } catch (error) {
      throw translateOutage(error);
    }
  };
}

async function takeBody(blobs: Blobs, user: string, body: Arrival['body']) {
  if (Buffer.isBuffer(body) && body.length <= BODY_INLINE_MAX) {
    const sha256 = createHash('sha256').update(body).digest('hex');
    return { inline: body, size: body.length, sha256 };
  }
  const stream = Buffer.isBuffer(body) ? Readable.from([body]) : body;
  const { sha256, size } = await blobs.put(stream, { user, maxBytes: BODY_MAX });
  return { inline: Buffer.alloc(0), blob: sha256, size, sha256 };
}

/** Length-prefixed, so that no two pairs of word and body run into one. */
function contentKey(arrival: Arrival, bodySha256: string): string {
  const hash = createHash('sha256');
  if ('signedPart' in arrival.key)
    return hash.update('signed\0').update(arrival.key.signedPart).digest('hex');
  return hash.update(`body\0${arrival.key.bodyWith}\0${bodySha256}`).digest('hex');
}

/** One insertMany; a document that the unique index refuses is a repeat, not an error. */
async function insertNew(
  collection: mongoose.mongo.Collection<RawDoc>,
  docs: RawDoc[],
): Promise<Outcome<boolean>[]> {
  try {
    await collection.insertMany(docs, { ordered: false, ...DURABLE });
    return docs.map(() => ({ ok: true, value: true }));
  } catch (error) {
    if (!isBulkRefusal(error)) throw error;
    const failed = new Map([error.writeErrors].flat().map((e) => [e.index, e]));
    return docs.map((_, i) => {
      const e = failed.get(i);
      if (!e) return { ok: true, value: true };
      return e.code === DUPLICATE_KEY ? { ok: true, value: false } : { ok: false, error: e };
    });
  }
}
