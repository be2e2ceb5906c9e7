import mongoose from 'mongoose';
import { RAW_INBOUND, type RawDoc } from '../../src/intake/model.ts';
import { createBatcher } from '../../src/lib/batch.ts';
import { createTurns, type Turn } from '../../src/lib/turns.ts';
import { type Claim, createWorkQueue, type WorkQueue } from '../../src/store/work/index.ts';
import { startAuthenticator } from '../authenticate.ts';
import type { WorkerDeps } from '../deps.ts';
import { keepLeases } from '../keep-leases.ts';
import { type Claimed, processDeliveries } from './process.ts';
import { INBOUND_ATTEMPTS_MAX } from './settle.ts';

/** After a crash somebody else goes on this long after the last renewal. */
export const INBOUND_LEASE_MS = 10_000;
/** Deliveries that go through the path together. */
const BATCH_ITEMS = 64;
const BATCHES_IN_FLIGHT = 2;
const CONCURRENCY = BATCH_ITEMS * (BATCHES_IN_FLIGHT + 1);
/** Bodies that are opened and read together, in bytes: what bounds the memory of a batch of mails. */
const BATCH_BYTES = 4 * 1024 * 1024;
/** Big bodies and second attempts at once, beside the batches. */
const ALONE_AT_ONCE = 2;

export function inboundWork({ store, now }: Pick<WorkerDeps, 'store' | 'now'>): WorkQueue<RawDoc> {
  return createWorkQueue<RawDoc>(store.collection<RawDoc>(RAW_INBOUND), {
    running: 'processing',
    leaseMs: INBOUND_LEASE_MS,
    now,
    // Everything on this path may be done twice without harm.
    durableClaims: false,
    epoch: store.epoch,
  });
}

/** Turns recorded deliveries into messages and tickets, for as long as it is open. */
export function startInbound(deps: WorkerDeps): { close(): Promise<void> } {
  const work = inboundWork(deps);
  const authenticator = startAuthenticator(deps);
  const takeTurn = createTurns();
  const process = (claimed: Claimed[], turn?: Turn) =>
    keepLeases(
      deps,
      work,
      claimed.map(({ claim }) => claim),
      INBOUND_LEASE_MS,
      () => processDeliveries(deps, work, claimed, authenticator, turn),
    );
  const alone = createBatcher<Claimed, void>(
    async (items) => {
      await process(items);
      return items.map(() => ({ ok: true, value: undefined }));
    },
    { maxItems: 1, maxInFlight: ALONE_AT_ONCE },
  );

  const handle = createBatcher<{ id: string; queuedAt: Date }, { done: Promise<void> }>(
    async (items) => {
      // What was recorded first gets the lower ticket number: after an outage agents read in the order of writing.
      const turn = takeTurn();
      try {
        const claims = await work.claim(items.map(({ id }) => new mongoose.Types.ObjectId(id)));
        const queuedAt = new Map(items.map((item) => [item.id, item.queuedAt]));
        const claimed = claims.map((claim) => ({
          claim,
          queuedAt: queuedAt.get(claim.doc._id.toHexString())!,
        }));
        const spent = claimed.filter(({ claim }) => claim.doc.attempts > INBOUND_ATTEMPTS_MAX);
        await bury(
          work,
          spent.map(({ claim }) => claim),
        );
        const living = claimed.filter((item) => !spent.includes(item));
        // What is big, or has failed or crashed before, must not hold up or take down its neighbours.
        const apart = living.filter(({ claim }) => claim.doc.attempts > 1 || claim.doc.blob !== undefined);
        const done = new Map(apart.map((item) => [item.claim.doc._id.toHexString(), alone(item)]));
        for (const promise of done.values()) promise.catch(() => {}); // reported where it is awaited
        const companies = bySize(living.filter((item) => !apart.includes(item)));
        for (const [i, company] of companies.entries())
          await process(company, { ...turn, over: i === companies.length - 1 ? turn.over : () => {} });
        return items.map(({ id }) => ({ ok: true, value: { done: done.get(id) ?? Promise.resolve() } }));
      } finally {
        turn.over();
      }
    },
    { maxItems: BATCH_ITEMS, maxInFlight: BATCHES_IN_FLIGHT },
  );

  const consumer = deps.queues.consume('inbound', CONCURRENCY, async (id, queuedAt) => {
    try {
      const { done } = await handle({ id, queuedAt });
      await done;
    } catch (err) {
      // MongoDB went away in between. The lease runs out, and the sweeper wakes the delivery again.
      deps.log.warn({ err, raw: id }, 'a delivery was left to its next attempt');
    }
  });
  return {
    async close() {
      await consumer.close();
      await authenticator.close();
    },
  };
}

/** In order, as many together as their bodies allow. */
function bySize(claimed: Claimed[]): Claimed[][] {
  const groups: Claimed[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const item of claimed) {
    bytes += item.claim.doc.size;
    if (bytes > BATCH_BYTES) {
      groups.push([]);
      bytes = item.claim.doc.size;
    }
    groups.at(-1)!.push(item);
  }
  return groups;
}

/** A delivery that has taken its worker down this often is not tried again by itself. */
async function bury(work: WorkQueue<RawDoc>, claims: Claim<RawDoc>[]): Promise<void> {
  await work.settle(
    claims.map((claim) => ({
      claim,
      to: {
        state: 'dead',
        error: {
          code: 'crashed_too_often',
          message: `Each of ${INBOUND_ATTEMPTS_MAX} attempts ended without an outcome. Look at the original, then replay it.`,
        },
      },
    })),
  );
}
