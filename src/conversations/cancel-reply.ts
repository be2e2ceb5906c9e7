import type mongoose from 'mongoose';
import { type Refused, refuse } from '../lib/refused.ts';
import { DURABLE, type Store } from '../store/connect.ts';
import { type Author, addActivity } from './add-note.ts';
import { MESSAGES, type MessageDoc } from './model.ts';
import { MESSAGE_MOVES, MESSAGE_STATUSES } from './status.ts';

type ObjectId = mongoose.Types.ObjectId;

/** `next`: the reply that waited behind it and may go now: whoever calls wakes it. */
export type CancelledReply = { ok: true; message: MessageDoc; next?: ObjectId };

const CANCELLABLE = MESSAGE_STATUSES.filter((status) => MESSAGE_MOVES[status].includes('cancelled'));

/** Takes back a reply that has not left. One that is being sent just now, or has left, cannot be: 409. */
export async function cancelReply(
  store: Store,
  id: ObjectId,
  author: Author,
  now: Date,
): Promise<CancelledReply | Refused> {
  const messages = store.collection<MessageDoc>(MESSAGES);
  // The state decides: a worker that claims it first has moved it to `sending`, and this finds nothing.
  const message = await messages.findOneAndUpdate(
    { _id: id, direction: 'out', type: 'message', state: { $in: CANCELLABLE } },
    {
      $set: { state: 'cancelled' },
      $unset: { dueAt: '' },
      $push: { trace: { step: 'cancelled', at: now, detail: `by ${author.name}` } },
    },
    { returnDocument: 'after', ...DURABLE },
  );
  if (!message) return whyNot(messages, id);
  await addActivity(store, message, author, 'reply.cancelled', `${author.name} took back a reply.`, now);
  // The next in line is due already: it waited for this one, not for a clock of its own.
  const next = await messages.findOne(
    { conversation: message.conversation, dueAt: { $exists: true } },
    { sort: { _id: 1 }, projection: { _id: 1 } },
  );
  return { ok: true, message, ...(next ? { next: next._id } : {}) };
}

async function whyNot(messages: mongoose.mongo.Collection<MessageDoc>, id: ObjectId): Promise<Refused> {
  const message = await messages.findOne({ _id: id }, { projection: { state: 1, type: 1, direction: 1 } });
  if (!message) return refuse(404, 'message_unknown', 'There is no such message.');
  if (message.type !== 'message' || message.direction !== 'out')
    return refuse(409, 'message_not_outbound', 'Only a reply can be taken back.');
  return refuse(409, 'message_not_cancellable', `A message that is ${message.state} cannot be taken back.`, {
    status: message.state,
  });
}
