import type { HealthReport } from '../contract/index.ts';
import { FAST, type Store } from '../store/connect.ts';
import { INBOXES, type InboxDoc } from './model.ts';

/** Longer messages are cut: they are read in a list. */
const MESSAGE_MAX_CHARS = 500;

/** What was reported since it was last written. */
interface Pending {
  state?: 'ok' | 'failing';
  code?: string | undefined;
  message?: string | undefined;
  since?: Date;
  silentAfterMs?: number | undefined;
  okAt?: Date;
  errorAt?: Date;
  errors: number;
}

export interface InboxHealth extends HealthReport {
  /** Something genuine came in. It says nothing of sending, so it ends no `failing`. */
  received(): void;
}

/**
 * Reports of the inboxes of this process. They come many times a second and cost nothing; `flush` writes what has
 * changed, all inboxes in one round trip, from memory to memory: losing a gauge harms nobody.
 */
export interface HealthKeeper {
  reportOf(id: string): InboxHealth;
  /** From now on silence is counted. Without `silentAfterMs` it never is. */
  watch(id: string, silentAfterMs: number | undefined): void;
  forget(id: string): void;
  flush(): Promise<void>;
}

export function createHealthKeeper(store: Store, now: () => Date): HealthKeeper {
  const collection = store.collection<InboxDoc>(INBOXES);
  let pending = new Map<string, Pending>();
  const note = (id: string): Pending => {
    const known = pending.get(id);
    if (known) return known;
    const fresh: Pending = { errors: 0 };
    pending.set(id, fresh);
    return fresh;
  };
  return {
    reportOf: (id) => ({
      ok(detail) {
        Object.assign(note(id), { state: 'ok', code: undefined, message: detail, okAt: now() });
      },
      received() {
        note(id).okAt = now();
      },
      failing(code, message) {
        const entry = note(id);
        Object.assign(entry, { state: 'failing', code, message, errorAt: now() });
        entry.errors += 1;
      },
    }),
    watch(id, silentAfterMs) {
      Object.assign(note(id), { since: now(), silentAfterMs });
    },
    forget: (id) => void pending.delete(id),
    async flush() {
      if (pending.size === 0) return;
      const writing = pending;
      pending = new Map();
      try {
        const updates = [...writing].map(([id, entry]) => ({
          updateOne: { filter: { _id: id, removedAt: { $exists: false } }, update: updateOf(entry) },
        }));
        await collection.bulkWrite(updates, { ordered: false, ...FAST });
      } catch (error) {
        // What was not written goes with the next flush; what came meanwhile is newer.
        for (const [id, entry] of writing) {
          const newer = pending.get(id);
          pending.set(id, { ...entry, ...newer, errors: entry.errors + (newer?.errors ?? 0) });
        }
        throw error;
      }
    },
  };
}

/** Fields beside each other, so that two processes that report on one inbox do not wipe each other out. */
function updateOf({ state, code, message, since, silentAfterMs, okAt, errorAt, errors }: Pending) {
  const set: Record<string, unknown> = {};
  const unset: Record<string, ''> = {};
  const put = (name: string, value: unknown) => {
    if (value === undefined) unset[`health.${name}`] = '';
    else set[`health.${name}`] = value;
  };
  if (state) {
    put('state', state);
    put('code', code);
    put('message', message?.slice(0, MESSAGE_MAX_CHARS));
  }
  if (since) put('silentAfterMs', silentAfterMs);
  const reportedAt = [okAt, errorAt]
    .filter((at) => at !== undefined)
    .sort((a, b) => b.getTime() - a.getTime())[0];
  const latest = Object.entries({ since, reportedAt, lastOkAt: okAt, lastErrorAt: errorAt }).filter(
    ([, at]) => at,
  );
  return {
    ...(Object.keys(set).length > 0 ? { $set: set } : {}),
    ...(Object.keys(unset).length > 0 ? { $unset: unset } : {}),
    ...(latest.length > 0
      ? { $max: Object.fromEntries(latest.map(([name, at]) => [`health.${name}`, at])) }
      : {}),
    $inc: { 'health.errors': errors },
  };
}
