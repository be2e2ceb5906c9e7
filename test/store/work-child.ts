/**
 * A worker process for work-processes.test.ts, to be killed at any moment: node work-child.ts URI SKEW_MS
 * Claims, does each item's effect, settles, notes which settlements were accepted; ends by itself when all is at rest.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { mongo } from 'mongoose';
import { openStore } from '../../src/store/connect.ts';
import { type Claim, createWorkQueue, type WorkDocument } from '../../src/store/work/index.ts';

export const ITEMS = 'items';
export const EFFECTS = 'effects';
export const ACCEPTED = 'accepted';
const LEASE_MS = 400;
const SWEEP_ITEMS = 40;
const BATCH = 8;
const IDLE_MS = 20;
/** One item in so many takes longer than its lease: its holder is alive, and stale. */
const SLOW_ONE_IN = 150;
const SLOW_MS = LEASE_MS + 100;
/** One item in so many is put back once before it is done. */
const RETRY_ONE_IN = 10;

export interface Effect {
  _id: mongo.ObjectId;
  /** How often the work was begun. */
  runs: number;
}
export interface Accepted {
  item: mongo.ObjectId;
  fence: number;
  state: string;
}

if (import.meta.main) await work(process.argv[2]!, Number(process.argv[3]));

async function work(uri: string, skewMs: number): Promise<void> {
  const store = await openStore(uri, { log: { info() {}, warn() {} } });
  const items = store.collection<WorkDocument>(ITEMS);
  const effects = store.collection<Effect>(EFFECTS);
  const accepted = store.collection<Accepted>(ACCEPTED);
  const now = () => new Date(Date.now() + skewMs);
  const queue = createWorkQueue(items, { running: 'running', leaseMs: LEASE_MS, now, durableClaims: false });

  const finish = async (claims: Claim<WorkDocument>[]) => {
    for (const { doc } of claims) {
      if (Math.random() * SLOW_ONE_IN < 1) await delay(SLOW_MS);
      await effects.updateOne({ _id: doc._id }, { $inc: { runs: 1 } }, { upsert: true });
    }
    const settlements = claims.map((claim) => {
      const again = claim.fence === 1 && Math.random() * RETRY_ONE_IN < 1;
      return { claim, to: again ? { state: 'waiting', dueAt: now() } : { state: 'done' } };
    });
    const answers = await queue.settle(settlements);
    const gained = settlements.filter((_, i) => answers[i]);
    if (gained.length > 0)
      await accepted.insertMany(
        gained.map(({ claim, to }) => ({ item: claim.doc._id, fence: claim.fence, state: to.state })),
      );
  };

  while ((await items.countDocuments({ dueAt: { $exists: true } }, { limit: 1 })) > 0) {
    const due = await queue.due(SWEEP_ITEMS);
    const from = Math.floor(Math.random() * due.length);
    const claims = await queue.claim(due.slice(from, from + BATCH));
    if (claims.length > 0) await finish(claims);
    else await delay(IDLE_MS);
  }
  await store.close();
}
