import mongoose from 'mongoose';
import { addressKey } from '../../src/contacts/match-contacts.ts';
import type { Address } from '../../src/contract/index.ts';
import type { ThreadAnswer } from '../../src/conversations/find-conversations.ts';
import type { ConversationDoc } from '../../src/conversations/model.ts';
import type { ConversationTouch } from '../../src/conversations/open-conversations.ts';
import { type KnownConversation, ownThreadKey, placeMessage } from '../../src/conversations/place-message.ts';
import type { TicketDoc } from '../../src/tickets/model.ts';
import { type Joining, joining } from '../../src/tickets/status.ts';
import type { Draft } from './draft.ts';

const SUBJECT_CHARS = 120;

/** What filing this message will do, decided from facts that were read a moment ago. Pure. */
export interface Plan {
  draft: Draft;
  conversation: ConversationDoc;
  /** The conversation is new. */
  opens: boolean;
  touch?: ConversationTouch;
  /** As it will be if nobody has made it. */
  ticket: TicketDoc;
  /** The ticket takes a new number. */
  numbered: boolean;
  joining: Joining | 'new';
  knownIds: ThreadAnswer['knownIds'];
  /** Absent for a bounce: a mail server is nobody's customer. */
  contact: mongoose.Types.ObjectId | undefined;
}

type KnownTickets = Map<string, Pick<TicketDoc, '_id' | 'status' | 'resolvedAt'>>;

export function planMessage(
  draft: Draft,
  thread: ThreadAnswer,
  contact: mongoose.Types.ObjectId | undefined,
  tickets: KnownTickets,
  isOwn: (address: Address) => boolean,
  now: Date,
): Plan {
  const { knownIds } = thread;
  if (draft.bound)
    return { ...joinConversation(draft, boundConversation(draft), [], undefined, tickets, now), knownIds };
  if (!contact) throw new Error('a message of a person was planned without its contact');
  const { message, delivery } = draft;
  const sender = addressKey(message.sender);
  const ownKey = ownThreadKey(message);
  const known = [...thread.candidates, ...(thread.byKey ? [thread.byKey] : [])];
  const place = placeMessage(
    sender,
    ownKey,
    thread.candidates.map(asKnown),
    thread.byKey && asKnown(thread.byKey),
  );
  const participants = participantsOf(draft, isOwn);

  if (place.conversation) {
    const conversation = known.find((doc) => doc._id.toHexString() === place.conversation)!;
    return { ...joinConversation(draft, conversation, participants, contact, tickets, now), knownIds };
  }

  const ticketId = new mongoose.Types.ObjectId();
  const conversation: ConversationDoc = {
    _id: new mongoose.Types.ObjectId(),
    inbox: delivery.inbox.id,
    channel: delivery.inbox.kind,
    threadKey: place.threadKey ?? ownKey,
    contact,
    participants,
    ticket: ticketId,
    ...(message.subject ? { subject: message.subject } : {}),
    ...(place.besides ? { besides: new mongoose.Types.ObjectId(place.besides) } : {}),
    lastInboundAt: delivery.raw.receivedAt,
    createdAt: now,
  };
  return {
    draft,
    conversation,
    opens: true,
    ticket: newTicket(draft, conversation, ticketId, now),
    numbered: true,
    joining: 'new',
    knownIds,
    contact,
  };
}

function joinConversation(
  draft: Draft,
  conversation: ConversationDoc,
  participants: string[],
  contact: mongoose.Types.ObjectId | undefined,
  tickets: KnownTickets,
  now: Date,
): Omit<Plan, 'knownIds'> {
  const ticket = tickets.get(conversation.ticket.toHexString());
  // Its opener died between the conversation and the ticket: whoever comes next makes it.
  const how = ticket ? joining(ticket, draft.message.automation !== 'none', now) : 'join';
  const follows = how === 'follow-up';
  const ticketId = follows ? new mongoose.Types.ObjectId() : conversation.ticket;
  const newcomers = participants.filter((participant) => !conversation.participants.includes(participant));
  const watched = draft.delivery.inbox.capabilities.replyWindow !== undefined;
  return {
    draft,
    conversation,
    opens: false,
    ...(newcomers.length > 0 || watched
      ? {
          touch: {
            conversation: conversation._id,
            participants: newcomers,
            ...(watched ? { inboundAt: draft.delivery.raw.receivedAt } : {}),
          },
        }
      : {}),
    ticket: {
      ...newTicket(draft, conversation, ticketId, now),
      ...(follows ? { previous: conversation.ticket } : {}),
    },
    numbered: follows || !ticket,
    joining: how,
    contact,
  };
}

/** Who has a place in the thread: the author, and everyone whom the author has written to or wants answered. */
function participantsOf({ message, delivery }: Draft, isOwn: (address: Address) => boolean): string[] {
  if (delivery.inbox.capabilities.threading === 'sender') return [addressKey(message.sender)];
  const named = [message.sender, ...(message.replyTo ?? []), ...message.recipients];
  return [...new Set(named.filter((address) => !isOwn(address)).map(addressKey))];
}

function newTicket(
  draft: Draft,
  conversation: ConversationDoc,
  _id: mongoose.Types.ObjectId,
  now: Date,
): TicketDoc {
  const { message, triage, delivery } = draft;
  return {
    _id,
    number: 0, // given once it is sure that the ticket is new
    status: 'open',
    priority: message.automation === 'none' ? triage.priority : 'P4',
    category: triage.category,
    reasons: triage.reasons,
    subject: subjectOf(draft),
    inbox: delivery.inbox.id,
    channel: delivery.inbox.kind,
    contact: conversation.contact,
    conversations: [],
    tags: message.automation === 'none' ? [] : ['automated'],
    ...(conversation.besides ? { review: { besides: conversation.besides } } : {}),
    createdAt: delivery.raw.receivedAt,
    updatedAt: now,
  };
}

function subjectOf({ message }: Draft): string {
  const subject = message.subject?.trim();
  if (subject) return subject;
  const line = message.text.trim().split('\n', 1)[0]!.trim();
  if (line === '') return message.attachments[0]?.name ?? '(no text)';
  return line.length > SUBJECT_CHARS ? `${line.slice(0, SUBJECT_CHARS - 1)}…` : line;
}

const asKnown = (doc: ConversationDoc): KnownConversation => ({
  id: doc._id.toHexString(),
  participants: doc.participants,
});

/** A bounce's conversation, of which only what filing needs is at hand. */
function boundConversation({ bound, delivery }: Draft): ConversationDoc {
  return {
    _id: bound!.conversation,
    ticket: bound!.ticket,
    inbox: delivery.inbox.id,
    channel: delivery.inbox.kind,
    threadKey: '',
    contact: bound!.contact,
    participants: [],
    lastInboundAt: delivery.raw.receivedAt,
    createdAt: delivery.raw.receivedAt,
  };
}
