import type mongoose from 'mongoose';
import type { ChannelKind } from '../contract/index.ts';
import type { Category, Priority } from '../triage/types.ts';
import type { TicketStatus } from './status.ts';

type ObjectId = mongoose.Types.ObjectId;

export const TICKETS = 'tickets';

/** One problem of one person; gathers conversations. Its messages are counted when it is read, never here. */
export interface TicketDoc {
  _id: ObjectId;
  /** Short and rising; what people say on the phone. */
  number: number;
  status: TicketStatus;
  priority: Priority;
  category: Category;
  reasons: string[];
  subject: string;
  inbox: string;
  channel: ChannelKind;
  contact: ObjectId;
  conversations: ObjectId[];
  assignee?: ObjectId;
  tags: string[];
  /** The closed ticket that this one goes on from. */
  previous?: ObjectId;
  /** A stranger in somebody's thread opened it: an agent must look before it is joined. */
  review?: { besides: ObjectId };
  createdAt: Date;
  updatedAt: Date;
  resolvedAt?: Date;
}

export const INDEXES = [
  { collection: TICKETS, keys: { number: 1 }, options: { unique: true, name: 'ticket_number' } },
  { collection: TICKETS, keys: { status: 1, _id: -1 }, options: { name: 'ticket_status' } },
  { collection: TICKETS, keys: { contact: 1, _id: -1 }, options: { name: 'ticket_contact' } },
];
