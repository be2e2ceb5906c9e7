import type mongoose from 'mongoose';
import type { Address } from '../contract/index.ts';
import type { Store } from '../store/connect.ts';
import { CONVERSATIONS, type ConversationDoc, MESSAGES, type MessageDoc } from './model.ts';

type ObjectId = mongoose.Types.ObjectId;

/** The customer's last word is looked for among this many of the latest inbound messages. */
const LOOK_BACK = 100;

/** What a reply on a ticket is an answer to, and whom it goes to unless the agent says otherwise. */
export interface ReplyDefaults {
  conversation: ConversationDoc;
  /** Absent: nothing came in on this conversation yet. */
  answers?: MessageDoc;
  /** Absent: nobody is known to write to. */
  to?: Address;
  /** Where the customer wants answers, when that is not where he wrote from: the agent must choose. */
  replyTo?: Address[];
}

/**
 * The conversation of the last inbound message of the ticket (on `inbox`, when given) that a person wrote, and the
 * person. undefined: the ticket has no conversation there.
 */
export async function findReplyDefaults(
  store: Store,
  ticket: { _id: ObjectId; conversations: ObjectId[] },
  inbox?: string,
): Promise<ReplyDefaults | undefined> {
  const onInbox = inbox === undefined ? {} : { inbox };
  const inbound = await store
    .collection<MessageDoc>(MESSAGES)
    .find(
      { ticket: ticket._id, direction: 'in', type: 'message', ...onInbox },
      { projection: { text: 0, fullText: 0, html: 0, trace: 0 } },
    )
    .sort({ createdAt: -1, _id: -1 })
    .limit(LOOK_BACK)
    .toArray();
  const human = inbound.find((message) => message.automation === 'none');
  const last = human ?? inbound[0];
  const [conversation] = await store
    .collection<ConversationDoc>(CONVERSATIONS)
    .find(
      last?.conversation ? { _id: last.conversation } : { _id: { $in: ticket.conversations }, ...onInbox },
    )
    .sort({ _id: -1 })
    .limit(1)
    .toArray();
  if (!conversation) return undefined;
  const to = human?.sender ?? parseParticipant(conversation.participants[0]);
  const replyTo = human?.replyTo?.filter((address) => !isSame(address, human.sender));
  return {
    conversation,
    ...(last ? { answers: last } : {}),
    ...(to ? { to } : {}),
    ...(replyTo?.length ? { replyTo } : {}),
  };
}

function parseParticipant(participant: string | undefined): Address | undefined {
  if (participant === undefined) return undefined;
  const border = participant.indexOf(':');
  return { kind: participant.slice(0, border) as Address['kind'], value: participant.slice(border + 1) };
}

const isSame = (a: Address, b: Address | undefined) => a.kind === b?.kind && a.value === b.value;
