import mongoose from 'mongoose';
import { FAST, type Store } from '../store/connect.ts';
import { newWork, type WorkFields, workIndex } from '../store/work/index.ts';

export const MEDIA = 'media';

/** An attachment that lies at the provider and is to be fetched: a work item. At rest: `done` or `failed`. */
export interface MediaDoc extends WorkFields {
  _id: mongoose.Types.ObjectId;
  message: mongoose.Types.ObjectId;
  /** Its place among the message's attachments. */
  index: number;
  inbox: string;
  remote: Record<string, string>;
}

export const MEDIA_INDEXES = [
  {
    collection: MEDIA,
    keys: { message: 1 as const, index: 1 as const },
    options: { unique: true, name: 'media_once' },
  },
  workIndex(MEDIA),
];

export type NewMedia = Pick<MediaDoc, 'message' | 'index' | 'inbox' | 'remote'>;

/** Queues attachments for fetching, each once. Answers the ids to wake. FAST; the message's settlement covers it. */
export async function queueMedia(store: Store, wanted: NewMedia[]): Promise<string[]> {
  if (wanted.length === 0) return [];
  const docs = wanted.map(
    (media): MediaDoc => ({
      _id: new mongoose.Types.ObjectId(),
      ...media,
      ...newWork('waiting'),
    }),
  );
  const result = await store.collection<MediaDoc>(MEDIA).bulkWrite(
    docs.map((doc) => ({
      updateOne: {
        filter: { message: doc.message, index: doc.index },
        update: { $setOnInsert: doc },
        upsert: true,
      },
    })),
    { ordered: false, ...FAST },
  );
  return Object.values(result.upsertedIds).map(String);
}
