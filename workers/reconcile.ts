import { randomUUID } from 'node:crypto';
import type { Arrival } from '../src/contract/index.ts';
import { findStored, sameKey } from '../src/conversations/store-messages.ts';
import type { OpenInbox } from '../src/inboxes/index.ts';
import { createCursor } from '../src/store/cursors.ts';
import { createLeases } from '../src/store/leases.ts';
import type { WorkerDeps } from './deps.ts';
import { type Loop, startLoop } from './loop.ts';

/** How often it is looked at whether there is something to ask; asking itself is rarer. */
const LOOK_MS = 2_000;
const HOURLY_MS = 3_600_000;
/** What the provider took in shortly before the last asking may have been listed late. */
const OVERLAP_MS = 10 * 60_000;
/** How far back a first asking goes. */
const FIRST_MS = 24 * HOURLY_MS;
const LEASE_MS = 5 * 60_000;
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
      const name = `reconcile ${inbox.id}`;
      const lease = await leases.acquire(name, owner, LEASE_MS, now);
      if (!lease) continue;
      try {
        await askOne(deps, inbox, signal);
        askedAt.set(inbox.id, now.getTime());
      } catch (err) {
        deps.log.warn(
          { err, inbox: inbox.id },
          'the provider could not be asked what it has sent; tried again later',
        );
        askedAt.set(inbox.id, now.getTime() - HOURLY_MS + RETRY_MS);
      } finally {
        await leases.release(name, owner, lease.fence);
      }
    }
  });
}

/** A provider that did not answer is asked again after this. */
const RETRY_MS = 30_000;

async function askOne(deps: WorkerDeps, inbox: OpenInbox, signal: AbortSignal): Promise<void> {
  const cursor = createCursor(deps.store, inbox.id);
  const asked = deps.now();
  const last = await cursor.get<{ at: string }>(CURSOR);
  const since = new Date((last ? Date.parse(last.at) : asked.getTime() - FIRST_MS) - OVERLAP_MS);
  const record = deps.record(inbox.id);
  let missing = 0;
  for await (const arrival of inbox.channel.reconcile!(since, signal)) {
    if (await isKnown(deps, inbox.id, arrival)) continue;
    const { duplicate } = await record(arrival);
    if (!duplicate) missing += 1;
  }
  await cursor.set(CURSOR, { at: asked.toISOString() });
  if (missing > 0)
    deps.log.warn(
      { inbox: inbox.id, missing, since },
      'the provider had messages for us that never arrived; recorded now',
    );
}

async function isKnown({ store }: WorkerDeps, inbox: string, { dedupeKey }: Arrival): Promise<boolean> {
  if (dedupeKey === undefined) return false;
  const stored = await findStored(store, [{ inbox, dedupeKey }]);
  return stored.has(sameKey(inbox, dedupeKey));
}
