import type mongoose from 'mongoose';
import { type BlobCollections, type BlobUploadDoc, freeIfUnused } from './blob-model.ts';
import { DURABLE, FAST } from './connect.ts';

/** Documents looked at in one round; the sweep goes on until a round finds less. */
const BATCH = 200;
/** Due for the next sweep. */
const LONG_AGO = new Date(0);

interface SweepDeps extends BlobCollections {
  uploads: mongoose.mongo.Collection<BlobUploadDoc>;
  bucket: mongoose.mongo.GridFSBucket;
}

/** See Blobs.sweepOrphans. Answers how many blobs and files it removed. Several processes may sweep at once. */
export async function sweepBlobs(
  deps: SweepDeps,
  olderThan: Date,
  alive: (users: string[]) => Promise<Set<string>>,
): Promise<number> {
  await checkUsers(deps, olderThan, alive);
  return (await sweepUploads(deps, olderThan)) + (await sweepRows(deps, olderThan));
}

/** A put may have been followed by a crash: then its user was never stored. Each user is asked for once a put. */
async function checkUsers(
  deps: SweepDeps,
  olderThan: Date,
  alive: (users: string[]) => Promise<Set<string>>,
): Promise<void> {
  for (;;) {
    const pending = await deps.users
      .find({ pendingAt: { $lt: olderThan } })
      .limit(BATCH)
      .toArray();
    const living = await alive([...new Set(pending.map(({ user }) => user))]);
    const dead = pending.filter(({ user }) => !living.has(user));
    const ids = (docs: typeof pending) => ({ _id: { $in: docs.map(({ _id }) => _id) } });
    // A put since that look has made its user pending anew.
    await deps.users.deleteMany({ ...ids(dead), pendingAt: { $lt: olderThan } }, DURABLE);
    for (const { sha256 } of dead) await freeIfUnused(deps, sha256);
    await deps.users.updateMany(
      ids(pending.filter(({ user }) => living.has(user))),
      { $unset: { pendingAt: '' } },
      DURABLE,
    );
    if (pending.length < BATCH) return;
  }
}

async function sweepUploads({ rows, uploads, bucket }: SweepDeps, olderThan: Date): Promise<number> {
  let removed = 0;
  for (;;) {
    const old = await uploads
      .find({ startedAt: { $lt: olderThan } })
      .limit(BATCH)
      .toArray();
    for (const { _id } of old) {
      if (!(await rows.findOne({ file: _id }, { projection: { _id: 1 } }))) {
        await removeFile(bucket, _id);
        removed++;
      }
      await uploads.deleteOne({ _id }, FAST);
    }
    if (old.length < BATCH) return removed;
  }
}

async function sweepRows(deps: SweepDeps, olderThan: Date): Promise<number> {
  let removed = 0;
  for (;;) {
    const freed = await deps.rows
      .find({ freedAt: { $lt: olderThan } })
      .project<{ _id: string; freedAt: Date; file?: mongoose.Types.ObjectId }>({ freedAt: 1, file: 1 })
      .limit(BATCH)
      .toArray();
    for (const { _id, freedAt, file } of freed) {
      if (await deps.users.findOne({ sha256: _id }, { projection: { _id: 1 } })) {
        await deps.rows.updateOne({ _id, freedAt }, { $unset: { freedAt: '' } }, DURABLE);
        continue;
      }
      // Named first, so that a crash after the row has gone leaves no file that nobody knows.
      if (file) await name(deps.uploads, file);
      // A put between that look and this delete has taken `freedAt` away.
      const { deletedCount } = await deps.rows.deleteOne({ _id, freedAt }, DURABLE);
      if (deletedCount > 0 && file) await removeFile(deps.bucket, file);
      if (file) await deps.uploads.deleteOne({ _id: file }, FAST);
      removed += deletedCount;
    }
    if (freed.length < BATCH) return removed;
  }
}

async function name(uploads: SweepDeps['uploads'], file: mongoose.Types.ObjectId): Promise<void> {
  await uploads.updateOne(
    { _id: file },
    { $setOnInsert: { startedAt: LONG_AGO } },
    { upsert: true, ...DURABLE },
  );
}

/** An upload that was cut off has chunks without a file, which `delete` removes before it complains. */
async function removeFile(bucket: mongoose.mongo.GridFSBucket, file: mongoose.Types.ObjectId): Promise<void> {
  try {
    await bucket.delete(file);
  } catch (error) {
    if (!(error as Error).message.startsWith('File not found')) throw error;
  }
}
