import { FAST, type Store } from './connect.ts';
import { isDuplicateKey, translateOutage } from './translate-outage.ts';

export const COUNTERS = 'counters';

interface CounterDoc {
  _id: string;
  /** The last number that was given out. */
  value: number;
}

/**
 * Takes `count` numbers in a row, beginning with 1, in one round trip; answers the first of them. There may be gaps,
 * where a taker crashed. FAST: what is numbered is written durably afterwards, and that covers this; only a primary
 * that was killed in between may give a number again, so a unique index must stand behind it.
 * Rejects with StoreUnavailable.
 */
export async function nextNumbers(store: Store, name: string, count: number): Promise<number> {
  if (!Number.isSafeInteger(count) || count < 1) throw new RangeError(`cannot take ${count} numbers`);
  const take = () =>
    store
      .collection<CounterDoc>(COUNTERS)
      .findOneAndUpdate(
        { _id: name },
        { $inc: { value: count } },
        { upsert: true, returnDocument: 'after', ...FAST },
      );
  try {
    const doc = await take().catch((error) => {
      // Two firsts at once: one of them has made the document, which is there now.
      if (isDuplicateKey(error)) return take();
      throw error;
    });
    return doc!.value - count + 1;
  } catch (error) {
    throw translateOutage(error);
  }
}
