/**
 * Bytes of attachments, long texts and big bodies, sealed. A row by SHA-256 of the clear bytes; small ones lie in
 * the row, others in GridFS. Who uses a blob is a document each in `blobUsers`: the logo of a signature may have a
 * million users, which no array would bear.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import mongoose from 'mongoose';
import {
  BLOB_UPLOADS,
  BLOB_USERS,
  BLOBS,
  type BlobDoc,
  type BlobUploadDoc,
  type BlobUserDoc,
  contextOf,
  fileContext,
  freeIfUnused,
} from './blob-model.ts';
import { DURABLE, type Store } from './connect.ts';
import type { Sealer } from './seal.ts';
import { sweepBlobs } from './sweep-blobs.ts';
import { isDuplicateKey, translateOutage } from './translate-outage.ts';
import { type Upload, uploadSealed } from './upload-blob.ts';

/** Up to here a blob is one document, written in one round trip. In bytes. */
export const BLOB_INLINE_MAX = 256 * 1024;
const UPSERT_ATTEMPTS = 3;

export { INDEXES } from './blob-model.ts';

/** too_large: more bytes than allowed. missing: there is no such blob. damaged: its bytes are not those of its name. */
export class BlobError extends Error {
  readonly code: 'blob_too_large' | 'blob_missing' | 'blob_damaged';
  constructor(code: BlobError['code'], message: string) {
    super(message);
    this.name = 'BlobError';
    this.code = code;
  }
}

export interface Blobs {
  /**
   * Stores what the stream holds, durably once it has resolved, in constant memory. The same user again counts once.
   * Rejects with BlobError `blob_too_large`, StoreUnavailable, or the error of the stream; then nothing stays.
   */
  put(
    stream: Readable,
    options: { user: string; maxBytes: number },
  ): Promise<{ sha256: string; size: number }>;
  /** The stream fails with BlobError, SealError or StoreUnavailable. */
  open(sha256: string): Readable;
  /** `user` uses nothing any more. Harmless for an unknown one. */
  release(user: string): Promise<void>;
  /**
   * Removes blobs that were without users since before `olderThan`, and what crashes have left. `olderThan` must lie
   * an hour back, so that no put still runs on what is swept. `alive` says which of these users exist: one that was
   * named in a put but never stored is then released.
   */
  sweepOrphans(olderThan: Date, alive: (users: string[]) => Promise<Set<string>>): Promise<number>;
}

export function createBlobs(store: Store, sealer: Sealer): Blobs {
  const rows = store.collection<BlobDoc>(BLOBS);
  const users = store.collection<BlobUserDoc>(BLOB_USERS);
  const uploads = store.collection<BlobUploadDoc>(BLOB_UPLOADS);
  const bucket = new mongoose.mongo.GridFSBucket(store.db, { bucketName: BLOBS, ...DURABLE });

  const addUser = async (sha256: string, user: string): Promise<void> => {
    try {
      // Pending anew, also where it stands: a sweep that has just found this user nowhere must leave it alone now.
      await users.updateOne(
        { _id: `${sha256}:${user}` },
        { $set: { pendingAt: new Date() }, $setOnInsert: { sha256, user } },
        { upsert: true, ...DURABLE },
      );
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
    }
  };

  /** The row decides between two puts of the same bytes: answers whose file it holds. */
  const settle = async (sha256: string, fresh: Omit<BlobDoc, '_id'>): Promise<BlobDoc> => {
    for (let attempt = 1; ; attempt++) {
      try {
        const row = await rows.findOneAndUpdate(
          { _id: sha256 },
          { $setOnInsert: fresh, $unset: { freedAt: '' } },
          { upsert: true, returnDocument: 'after', projection: { file: 1 }, ...DURABLE },
        );
        return row!;
      } catch (error) {
        if (!isDuplicateKey(error) || attempt === UPSERT_ATTEMPTS) throw error;
      }
    }
  };

  /** First the bytes, then the user, then the row: at no moment does a row stand for bytes that are not there. */
  const keep = async (stream: Readable, user: string, maxBytes: number) => {
    const hash = createHash('sha256');
    let size = 0;
    const measured = measure(stream, maxBytes, (chunk) => {
      hash.update(chunk);
      size += chunk.length;
    });
    const { head, rest } = await takeHead(measured, BLOB_INLINE_MAX);
    const upload: Upload | undefined = rest && (await uploadSealed({ bucket, uploads, sealer }, head, rest));
    const sha256 = hash.digest('hex');
    await addUser(sha256, user);
    const bytes = upload
      ? { file: upload.file }
      : { sealed: new mongoose.mongo.Binary(sealer.seal(Buffer.concat(head), contextOf(sha256))) };
    const row = await settle(sha256, { size, ...bytes, createdAt: new Date() });
    await upload?.end(row.file?.equals(upload.file) ?? false);
    return { sha256, size };
  };

  async function* read(sha256: string): AsyncGenerator<Buffer> {
    try {
      const row = await rows.findOne({ _id: sha256 });
      if (!row) throw new BlobError('blob_missing', `No blob has the SHA-256 ${sha256}.`);
      if (row.sealed) {
        yield sealer.open(Buffer.from(row.sealed.buffer), contextOf(sha256));
        return;
      }
      const hash = createHash('sha256');
      const sealed = bucket.openDownloadStream(row.file!);
      const clear = sealer.openStream(fileContext(row.file!));
      sealed.on('error', (error) => clear.destroy(error)).pipe(clear);
      try {
        for await (const chunk of clear) {
          hash.update(chunk);
          yield chunk;
        }
      } finally {
        sealed.destroy();
      }
      if (hash.digest('hex') !== sha256)
        throw new BlobError('blob_damaged', `The bytes stored as ${sha256} are others.`);
    } catch (error) {
      throw translateOutage(error);
    }
  }

  return {
    async put(stream, { user, maxBytes }) {
      try {
        return await keep(stream, user, maxBytes);
      } catch (error) {
        stream.destroy();
        // Whether the row was written may be unknown now: the sweep finds out, and removes what nobody uses.
        throw translateOutage(error);
      }
    },
    open: (sha256) => Readable.from(read(sha256), { objectMode: false }),
    async release(user) {
      try {
        const used = await users.find({ user }).project<{ sha256: string }>({ sha256: 1 }).toArray();
        await users.deleteMany({ user }, DURABLE);
        for (const { sha256 } of used) await freeIfUnused({ rows, users }, sha256);
      } catch (error) {
        throw translateOutage(error);
      }
    },
    async sweepOrphans(olderThan, alive) {
      try {
        return await sweepBlobs({ rows, users, uploads, bucket }, olderThan, alive);
      } catch (error) {
        throw translateOutage(error);
      }
    },
  };
}

async function* measure(stream: Readable, maxBytes: number, see: (chunk: Buffer) => void) {
  let left = maxBytes;
  for await (const piece of stream) {
    const chunk = Buffer.isBuffer(piece) ? piece : Buffer.from(piece);
    left -= chunk.length;
    if (left < 0) throw new BlobError('blob_too_large', `There are more than ${maxBytes} bytes.`);
    see(chunk);
    yield chunk;
  }
}

/** What fits into `max` bytes, and the rest where there is one. */
async function takeHead(chunks: AsyncGenerator<Buffer>, max: number) {
  const head: Buffer[] = [];
  let size = 0;
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    head.push(next.value);
    size += next.value.length;
    if (size > max) return { head, rest: chunks };
  }
  return { head, rest: undefined };
}
