import { DURABLE, type Store } from './connect.ts';
import { isDuplicateKey, translateOutage } from './translate-outage.ts';

export const LEASES = 'leases';

interface LeaseDoc {
  /** What is leased. */
  _id: string;
  /** Absent once released. */
  owner?: string;
  until: Date;
  fence: number;
}

/**
 * One holder at a time for something that only one process may do (polling a mailbox). A lease bounds how long
 * nobody does it after a crash; it is the fence that keeps a holder who slept from harming its successor.
 */
export interface Leases {
  /** Takes what is free or has run out; null: somebody holds it. `fence` rises with each new holder. */
  acquire(name: string, owner: string, ttlMs: number, now: Date): Promise<{ fence: number } | null>;
  /** Prolongs; false: it was lost, stop at once. */
  renew(name: string, owner: string, fence: number, ttlMs: number, now: Date): Promise<boolean>;
  /** Lets the next one in at once. Harmless when it was lost. */
  release(name: string, owner: string, fence: number): Promise<void>;
}

export function createLeases(store: Store): Leases {
  const leases = store.collection<LeaseDoc>(LEASES);
  const after = (now: Date, ttlMs: number) => new Date(now.getTime() + ttlMs);
  return {
    async acquire(name, owner, ttlMs, now) {
      try {
        const doc = await leases.findOneAndUpdate(
          { _id: name, $or: [{ owner: { $exists: false } }, { until: { $lte: now } }] },
          { $set: { owner, until: after(now, ttlMs) }, $inc: { fence: 1 } },
          { upsert: true, returnDocument: 'after', ...DURABLE },
        );
        return { fence: doc!.fence };
      } catch (error) {
        if (!isDuplicateKey(error)) throw translateOutage(error);
        // The upsert found it held, and could not make a second one.
        return null;
      }
    },
    async renew(name, owner, fence, ttlMs, now) {
      try {
        const { matchedCount } = await leases.updateOne(
          { _id: name, owner, fence },
          { $set: { until: after(now, ttlMs) } },
          DURABLE,
        );
        return matchedCount === 1;
      } catch (error) {
        throw translateOutage(error);
      }
    },
    async release(name, owner, fence) {
      try {
        await leases.updateOne({ _id: name, owner, fence }, { $unset: { owner: '' } }, DURABLE);
      } catch (error) {
        throw translateOutage(error);
      }
    },
  };
}
