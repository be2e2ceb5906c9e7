import type mongoose from 'mongoose';
import { escapePattern, findByAddress, looksLikeAddress } from '../contacts/list-contacts.ts';
import type { ChannelKind } from '../contract/index.ts';
import type { Store } from '../store/connect.ts';
import type { Category } from '../triage/types.ts';
import { TICKETS, type TicketDoc } from './model.ts';
import type { TicketStatus } from './status.ts';

type ObjectId = mongoose.Types.ObjectId;

/** A search through subjects reads many tickets: it may take this long. */
const SEARCH_MS = 2_000;
const TICKET_NUMBER = /^#?(\d{1,12})$/;

export interface TicketFilter {
  status?: TicketStatus[] | undefined;
  channel?: ChannelKind[] | undefined;
  inbox?: string | undefined;
  category?: Category[] | undefined;
  /** null: tickets of nobody. */
  assignee?: ObjectId | null | undefined;
  /** A ticket's number, a customer's address or phone number, or words of the subject. */
  search?: string | undefined;
}

/** Newest first, `limit` of them, older than `before`. Rejects with MongoDB's error 50 when a search takes too long. */
export async function listTickets(
  store: Store,
  filter: TicketFilter,
  { before, limit }: { before?: ObjectId | undefined; limit: number },
): Promise<TicketDoc[]> {
  return store
    .collection<TicketDoc>(TICKETS)
    .find(
      {
        ...(before ? { _id: { $lt: before } } : {}),
        ...(filter.status ? { status: { $in: filter.status } } : {}),
        ...(filter.channel ? { channel: { $in: filter.channel } } : {}),
        ...(filter.inbox === undefined ? {} : { inbox: filter.inbox }),
        ...(filter.category ? { category: { $in: filter.category } } : {}),
        ...(filter.assignee === undefined ? {} : { assignee: filter.assignee ?? { $exists: false } }),
        ...(filter.search === undefined ? {} : await searchFilter(store, filter.search)),
      },
      { maxTimeMS: SEARCH_MS },
    )
    .sort({ _id: -1 })
    .limit(limit)
    .toArray();
}

async function searchFilter(store: Store, search: string): Promise<mongoose.mongo.Filter<TicketDoc>> {
  const number = TICKET_NUMBER.exec(search)?.[1];
  if (number === undefined && !looksLikeAddress(search))
    return { subject: { $regex: escapePattern(search), $options: 'i' } };
  const contacts = await findByAddress(store, search);
  return {
    $or: [{ contact: { $in: contacts } }, ...(number === undefined ? [] : [{ number: Number(number) }])],
  };
}
