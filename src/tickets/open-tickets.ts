import type mongoose from 'mongoose';
import { DURABLE, FAST, type Store } from '../store/connect.ts';
import { isBulkRefusal } from '../store/translate-outage.ts';
import { TICKETS, type TicketDoc } from './model.ts';
import type { TicketStatus } from './status.ts';

const DUPLICATE_KEY = 11000;

/** What a message does to its ticket: makes it if nobody has, joins its conversation, opens it again where `wake`. */
export interface TicketTouch {
  /** As it will be if it is new. */
  fresh: TicketDoc;
  conversation: mongoose.Types.ObjectId;
  at: Date;
  wake: boolean;
  /**
   * Its conversation was opened for it a moment ago, so it is inserted, which costs half of an upsert. Another worker
   * that has found the conversation in between collides with it, and then it does not stand either.
   */
  unknown: boolean;
  /** A machine wrote it: it may lie on a closed ticket, and a person's may not. */
  mayBeClosed: boolean;
}

/**
 * Upserts tickets under ids that conversations already point to: whoever comes second finds it. One round trip.
 * Answers for each whether it stands; false: the ticket was closed meanwhile, so the message needs another one.
 * FAST; the message's settlement covers it.
 */
export async function touchTickets(store: Store, touches: TicketTouch[]): Promise<boolean[]> {
  if (touches.length === 0) return [];
  const operations = touches.flatMap((touch, index) =>
    operationsOf(touch).map((operation) => ({ index, operation })),
  );
  try {
    await store.collection<TicketDoc>(TICKETS).bulkWrite(
      operations.map(({ operation }) => operation),
      { ordered: false, ...FAST },
    );
    return touches.map(() => true);
  } catch (error) {
    if (!isBulkRefusal(error)) throw error;
    const failures = [error.writeErrors].flat();
    if (failures.some((failure) => failure.code !== DUPLICATE_KEY)) throw error;
    const stale = new Set(failures.map((failure) => operations[failure.index]!.index));
    return touches.map((_, i) => !stale.has(i));
  }
}

function operationsOf({ fresh, conversation, at, wake, unknown, mayBeClosed }: TicketTouch) {
  if (unknown) return [{ insertOne: { document: { ...fresh, conversations: [conversation] } } }];
  const { _id, updatedAt: _updatedAt, conversations: _conversations, ...rest } = fresh;
  const touch = {
    updateOne: {
      // A closed ticket does not match, so the upsert collides with it: that is how a race with "close" shows.
      filter: mayBeClosed ? { _id } : { _id, status: { $ne: 'closed' as const } },
      update: {
        $setOnInsert: rest,
        $max: { updatedAt: at },
        $addToSet: { conversations: conversation },
      },
      upsert: true,
    },
  };
  const sleeping: TicketStatus[] = ['pending', 'resolved'];
  const open = {
    updateOne: {
      filter: { _id, status: { $in: sleeping } },
      update: { $set: { status: 'open' as const }, $unset: { resolvedAt: '' as const } },
    },
  };
  return wake ? [touch, open] : [touch];
}

/** What decides whether a message joins, reopens or follows. */
export async function findTickets(
  store: Store,
  ids: mongoose.Types.ObjectId[],
): Promise<Map<string, Pick<TicketDoc, '_id' | 'status' | 'resolvedAt'>>> {
  if (ids.length === 0) return new Map();
  const docs = await store
    .collection<TicketDoc>(TICKETS)
    .find({ _id: { $in: ids } }, { projection: { status: 1, resolvedAt: 1 } })
    .toArray();
  return new Map(docs.map((doc) => [doc._id.toHexString(), doc]));
}

/** Wakes a ticket because of something that is not a message (a reply failed). Answers whether it slept. */
export async function reopenTicket(store: Store, id: mongoose.Types.ObjectId, at: Date): Promise<boolean> {
  const result = await store
    .collection<TicketDoc>(TICKETS)
    .updateOne(
      { _id: id, status: { $in: ['pending', 'resolved'] } },
      { $set: { status: 'open' }, $max: { updatedAt: at }, $unset: { resolvedAt: '' } },
      DURABLE,
    );
  return result.modifiedCount === 1;
}
