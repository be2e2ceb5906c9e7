/**
 * Where a message belongs, decided from facts alone. Pure.
 *
 * A place in a thread is given to who has one already (a participant), never to who merely names the thread: its
 * token and its Message-IDs can be forwarded, leaked or guessed. A stranger gets a conversation of his own, shown
 * beside the other for an agent to join.
 */
import type { MessageEvent } from '../contract/index.ts';

/** What of an existing conversation decides. */
export interface KnownConversation {
  id: string;
  participants: readonly string[];
}

export interface Place {
  /** The conversation of this key is meant, be it there or not. */
  threadKey?: string;
  /** This very conversation is meant. */
  conversation?: string;
  /** The conversation beside which a stranger is put. */
  besides?: string;
}

/**
 * `candidates`: conversations that the message names (by token, In-Reply-To, References), strongest first.
 * `byKey`: the conversation that already has this message's own thread key.
 */
export function placeMessage(
  sender: string,
  ownKey: string,
  candidates: readonly KnownConversation[],
  byKey: KnownConversation | undefined,
): Place {
  const joined = candidates.find((candidate) => candidate.participants.includes(sender));
  if (joined) return { conversation: joined.id };
  const named = candidates[0] ?? byKey;
  if (!named) return { threadKey: ownKey };
  if (named.participants.includes(sender)) return { conversation: named.id };
  return { threadKey: besideKey(named.id, sender), besides: named.id };
}

/** The key of a stranger's own conversation, beside the one that he named. */
export const besideKey = (conversation: string, sender: string) => `beside ${conversation} ${sender}`;

/**
 * The key of a thread that nobody has named yet. On messaging channels it is the provider's; on mail it is the root
 * that all mails of the thread share, so that two first mails seen at once by two workers meet in one conversation.
 */
export function ownThreadKey(message: MessageEvent): string {
  if (message.thread.key !== undefined) return `chat ${message.thread.key}`;
  const root = message.thread.references[0] ?? message.inReplyTo[0] ?? message.externalId;
  return `mail ${root}`;
}

/** Ids by which a mail names its thread, strongest first: what it answers, then References from the newest back. */
export function namedIds(message: MessageEvent): string[] {
  return [...new Set([...message.inReplyTo, ...message.thread.references.toReversed()])];
}

/** Ids of the thread, oldest first, this mail's own last: what an answer to it refers to. */
export function threadIds(message: MessageEvent): string[] {
  return [...new Set([...message.thread.references, ...message.inReplyTo, message.externalId])];
}

/**
 * Ids under which later mails find this one's conversation: its own, and those that do not find it yet. So an id is
 * known by one mail of a conversation or a few, however long that grows.
 */
export function mailIds(message: MessageEvent, knownIds: ReadonlySet<string> | undefined): string[] {
  return threadIds(message).filter((id) => id === message.externalId || !knownIds?.has(id));
}
