import type mongoose from 'mongoose';
import { type Refused, refuse } from '../lib/refused.ts';
import { DURABLE, type Store } from '../store/connect.ts';
import { AT_ONCE } from '../store/work/index.ts';
import { type Author, addActivity } from './add-note.ts';
import { MESSAGES, type MessageDoc } from './model.ts';
import { MESSAGE_MOVES, MESSAGE_STATUSES, type MessageStatus } from './status.ts';

export type RetriedReply = { ok: true; message: MessageDoc };

/** At rest, and yet it may go again. */
const RETRYABLE = MESSAGE_STATUSES.filter(
  (status) => status !== 'sending' && MESSAGE_MOVES[status].includes('queued'),
);

/**
 * Puts a failed reply back into the outbox; whoever calls wakes it. An unconfirmed one may have reached the customer:
 * it goes again only when the agent says that it has not.
 */
export async function retryReply(
  store: Store,
  id: mongoose.Types.ObjectId,
  author: Author,
  { confirmNotSent, now }: { confirmNotSent: boolean; now: Date },
): Promise<RetriedReply | Refused> {
  const messages = store.collection<MessageDoc>(MESSAGES);
  const from: MessageStatus[] = RETRYABLE.filter((status) => confirmNotSent || status !== 'unconfirmed');
  const step = { step: 'queued', at: now, detail: `again, by ${author.name}` };
  const message = await messages.findOneAndUpdate(
    { _id: id, direction: 'out', type: 'message', state: { $in: from } },
    [
      {
        $set: {
          state: 'queued',
          dueAt: AT_ONCE,
          attempts: 0,
          'lease.owner': null,
          // Taken as a whole and lost afterwards: it leaves as a whole. Broken off before: it goes on where it broke.
          externalIds: unlessTaken('$externalIds'),
          piecesSent: unlessTaken('$piecesSent'),
          trace: { $concatArrays: ['$trace', [{ $literal: step }]] },
        },
      },
      { $unset: ['externalId', 'error', 'lastError'] },
    ],
    { returnDocument: 'after', ...DURABLE },
  );
  if (!message) return whyNot(messages, id);
  await addActivity(store, message, author, 'reply.retried', `${author.name} sends a reply again.`, now);
  return { ok: true, message };
}

/** `externalId` stands once every piece was accepted. */
const unlessTaken = (field: string) => ({ $cond: [{ $gt: ['$externalId', null] }, '$$REMOVE', field] });

async function whyNot(
  messages: mongoose.mongo.Collection<MessageDoc>,
  id: mongoose.Types.ObjectId,
): Promise<Refused> {
  const message = await messages.findOne({ _id: id }, { projection: { state: 1, type: 1, direction: 1 } });
  if (!message) return refuse(404, 'message_unknown', 'There is no such message.');
  if (message.type !== 'message' || message.direction !== 'out')
    return refuse(409, 'message_not_outbound', 'Only a reply can be sent again.');
  if (message.state === 'unconfirmed')
    return refuse(
      409,
      'confirm_not_sent_required',
      'This reply may have reached the customer. Look first; then send { "confirmNotSent": true }.',
    );
  return refuse(409, 'message_not_retryable', `A message that is ${message.state} is not sent again.`, {
    status: message.state,
  });
}
