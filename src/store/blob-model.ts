import type mongoose from 'mongoose';
import { DURABLE } from './connect.ts';
import type { IndexSpec } from './ensure-indexes.ts';

export const BLOBS = 'blobs';
export const BLOB_USERS = 'blobUsers';
export const BLOB_UPLOADS = 'blobUploads';
export interface BlobDoc {
  /** SHA-256 of the clear bytes, in hexadecimal. */
  _id: string;
  size: number;
  sealed?: mongoose.mongo.Binary;
  /** In GridFS. */
  file?: mongoose.Types.ObjectId;
  createdAt: Date;
  /** Set when its last user left; the sweep removes it some time after. */
  freedAt?: Date;
}

export interface BlobUserDoc {
  /** `${sha256}:${user}` */
  _id: string;
  sha256: string;
  user: string;
  /** Until the sweep has seen that the user was really stored. */
  pendingAt?: Date;
}

/** An upload under way: what a crash leaves in GridFS is found by it. */
export interface BlobUploadDoc {
  _id: mongoose.Types.ObjectId;
  startedAt: Date;
}

export const INDEXES: IndexSpec[] = [
  { collection: BLOBS, keys: { freedAt: 1 }, options: { sparse: true } },
  { collection: BLOBS, keys: { file: 1 }, options: { sparse: true } },
  { collection: BLOB_USERS, keys: { user: 1 } },
  { collection: BLOB_USERS, keys: { sha256: 1 } },
  { collection: BLOB_USERS, keys: { pendingAt: 1 }, options: { sparse: true } },
  { collection: BLOB_UPLOADS, keys: { startedAt: 1 } },
  // The driver makes these two itself on the first upload; better at the start than in the middle of a mail.
  { collection: `${BLOBS}.files`, keys: { filename: 1, uploadDate: 1 } },
  { collection: `${BLOBS}.chunks`, keys: { files_id: 1, n: 1 }, options: { unique: true } },
];

export interface BlobCollections {
  rows: mongoose.mongo.Collection<BlobDoc>;
  users: mongoose.mongo.Collection<BlobUserDoc>;
}

/** Marks a row that nobody uses. A put that comes in between takes the mark away, or the sweep sees its user. */
export async function freeIfUnused({ rows, users }: BlobCollections, sha256: string): Promise<void> {
  if (await users.findOne({ sha256 }, { projection: { _id: 1 } })) return;
  await rows.updateOne(
    { _id: sha256, freedAt: { $exists: false } },
    { $set: { freedAt: new Date() } },
    DURABLE,
  );
}

export const contextOf = (sha256: string) => `blob:${sha256}`;
/** The hash of a stream is known only after it was sealed; reading compares it instead. */
export const fileContext = (file: mongoose.Types.ObjectId) => `blob-file:${file.toHexString()}`;
