import type mongoose from 'mongoose';
import type { Store } from '../store/connect.ts';
import { MESSAGES, type MessageDoc } from './model.ts';

type ObjectId = mongoose.Types.ObjectId;

/** Where a page of messages ended: several may have the same time. */
export interface MessagePosition {
  createdAt: Date;
  id: ObjectId;
}

/** Fields that nobody reads outside the workers, or that may be big. */
const UNSHOWN = { mailIds: 0, references: 0, pendingReceipts: 0, lease: 0, trace: 0 } as const;

/** What is on a ticket, oldest first: messages, notes and activities. */
export async function listMessages(
  store: Store,
  ticket: ObjectId,
  { after, limit }: { after?: MessagePosition | undefined; limit: number },
): Promise<MessageDoc[]> {
  return store
    .collection<MessageDoc>(MESSAGES)
    .find(
      {
        ticket,
        ...(after
          ? {
              createdAt: { $gte: after.createdAt },
              $or: [
                { createdAt: { $gt: after.createdAt } },
                { createdAt: after.createdAt, _id: { $gt: after.id } },
              ],
            }
          : {}),
      },
      { projection: UNSHOWN },
    )
    .sort({ createdAt: 1, _id: 1 })
    .limit(limit)
    .toArray();
}

export async function readMessage(store: Store, id: ObjectId): Promise<MessageDoc | undefined> {
  return (await store.collection<MessageDoc>(MESSAGES).findOne({ _id: id })) ?? undefined;
}

/** Messages in and out on each of these tickets, without notes and activities; one aggregation. By hexadecimal id. */
export async function countMessages(store: Store, tickets: ObjectId[]): Promise<Map<string, number>> {
  if (tickets.length === 0) return new Map();
  const counts = await store
    .collection<MessageDoc>(MESSAGES)
    .aggregate<{ _id: ObjectId; count: number }>([
      { $match: { ticket: { $in: tickets }, type: 'message' } },
      { $group: { _id: '$ticket', count: { $sum: 1 } } },
    ])
    .toArray();
  return new Map(counts.map(({ _id, count }) => [_id.toHexString(), count]));
}
