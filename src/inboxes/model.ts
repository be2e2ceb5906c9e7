import type { mongo } from 'mongoose';
import type { ChannelKind } from '../contract/index.ts';

export const INBOXES = 'inboxes';
export const INDEXES = [{ collection: INBOXES }];

/**
 * ok: it said so last. failing: it said why not. silent: it said nothing for longer than its source may.
 * unknown: it has said nothing yet.
 */
export const HEALTH_STATES = ['ok', 'failing', 'silent', 'unknown'] as const;
export type HealthState = (typeof HEALTH_STATES)[number];

export interface Health {
  state: HealthState;
  /** Why it fails; of a channel's own choosing, stable. */
  code?: string;
  message?: string;
  lastOkAt?: Date;
  lastErrorAt?: Date;
  /** Failures reported since the inbox was added. */
  errors: number;
}

/** As written by whichever process reports; `silent` is computed when read. */
export interface StoredHealth extends Omit<Health, 'state'> {
  state?: 'ok' | 'failing';
  /** A server opened it: from then on silence is counted. */
  since?: Date;
  reportedAt?: Date;
  /** Absent: it has no source, and silence means nothing. */
  silentAfterMs?: number;
}

export interface InboxDoc {
  /** Chosen by the operator: InboxId. */
  _id: string;
  kind: ChannelKind;
  name?: string;
  /** As given, without what the environment fills in and without secrets. */
  config: Record<string, unknown>;
  /** JSON of `{ path: value }`, sealed: what ChannelType.secrets names, and URLs with a password. */
  secrets?: mongo.Binary;
  paused: boolean;
  /** A removed inbox keeps its row, since messages refer to it, but not its secrets. */
  removedAt?: Date;
  /** Rises with each change that a running server must see. */
  version: number;
  createdAt: Date;
  updatedAt: Date;
  health?: StoredHealth;
}

/** What the state is now, seen from the stored reports. */
export function judgeHealth(doc: Pick<InboxDoc, 'health' | 'paused'>, now: Date): Health {
  const { state, since, reportedAt, silentAfterMs, ...rest }: StoredHealth = doc.health ?? { errors: 0 };
  const heardAt = Math.max(since?.getTime() ?? 0, reportedAt?.getTime() ?? 0);
  if (state !== 'failing' && silentAfterMs !== undefined && !doc.paused) {
    const quietMs = now.getTime() - heardAt;
    if (quietMs > silentAfterMs)
      return {
        ...rest,
        state: 'silent',
        code: 'silent',
        message: `Nothing was heard of it for ${Math.round(quietMs / 1000)} s. Is a server running that polls it?`,
      };
  }
  return { ...rest, state: state ?? (rest.lastOkAt ? 'ok' : 'unknown') };
}
