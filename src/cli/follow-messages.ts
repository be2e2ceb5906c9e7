import { setTimeout as delay } from 'node:timers/promises';
import type mongoose from 'mongoose';
import { MESSAGES, type MessageDoc } from '../conversations/model.ts';
import type { Store } from '../store/connect.ts';
import { TICKETS, type TicketDoc } from '../tickets/model.ts';
import { CliError } from './errors.ts';

/** A message is stored an instant before its ticket. */
const TICKET_LOOKS = 10;
const TICKET_PAUSE_MS = 100;
const NO_CHANGE_STREAMS = 40573;

/** A message that was stored, or an answer whose status has changed. Texts are as stored: masked. */
export interface TailLine {
  at: Date;
  id: string;
  /** Number of the ticket. */
  ticket?: number;
  type: MessageDoc['type'];
  direction: MessageDoc['direction'];
  inbox: string;
  channel: string;
  from?: string;
  status?: string;
  text: string;
}

/** From now on, until the signal where there is one. Rejects with CliError where MongoDB is no replica set. */
export async function* followMessages(
  store: Store,
  inbox: string | undefined,
  signal?: AbortSignal,
): AsyncGenerator<TailLine> {
  const numbers = new Map<string, number>();
  const changes = store.collection<MessageDoc>(MESSAGES).watch<MessageDoc>(
    [
      {
        $match: {
          $or: [
            { operationType: 'insert' },
            { operationType: 'update', 'updateDescription.updatedFields.state': { $exists: true } },
          ],
          ...(inbox === undefined ? {} : { 'fullDocument.inbox': inbox }),
        },
      },
    ],
    { fullDocument: 'updateLookup' },
  );
  const close = () => void changes.close();
  signal?.addEventListener('abort', close, { once: true });
  try {
    for await (const change of changes) {
      if (!('fullDocument' in change) || !change.fullDocument) continue;
      const message = change.fullDocument;
      const ticket = await numberOf(store, message.ticket, numbers);
      yield lineOf(message, ticket, change.operationType === 'insert' ? message.createdAt : new Date());
    }
  } catch (error) {
    if (signal?.aborted) return;
    if ((error as { code?: unknown }).code === NO_CHANGE_STREAMS)
      throw new CliError(
        'events_unsupported',
        'This MongoDB is no replica set: nothing can be followed in it.',
      );
    throw error;
  } finally {
    signal?.removeEventListener('abort', close);
    await changes.close();
  }
}

function lineOf(message: MessageDoc, ticket: number | undefined, at: Date): TailLine {
  const from = message.direction === 'in' ? message.sender?.value : message.authorName;
  return {
    at,
    id: message._id.toHexString(),
    ...(ticket === undefined ? {} : { ticket }),
    type: message.type,
    direction: message.direction,
    inbox: message.inbox,
    channel: message.channel,
    ...(from ? { from } : {}),
    ...(message.state ? { status: message.state } : {}),
    text: message.text,
  };
}

async function numberOf(
  store: Store,
  id: mongoose.Types.ObjectId,
  known: Map<string, number>,
): Promise<number | undefined> {
  const key = id.toHexString();
  for (let look = 0; look < TICKET_LOOKS && !known.has(key); look++) {
    if (look > 0) await delay(TICKET_PAUSE_MS);
    const ticket = await store
      .collection<TicketDoc>(TICKETS)
      .findOne({ _id: id }, { projection: { number: 1 } });
    if (ticket) known.set(key, ticket.number);
  }
  return known.get(key);
}
