import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Source } from '../src/contract/index.ts';
import type { OpenInbox } from '../src/inboxes/index.ts';
import { createLeases } from '../src/store/leases.ts';
import type { WorkerDeps } from './deps.ts';

/** A mailbox whose poller has died is taken over after this. */
const LEASE_MS = 15_000;
const RENEW_MS = 5_000;
/** A process that stands by asks for the lease this often. */
const STAND_BY_MS = 2_000;
const RESTART_FIRST_MS = 1_000;
const RESTART_MAX_MS = 60_000;

/**
 * Runs what inboxes listen with: a listener in every process, a poller in one process at a time. Follows the
 * registry: an inbox that is added runs within its refresh, one that is changed, paused or removed ends.
 */
export function startSources(deps: WorkerDeps): { close(): Promise<void> } {
  const owner = randomUUID();
  const running = new Map<OpenInbox, { stop: AbortController; done: Promise<unknown> }>();

  /** Resolves once what has to end has ended, so that the registry may close its channel. */
  const follow = async () => {
    const wanted = new Set(
      deps.registry.all().filter((inbox) => !inbox.paused && inbox.channel.sources?.length),
    );
    const ending = [...running].filter(([inbox]) => !wanted.has(inbox)).map(([, source]) => source);
    for (const { stop } of ending) stop.abort();
    for (const inbox of wanted) {
      if (running.has(inbox)) continue;
      const stop = new AbortController();
      const done = Promise.all(
        inbox.channel.sources!.map((source, i) =>
          source.exclusive
            ? holdAndRun(deps, inbox, source, `source ${inbox.id} ${i}`, owner, stop.signal)
            : keepRunning(deps, inbox, source, stop.signal),
        ),
      ).finally(() => running.delete(inbox));
      running.set(inbox, { stop, done });
    }
    await Promise.allSettled(ending.map(({ done }) => done));
  };
  const unsubscribe = deps.registry.onChange(follow);
  void follow();

  return {
    async close() {
      unsubscribe();
      const ending = [...running.values()];
      for (const { stop } of ending) stop.abort();
      await Promise.allSettled(ending.map(({ done }) => done));
    },
  };
}

/** Restarts a source that rejects, ever more slowly; one that ran for a while starts anew at once. */
async function keepRunning(
  deps: WorkerDeps,
  inbox: OpenInbox,
  source: Source,
  signal: AbortSignal,
): Promise<void> {
  let wait = RESTART_FIRST_MS;
  while (!signal.aborted) {
    const startedAt = performance.now();
    try {
      await source.run(deps.record(inbox.id), signal);
    } catch (err) {
      if (!signal.aborted) deps.log.warn({ err, inbox: inbox.id, againInMs: wait }, 'a source ended');
    }
    if (performance.now() - startedAt > RESTART_MAX_MS) wait = RESTART_FIRST_MS;
    await pause(wait, signal);
    wait = Math.min(wait * 2, RESTART_MAX_MS);
  }
}

/** Runs a source only while this process holds its lease. */
async function holdAndRun(
  deps: WorkerDeps,
  inbox: OpenInbox,
  source: Source,
  name: string,
  owner: string,
  signal: AbortSignal,
): Promise<void> {
  const leases = createLeases(deps.store);
  while (!signal.aborted) {
    const lease = await leases.acquire(name, owner, LEASE_MS, deps.now()).catch(() => null);
    if (!lease) {
      await pause(STAND_BY_MS, signal);
      continue;
    }
    const lost = new AbortController();
    let heldAt = performance.now();
    const renew = async () => {
      try {
        if (await leases.renew(name, owner, lease.fence, LEASE_MS, deps.now())) heldAt = performance.now();
        else lost.abort();
      } catch {
        // MongoDB is away: nothing can be recorded anyhow, and after the lease another may be polling.
        if (performance.now() - heldAt > LEASE_MS) lost.abort();
      }
    };
    const renewing = setInterval(renew, RENEW_MS);
    try {
      await keepRunning(deps, inbox, source, AbortSignal.any([signal, lost.signal]));
    } finally {
      clearInterval(renewing);
      await leases.release(name, owner, lease.fence).catch(() => {});
    }
  }
}

const pause = (ms: number, signal: AbortSignal) => delay(ms, undefined, { signal }).catch(() => {});
