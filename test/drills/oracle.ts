/** What must be true in the end, read from the database. */
import { CONTACTS, IDENTITIES } from '../../src/contacts/model.ts';
import { CONVERSATIONS, MESSAGES, type MessageDoc } from '../../src/conversations/model.ts';
import { RAW_INBOUND, type RawDoc } from '../../src/intake/model.ts';
import type { Store } from '../../src/store/connect.ts';
import { TICKETS, type TicketDoc } from '../../src/tickets/model.ts';

const MARK = /mark-[\w-]+/;

export interface Found {
  /** Inbound messages, by the mark in their text, with the ticket of each. */
  byMark: Map<string, { message: string; ticket: string; raw: string | undefined }[]>;
  messages: number;
  /** Ids of the tickets that exist. */
  tickets: Set<string>;
  conversations: number;
  identities: number;
  contacts: number;
  raws: RawDoc[];
  replies: MessageDoc[];
}

export async function readDesk(store: Store): Promise<Found> {
  const [messages, tickets, raws, conversations, identities, contacts] = await Promise.all([
    store.collection<MessageDoc>(MESSAGES).find({ type: 'message' }).toArray(),
    store.collection<TicketDoc>(TICKETS).find().toArray(),
    store
      .collection<RawDoc>(RAW_INBOUND)
      .find({}, { projection: { sealed: 0 } })
      .toArray(),
    store.collection(CONVERSATIONS).countDocuments(),
    store.collection(IDENTITIES).countDocuments(),
    store.collection(CONTACTS).countDocuments(),
  ]);
  const inbound = messages.filter(({ direction }) => direction === 'in');
  return {
    byMark: Map.groupBy(
      inbound.map((doc) => ({
        mark: MARK.exec(doc.text)?.[0] ?? doc.text,
        message: doc._id.toHexString(),
        ticket: doc.ticket.toHexString(),
        raw: doc.raw?.toHexString(),
      })),
      ({ mark }) => mark,
    ),
    messages: inbound.length,
    tickets: new Set(tickets.map(({ _id }) => _id.toHexString())),
    conversations,
    identities,
    contacts,
    raws: raws as unknown as RawDoc[],
    replies: messages.filter(({ direction }) => direction === 'out'),
  };
}

/** Marks that are not there exactly once, or whose ticket does not exist. Empty: nothing is lost, nothing doubled. */
export function wrongMarks(found: Found, marks: Iterable<string>): string[] {
  return [...marks].flatMap((mark) => {
    const stored = found.byMark.get(mark) ?? [];
    if (stored.length !== 1) return [`${mark} is there ${stored.length} times`];
    return found.tickets.has(stored[0]!.ticket) ? [] : [`${mark} lies in a ticket that does not exist`];
  });
}

/** Threads whose messages are not all in one ticket, and tickets that hold messages of several. */
export function wrongThreads(found: Found, threadOf: ReadonlyMap<string, string>): string[] {
  const ticketsOf = new Map<string, Set<string>>();
  const threadsOf = new Map<string, Set<string>>();
  for (const [mark, thread] of threadOf)
    for (const { ticket } of found.byMark.get(mark) ?? []) {
      ticketsOf.set(thread, (ticketsOf.get(thread) ?? new Set()).add(ticket));
      threadsOf.set(ticket, (threadsOf.get(ticket) ?? new Set()).add(thread));
    }
  return [
    ...[...ticketsOf]
      .filter(([, set]) => set.size !== 1)
      .map(([t, set]) => `${t} lies in ${set.size} tickets`),
    ...[...threadsOf]
      .filter(([, set]) => set.size !== 1)
      .map(([t, set]) => `${t} holds ${[...set].join(', ')}`),
  ];
}
