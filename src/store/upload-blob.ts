import { pipeline, Readable, type Writable } from 'node:stream';
import mongoose from 'mongoose';
import { type BlobUploadDoc, fileContext } from './blob-model.ts';
import { FAST } from './connect.ts';
import type { Sealer } from './seal.ts';

/** Bytes of one document of GridFS. */
const CHUNK_BYTES = 1024 * 1024;
/** Longer than this no upload may take: after an hour the sweep would remove it as a crashed one's. */
const UPLOAD_MAX_MS = 30 * 60_000;

interface UploadDeps {
  bucket: mongoose.mongo.GridFSBucket;
  uploads: mongoose.mongo.Collection<BlobUploadDoc>;
  sealer: Sealer;
}

export interface Upload {
  file: mongoose.Types.ObjectId;
  /** `kept`: a row holds the file now; else another put of the same bytes was first, and this file goes. */
  end(kept: boolean): Promise<void>;
}

/** Streams sealed bytes into GridFS. When it rejects, nothing stays (or the sweep finds it). */
export async function uploadSealed(
  { bucket, uploads, sealer }: UploadDeps,
  head: Buffer[],
  rest: AsyncGenerator<Buffer>,
): Promise<Upload> {
  const file = new mongoose.Types.ObjectId();
  const forget = () => uploads.deleteOne({ _id: file }, FAST);
  const chunks = Readable.from(inOrder(head, rest), { objectMode: false });
  const sealed = pipeline(chunks, sealer.sealStream(fileContext(file)), () => {});
  const stream = bucket.openUploadStreamWithId(file, file.toHexString(), { chunkSizeBytes: CHUNK_BYTES });
  // Every failure is told by the write that it belongs to.
  stream.on('error', () => {});
  const started = performance.now();
  try {
    await uploads.insertOne({ _id: file, startedAt: new Date() }, FAST);
    for await (const piece of sealed) {
      if (performance.now() - started > UPLOAD_MAX_MS)
        throw new Error('the upload took more than half an hour');
      await write(stream, piece);
    }
    await end(stream);
  } catch (error) {
    chunks.destroy();
    try {
      await stream.abort();
      await forget();
    } catch {
      // The sweep knows the upload by its document.
    }
    throw error;
  }
  return {
    file,
    async end(kept) {
      if (!kept) await bucket.delete(file);
      await forget();
    },
  };
}

async function* inOrder(head: Buffer[], rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    while (head.length > 0) yield head.shift()!;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

function write(stream: Writable, piece: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(piece, (error) => (error ? reject(error) : resolve()));
  });
}

function end(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('error', reject);
    stream.end(() => resolve());
  });
}
