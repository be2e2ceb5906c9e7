import { setTimeout as delay } from 'node:timers/promises';
import type mongoose from 'mongoose';
import { StoreUnavailable } from '../contract/index.ts';
import { MESSAGES, type MessageDoc } from '../conversations/model.ts';
import type { Log } from '../lib/log.ts';
import type { Store } from '../store/connect.ts';
import { translateOutage } from '../store/translate-outage.ts';
import { TICKETS, type TicketDoc } from '../tickets/model.ts';
import { CliError } from './errors.ts';

/** A message is stored an instant before its ticket. */
const TICKET_LOOKS = 10;
const TICKET_PAUSE_MS = 100;
const NO_CHANGE_STREAMS = 40573;
/** ChangeStreamHistoryLost: MongoDB was away for longer than its log reaches back. */
const HISTORY_LOST = 286;
/** How often a MongoDB that is away is asked again. */
const RETRY_MS = 1_000;

type ResumeToken = mongoose.mongo.ResumeToken;

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

export interface FollowOptions {
  log: Log;
  /** Of this inbox only. */
  inbox?: string | undefined;
  /** Ends it. */
  signal?: AbortSignal;
}

/**
 * From now on, until the signal where there is one. While MongoDB is away it waits, and then goes on where it was.
 * Rejects with CliError where MongoDB is no replica set.
 */
export async function* followMessages(
  store: Store,
  { log, inbox, signal }: FollowOptions,
): AsyncGenerator<TailLine> {
  const numbers = new Map<string, number>();
  let position: ResumeToken | undefined;
  let away = false;
  while (!signal?.aborted) {
    const changes = watchMessages(store, inbox, position);
    const close = () => void changes.close().catch(() => {});
    signal?.addEventListener('abort', close, { once: true });
    try {
      for (;;) {
        const change = await changes.tryNext();
        if (away) log.info({}, 'MongoDB is back: messages are shown again');
        away = false;
        if (change && 'fullDocument' in change && change.fullDocument) {
          const message = change.fullDocument;
          const ticket = await numberOf(store, message.ticket, numbers);
          yield lineOf(message, ticket, change.operationType === 'insert' ? message.createdAt : new Date());
        }
        // Only what was shown is passed over when it goes on from here.
        position = changes.resumeToken;
      }
    } catch (error) {
      if (signal?.aborted) return;
      const { code } = error as { code?: unknown };
      if (code === NO_CHANGE_STREAMS)
        throw new CliError(
          'events_unsupported',
          'This MongoDB is no replica set: nothing can be followed in it.',
        );
      if (code === HISTORY_LOST) position = undefined;
      else if (!(translateOutage(error) instanceof StoreUnavailable)) throw error;
      if (!away) log.warn({}, 'MongoDB is away: messages are shown again when it is back');
      away = true;
      await delay(RETRY_MS, undefined, { signal }).catch(() => {});
    } finally {
      signal?.removeEventListener('abort', close);
      await changes.close().catch(() => {});
    }
  }
}

function watchMessages(store: Store, inbox: string | undefined, position: ResumeToken | undefined) {
  return store.collection<MessageDoc>(MESSAGES).watch<MessageDoc>(
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
    { fullDocument: 'updateLookup', ...(position === undefined ? {} : { resumeAfter: position }) },
  );
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
