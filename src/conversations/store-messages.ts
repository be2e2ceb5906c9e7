import { FAST, type Store } from '../store/connect.ts';
import { isBulkRefusal } from '../store/translate-outage.ts';
import { MESSAGES, type MessageDoc } from './model.ts';

const DUPLICATE_KEY = 11000;

/** What makes an inbound message the same, in the maps of this room. */
export const sameKey = (inbox: string, dedupeKey: string) => `${inbox} ${dedupeKey}`;

/** Which of these messages are stored already. One round trip. */
export async function findStored(
  store: Store,
  wanted: { inbox: string; dedupeKey: string }[],
): Promise<Map<string, Pick<MessageDoc, '_id' | 'raw' | 'ticket' | 'conversation'>>> {
  if (wanted.length === 0) return new Map();
  const branches = [...Map.groupBy(wanted, ({ inbox }) => inbox)].map(([inbox, group]) => ({
    inbox,
    dedupeKey: { $in: group.map(({ dedupeKey }) => dedupeKey), $exists: true },
  }));
  const docs = await store
    .collection<MessageDoc>(MESSAGES)
    .find(branches.length === 1 ? branches[0]! : { $or: branches }, {
      projection: { inbox: 1, dedupeKey: 1, raw: 1, ticket: 1, conversation: 1 },
    })
    .toArray();
  return new Map(docs.map((doc) => [sameKey(doc.inbox, doc.dedupeKey!), doc]));
}

/**
 * Inserts messages, notes or activities. Answers for each whether it is new: false, when the unique index has seen
 * it before. FAST; the settlement of what they came from covers them.
 */
export async function storeMessages(store: Store, docs: MessageDoc[]): Promise<boolean[]> {
  if (docs.length === 0) return [];
  try {
    await store.collection<MessageDoc>(MESSAGES).insertMany(docs, { ordered: false, ...FAST });
    return docs.map(() => true);
  } catch (error) {
    if (!isBulkRefusal(error)) throw error;
    const failures = [error.writeErrors].flat();
    if (failures.some((failure) => failure.code !== DUPLICATE_KEY)) throw error;
    const refused = new Set(failures.map((failure) => failure.index));
    return docs.map((_, i) => !refused.has(i));
  }
}
