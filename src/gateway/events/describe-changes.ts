import type mongoose from 'mongoose';
import { MESSAGES, type MessageDoc } from '../../conversations/model.ts';
import type { Store } from '../../store/connect.ts';
import { TICKETS, type TicketDoc } from '../../tickets/model.ts';
import { describeTickets } from '../../tickets/read-ticket.ts';
import { viewMessage } from '../views/message.ts';
import { viewTicket } from '../views/ticket.ts';

type ObjectId = mongoose.Types.ObjectId;

/** What a change stream says of one write: which document, not what is in it. */
export interface Change {
  /** The resume token: after this, the stream can go on. */
  token: string;
  collection: string;
  id: ObjectId;
  created: boolean;
}

/** As it goes to those who listen. `id` is the resume token. */
export interface FeedEvent {
  id: string;
  event: 'ticket.created' | 'ticket.updated' | 'message.created' | 'message.updated';
  data: unknown;
}

const NAMES = new Map([
  [TICKETS, 'ticket'],
  [MESSAGES, 'message'],
] as const);

/** The collections that are watched. */
export const WATCHED: string[] = [...NAMES.keys()];

/**
 * Documents as they are now, in the shapes of the API, in the order of their last change: of several changes of one
 * document the last is told. Five queries whatever the number of changes.
 */
export async function describeChanges(store: Store, changes: Change[]): Promise<FeedEvent[]> {
  const latest = new Map<string, Change>();
  for (const change of changes) {
    const key = `${change.collection} ${change.id.toHexString()}`;
    const created = change.created || (latest.get(key)?.created ?? false);
    latest.delete(key);
    latest.set(key, { ...change, created });
  }
  const idsOf = (collection: string) =>
    [...latest.values()].filter((change) => change.collection === collection).map(({ id }) => id);
  const [tickets, messages] = await Promise.all([
    findAll<TicketDoc>(store, TICKETS, idsOf(TICKETS)).then((docs) => describeTickets(store, docs)),
    findAll<MessageDoc>(store, MESSAGES, idsOf(MESSAGES)),
  ]);
  const views = new Map<string, unknown>([
    ...tickets.map((row) => [`${TICKETS} ${row.ticket._id.toHexString()}`, viewTicket(row)] as const),
    ...messages.map((doc) => [`${MESSAGES} ${doc._id.toHexString()}`, viewMessage(doc)] as const),
  ]);
  return [...latest].flatMap(([key, { token, collection, created }]) => {
    const name = NAMES.get(collection as typeof TICKETS);
    const data = views.get(key);
    // Removed meanwhile: there is nothing to tell.
    if (!name || !data) return [];
    return [{ id: token, event: `${name}.${created ? 'created' : 'updated'}` as FeedEvent['event'], data }];
  });
}

async function findAll<T extends mongoose.mongo.Document>(
  store: Store,
  collection: string,
  ids: ObjectId[],
): Promise<T[]> {
  if (ids.length === 0) return [];
  const documents = store.collection<mongoose.mongo.Document>(collection);
  return (await documents.find({ _id: { $in: ids } }).toArray()) as unknown as T[];
}
