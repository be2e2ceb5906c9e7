import { randomUUID } from 'node:crypto';
import type { Arrival } from '../src/contract/index.ts';
import { findStored, sameKey } from '../src/conversations/store-messages.ts';
import type { OpenInbox } from '../src/inboxes/index.ts';
import { createCursor } from '../src/store/cursors.ts';
import { createLeases, type Leases } from '../src/store/leases.ts';
import type { WorkerDeps } from './deps.ts';
import { type Loop, startLoop } from './loop.ts';

/** How often it is looked at whether there is something to ask; asking itself is rarer. */
const LOOK_MS = 2_000;
const HOURLY_MS = 3_600_000;
/** What the provider took in shortly before the last asking may have been listed late. */
const OVERLAP_MS = 10 * 60_000;
/** How far back a first asking goes. */
const FIRST_MS = 24 * HOURLY_MS;
/** Whoever dies while asking is followed by another after this. */
const LEASE_MS = 15_000;
const RENEW_MS = 5_000;
/** A provider that did not answer is asked again after this. */
const RETRY_MS = 30_000;
/** What a provider lists is compared with what is stored in steps of this size. */
const CHUNK = 100;
const CURSOR = 'reconcile';

/**
 * Asks each provider that can tell what it has sent us: after a start, after MongoDB was away, and hourly. What is
 * missing is recorded like any delivery; what came already is left alone.
 */
export function startReconcile(deps: WorkerDeps): Loop {
  const owner = randomUUID();
  const leases = createLeases(deps.store);
  const askedAt = new Map<string, number>();
  let away = false;
  let epoch = deps.store.epoch();

  return startLoop(deps, 'reconcile', LOOK_MS, async (signal) => {
    try {
      await deps.store.ping();
    } catch {
      away = true;
      return;
    }
    // Every inbox is asked anew: none of their deliveries could be recorded meanwhile. An outage between two looks
    // shows in the epoch alone.
    if (away || deps.store.epoch() !== epoch) askedAt.clear();
    away = false;
    epoch = deps.store.epoch();
    const now = deps.now();
    for (const inbox of deps.registry.all()) {
      if (!inbox.channel.reconcile || inbox.paused) continue;
      if (now.getTime() - (askedAt.get(inbox.id) ?? 0) < HOURLY_MS) continue;
      try {
        const ours = await holding(leases, `reconcile ${inbox.id}`, owner, deps.now, signal, (held) =>
          askOne(deps, inbox, held),
        );
        if (ours) askedAt.set(inbox.id, now.getTime());
      } catch (err) {
        deps.log.warn(
          { err, inbox: inbox.id },
          'the provider could not be asked what it has sent; tried again later',
        );
        askedAt.set(inbox.id, now.getTime() - HOURLY_MS + RETRY_MS);
      }
    }
  });
}

/** Does `work` while this process alone may; false: another one is at it. */
async function holding(
  leases: Leases,
  name: string,
  owner: string,
  now: () => Date,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<boolean> {
  const lease = await leases.acquire(name, owner, LEASE_MS, now());
  if (!lease) return false;
  const lost = new AbortController();
  const renewing = setInterval(() => {
    leases.renew(name, owner, lease.fence, LEASE_MS, now()).then(
      (held) => held || lost.abort(),
      () => lost.abort(),
    );
  }, RENEW_MS);
  try {
    await work(AbortSignal.any([signal, lost.signal]));
    return true;
  } finally {
    clearInterval(renewing);
    // With MongoDB away it runs out by itself.
    await leases.release(name, owner, lease.fence).catch(() => {});
  }
}

async function askOne(deps: WorkerDeps, inbox: OpenInbox, signal: AbortSignal): Promise<void> {
  const cursor = createCursor(deps.store, inbox.id);
  const asked = deps.now();
  const last = await cursor.get<{ at: string }>(CURSOR);
  const since = new Date((last ? Date.parse(last.at) : asked.getTime() - FIRST_MS) - OVERLAP_MS);
  let missing = 0;
  let chunk: Arrival[] = [];
  const compare = async () => {
    signal.throwIfAborted();
    missing += await recordMissing(deps, inbox.id, chunk);
    chunk = [];
  };
  for await (const arrival of inbox.channel.reconcile!(since, signal)) {
    chunk.push(arrival);
    if (chunk.length === CHUNK) await compare();
  }
  await compare();
  await cursor.set(CURSOR, { at: asked.toISOString() });
  if (missing > 0)
    deps.log.warn(
      { inbox: inbox.id, missing, since },
      'the provider had messages for us that never arrived; recorded now',
    );
}

/** Answers how many were new. Written together and in their order: a ticket should be opened by its first message. */
async function recordMissing(deps: WorkerDeps, inbox: string, arrivals: Arrival[]): Promise<number> {
  const keys = arrivals.flatMap(({ dedupeKey }) => (dedupeKey === undefined ? [] : [{ inbox, dedupeKey }]));
  const stored = await findStored(deps.store, keys);
  const isKnown = ({ dedupeKey }: Arrival) =>
    dedupeKey !== undefined && stored.has(sameKey(inbox, dedupeKey));
  const record = deps.record(inbox);
  const recorded = await Promise.all(arrivals.filter((arrival) => !isKnown(arrival)).map(record));
  return recorded.filter(({ duplicate }) => !duplicate).length;
}
