import type mongoose from 'mongoose';
import { type KnownContact, readContacts } from '../contacts/read-contact.ts';
import { countMessages } from '../conversations/list-messages.ts';
import type { Store } from '../store/connect.ts';
import { TICKETS, type TicketDoc } from './model.ts';

type ObjectId = mongoose.Types.ObjectId;

/** A ticket with what a list shows of it. */
export interface TicketRow {
  ticket: TicketDoc;
  contact: KnownContact;
  messageCount: number;
}

/** People, addresses and counts of a page of tickets: three queries, at once, whatever its length. */
export async function describeTickets(store: Store, tickets: TicketDoc[]): Promise<TicketRow[]> {
  const owners = new Map(tickets.map((ticket) => [ticket.contact.toHexString(), ticket.contact]));
  const [contacts, counts] = await Promise.all([
    readContacts(store, [...owners.values()]),
    countMessages(
      store,
      tickets.map((ticket) => ticket._id),
    ),
  ]);
  return tickets.map((ticket) => ({
    ticket,
    contact: contacts.get(ticket.contact.toHexString()) ?? { id: ticket.contact, identities: [] },
    messageCount: counts.get(ticket._id.toHexString()) ?? 0,
  }));
}

export async function readTicket(store: Store, id: ObjectId): Promise<TicketDoc | undefined> {
  return (await store.collection<TicketDoc>(TICKETS).findOne({ _id: id })) ?? undefined;
}

/** Tickets of one person, newest first. */
export async function listTicketsOf(store: Store, contact: ObjectId, limit: number): Promise<TicketDoc[]> {
  return store.collection<TicketDoc>(TICKETS).find({ contact }).sort({ _id: -1 }).limit(limit).toArray();
}
