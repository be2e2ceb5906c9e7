import type mongoose from 'mongoose';
import { FAST, type Store } from '../store/connect.ts';
import { isBulkRefusal } from '../store/translate-outage.ts';
import { findByKey } from './find-conversations.ts';
import { CONVERSATIONS, type ConversationDoc } from './model.ts';

const DUPLICATE_KEY = 11000;

/**
 * Opens conversations whose thread key nobody has yet. The unique index on (inbox, threadKey) decides when several
 * workers see the first messages of a thread at once: the losers get the winner's conversation, and with it his
 * ticket. Answers in order. Writes are FAST; the message's settlement covers them.
 */
export async function openConversations(store: Store, docs: ConversationDoc[]): Promise<ConversationDoc[]> {
  if (docs.length === 0) return [];
  const lost: ConversationDoc[] = [];
  try {
    await store.collection<ConversationDoc>(CONVERSATIONS).insertMany(docs, { ordered: false, ...FAST });
    return docs;
  } catch (error) {
    if (!isBulkRefusal(error)) throw error;
    for (const failure of [error.writeErrors].flat()) {
      if (failure.code !== DUPLICATE_KEY) throw error;
      lost.push(docs[failure.index]!);
    }
  }
  const winners = await findByKey(
    store,
    lost.map((doc) => ({ inbox: doc.inbox, ownKey: doc.threadKey })),
  );
  return docs.map((doc) => winners.get(`${doc.inbox} ${doc.threadKey}`) ?? doc);
}

/**
 * Moves conversations to another ticket, each only if it still points to `from`. Answers the ticket that each points
 * to afterwards: the wanted one, or that of whoever was first.
 */
export async function movePointers(
  store: Store,
  moves: {
    conversation: mongoose.Types.ObjectId;
    from: mongoose.Types.ObjectId;
    to: mongoose.Types.ObjectId;
  }[],
): Promise<Map<string, mongoose.Types.ObjectId>> {
  if (moves.length === 0) return new Map();
  const conversations = store.collection<ConversationDoc>(CONVERSATIONS);
  await conversations.bulkWrite(
    moves.map(({ conversation, from, to }) => ({
      updateOne: { filter: { _id: conversation, ticket: from }, update: { $set: { ticket: to } } },
    })),
    { ordered: false, ...FAST },
  );
  const docs = await conversations
    .find({ _id: { $in: moves.map((move) => move.conversation) } }, { projection: { ticket: 1 } })
    .toArray();
  return new Map(docs.map((doc) => [doc._id.toHexString(), doc.ticket]));
}

/** What a new message changes on its conversation: who has a place in it, and when the customer last wrote. */
export interface ConversationTouch {
  conversation: mongoose.Types.ObjectId;
  participants: string[];
  inboundAt?: Date;
}

export async function touchConversations(store: Store, touches: ConversationTouch[]): Promise<void> {
  if (touches.length === 0) return;
  await store.collection<ConversationDoc>(CONVERSATIONS).bulkWrite(
    touches.map(({ conversation, participants, inboundAt }) => ({
      updateOne: {
        filter: { _id: conversation },
        update: {
          ...(participants.length > 0 ? { $addToSet: { participants: { $each: participants } } } : {}),
          ...(inboundAt ? { $max: { lastInboundAt: inboundAt } } : {}),
        },
      },
    })),
    { ordered: false, ...FAST },
  );
}
