import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../lib/log.ts';
import type { Store } from '../../store/connect.ts';
import { type Change, describeChanges, type FeedEvent } from './describe-changes.ts';
import { type Watch, type WatchEnd, watchChanges } from './watch.ts';

/** Changes described together. */
const BATCH_MAX = 200;
/** More than this behind, and listeners are told to read everything anew. */
const BACKLOG_MAX = 5_000;
const RETRY_MS = 500;
/** A catch-up that has heard nothing for this long has reached the present. */
const QUIET_MS = 300;
const OPEN_MS = 3_000;

export interface Listener {
  event(event: FeedEvent): void;
  /** Something was missed: read anew what you show. */
  reset(): void;
  /** No more will come; ask again. */
  end(): void;
}

export interface Feed {
  /**
   * Listens from now on, or from after `lastEventId`; answers how to stop, once nothing more can be missed. Every
   * change is told at least once. Rejects with the reason when MongoDB cannot be watched now.
   */
  listen(listener: Listener, lastEventId?: string): Promise<() => void>;
  /** How far listeners have been told. */
  position(): string | undefined;
  close(): Promise<void>;
}

/** One change stream a process, open while somebody listens. */
export function createFeed(store: Store, log: Log): Feed {
  const listeners = new Set<Listener>();
  let backlog: Change[] = [];
  let pumping = false;
  let watch: Watch | undefined;
  let opening: Promise<void> | undefined;
  let told: string | undefined;
  /** Where a stream that broke off had come to: the next one goes on from there, whoever opens it. */
  let resumeFrom: string | undefined;
  let closed = false;

  const pump = async () => {
    if (pumping) return;
    pumping = true;
    while (backlog.length > 0 && listeners.size > 0) {
      const batch = backlog.slice(0, BATCH_MAX);
      const events = await describeChanges(store, batch).catch(() => undefined);
      if (!events) {
        await delay(RETRY_MS, undefined, { ref: false });
        continue;
      }
      backlog = backlog.slice(batch.length);
      for (const listener of [...listeners]) for (const event of events) listener.event(event);
      told = batch.at(-1)!.token;
    }
    if (listeners.size === 0) backlog = [];
    pumping = false;
  };

  const change = (next: Change) => {
    backlog.push(next);
    if (backlog.length > BACKLOG_MAX) {
      backlog = [];
      for (const listener of [...listeners]) listener.reset();
    }
    void pump();
  };

  /** Opens the stream; after an outage it is opened again, until nobody listens any more. */
  const open = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const current = watchChanges(store, resumeFrom, {
        open: resolve,
        change,
        end(why) {
          reject(new WatchFailed(why));
          if (watch !== current) return;
          watch = undefined;
          resumeFrom = why === 'unresumable' ? undefined : current.token();
          if (!closed && listeners.size > 0) void reopen(why);
        },
      });
      watch = current;
    });

  const reopen = async (why: WatchEnd) => {
    if (why === 'impossible') {
      for (const listener of [...listeners]) listener.end();
      return;
    }
    if (why === 'unresumable') for (const listener of [...listeners]) listener.reset();
    await delay(RETRY_MS, undefined, { ref: false });
    if (closed || listeners.size === 0 || watch) return;
    await open().catch((err) => log.debug({ err }, 'changes cannot be watched yet'));
  };

  const stop = () => {
    if (listeners.size > 0) return;
    void watch?.close();
    watch = undefined;
    opening = undefined;
    resumeFrom = undefined;
    backlog = [];
  };

  return {
    async listen(listener, lastEventId) {
      if (closed) throw new WatchFailed('away');
      listeners.add(listener);
      try {
        if (!watch || !opening) opening = inTime(open());
        await opening;
      } catch (error) {
        listeners.delete(listener);
        opening = undefined;
        stop();
        throw error;
      }
      if (lastEventId !== undefined) await catchUp(store, listener, lastEventId);
      return () => {
        listeners.delete(listener);
        stop();
      };
    },
    position: () => (backlog.length > 0 ? told : (watch?.token() ?? told)),
    async close() {
      closed = true;
      for (const listener of [...listeners]) listener.end();
      listeners.clear();
      await watch?.close();
    },
  };
}

export class WatchFailed extends Error {
  readonly why: WatchEnd;
  constructor(why: WatchEnd) {
    super(`changes cannot be watched: ${why}`);
    this.name = 'WatchFailed';
    this.why = why;
  }
}

/** Tells one listener what happened after `token`, by a stream of its own that ends when it has reached the present. */
async function catchUp(store: Store, listener: Listener, token: string): Promise<void> {
  const missed: Change[] = [];
  const complete = await new Promise<boolean>((resolve) => {
    let timer: NodeJS.Timeout;
    const finish = (whole: boolean) => {
      clearTimeout(timer);
      void watch.close();
      resolve(whole);
    };
    const waitOn = (ms: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => finish(ms === QUIET_MS), ms);
    };
    const watch = watchChanges(store, token, {
      open: () => waitOn(QUIET_MS),
      change(change) {
        missed.push(change);
        if (missed.length > BACKLOG_MAX) finish(false);
        else waitOn(QUIET_MS);
      },
      end: () => finish(false),
    });
    waitOn(OPEN_MS);
  });
  if (!complete) return listener.reset();
  while (missed.length > 0)
    for (const event of await describeChanges(store, missed.splice(0, BATCH_MAX))) listener.event(event);
}

async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new WatchFailed('away')), OPEN_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
