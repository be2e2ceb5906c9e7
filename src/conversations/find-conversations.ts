import mongoose from 'mongoose';
import type { Store } from '../store/connect.ts';
import { CONVERSATIONS, type ConversationDoc, MESSAGES, type MessageDoc } from './model.ts';
import { besideKey } from './place-message.ts';

/** One message's questions about threads that exist already. */
export interface ThreadQuestion {
  inbox: string;
  /** As among `participants`. */
  sender: string;
  ownKey: string;
  /** Conversation that a genuine token names. */
  tokenConversation?: string | undefined;
  namedIds: readonly string[];
}

export interface ThreadAnswer {
  byKey?: ConversationDoc;
  /** Strongest first. */
  candidates: ConversationDoc[];
  /** By conversation: those of `namedIds` by which it is found already. */
  knownIds: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Key of a thread in the maps of this room. */
const keyed = (inbox: string, threadKey: string) => `${inbox} ${threadKey}`;

/**
 * One round trip for messaging channels; a second, for the conversations of mails that were named; a third where the
 * sender has no place in any of them, but may have one beside.
 */
export async function findThreads(store: Store, questions: ThreadQuestion[]): Promise<ThreadAnswer[]> {
  const conversations = store.collection<ConversationDoc>(CONVERSATIONS);
  const ids = [...new Set(questions.flatMap((question) => question.namedIds))];
  const [byKey, named] = await Promise.all([findByKey(store, questions), findNamed(store, ids)]);
  const wanted = [
    ...new Set([
      ...questions.flatMap(({ tokenConversation }) => tokenConversation ?? []),
      ...[...named.values()].flat().map((mail) => mail.conversation),
    ]),
  ];
  const known = new Map<string, ConversationDoc>();
  if (wanted.length > 0) {
    const found = await conversations
      .find({ _id: { $in: wanted.map((id) => new mongoose.Types.ObjectId(id)) } })
      .toArray();
    for (const doc of found) known.set(doc._id.toHexString(), doc);
  }
  const answers = questions.map(({ inbox, ownKey, tokenConversation, namedIds }): ThreadAnswer => {
    const own = byKey.get(keyed(inbox, ownKey));
    const here = namedIds.map((id) => named.get(id)?.filter((mail) => mail.inbox === inbox) ?? []);
    const strongestFirst = [
      ...(tokenConversation ? [tokenConversation] : []),
      ...here.flat().map((mail) => mail.conversation),
    ];
    const candidates = [...new Set(strongestFirst)]
      .map((id) => known.get(id))
      .filter((doc): doc is ConversationDoc => doc?.inbox === inbox);
    const knownIds = new Map<string, Set<string>>();
    for (const [i, mails] of here.entries())
      for (const { conversation } of mails)
        knownIds.set(conversation, (knownIds.get(conversation) ?? new Set()).add(namedIds[i]!));
    return { ...(own ? { byKey: own } : {}), candidates, knownIds };
  });
  await addBeside(store, questions, answers);
  return answers;
}

/**
 * A stranger's own conversation may know none of these ids: its opener died before he stored the mail, or has not come
 * to that yet. Its key finds it.
 */
async function addBeside(store: Store, questions: ThreadQuestion[], answers: ThreadAnswer[]): Promise<void> {
  const wanted = questions.flatMap(({ inbox, sender }, i) => {
    const { candidates, byKey } = answers[i]!;
    const [named = byKey] = candidates;
    const hasPlace = [...candidates, ...(byKey ? [byKey] : [])].some(({ participants }) =>
      participants.includes(sender),
    );
    return named && !hasPlace
      ? [{ inbox, ownKey: besideKey(named._id.toHexString(), sender), answer: answers[i]! }]
      : [];
  });
  const found = await findByKey(store, wanted);
  for (const { inbox, ownKey, answer } of wanted) {
    const beside = found.get(keyed(inbox, ownKey));
    if (beside) answer.candidates.push(beside);
  }
}

export async function findByKey(
  store: Store,
  keys: { inbox: string; ownKey: string }[],
): Promise<Map<string, ConversationDoc>> {
  if (keys.length === 0) return new Map();
  const branches = [...Map.groupBy(keys, ({ inbox }) => inbox)].map(([inbox, group]) => ({
    inbox,
    threadKey: { $in: [...new Set(group.map(({ ownKey }) => ownKey))] },
  }));
  const found = await store
    .collection<ConversationDoc>(CONVERSATIONS)
    .find(branches.length === 1 ? branches[0]! : { $or: branches })
    .toArray();
  return new Map(found.map((doc) => [keyed(doc.inbox, doc.threadKey), doc]));
}

/**
 * Which conversations know these mail ids. A mail's own id counts before a mere reference to it, and who was first
 * before who came later: nobody draws others' answers to himself by naming or reusing their ids.
 */
async function findNamed(
  store: Store,
  ids: string[],
): Promise<Map<string, { inbox: string; conversation: string }[]>> {
  const named = new Map<string, { inbox: string; conversation: string }[]>();
  if (ids.length === 0) return named;
  const mails = await store
    .collection<MessageDoc>(MESSAGES)
    .find(
      { mailIds: { $in: ids } },
      { projection: { inbox: 1, conversation: 1, externalId: 1, externalIds: 1, mailIds: 1 } },
    )
    .sort({ createdAt: 1, _id: 1 })
    .toArray();
  const owns = (mail: (typeof mails)[number], id: string) =>
    id === mail.externalId || (mail.externalIds?.includes(id) ?? false);
  for (const id of ids) {
    const knowing = mails.filter((mail) => mail.conversation && mail.mailIds?.includes(id));
    const [own, others] = [
      knowing.filter((mail) => owns(mail, id)),
      knowing.filter((mail) => !owns(mail, id)),
    ];
    if (knowing.length > 0)
      named.set(
        id,
        [...own, ...others].map(({ inbox, conversation }) => ({
          inbox,
          conversation: conversation!.toHexString(),
        })),
      );
  }
  return named;
}
