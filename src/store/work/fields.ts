/**
 * The fields that make a document a work item. `dueAt` is the heart: present while there is something left to do,
 * absent when the item has come to rest. For one that waits it says from when it may be claimed; for one that is
 * claimed it is the end of the lease. So "due" and "abandoned by a crashed worker" are one query on one sparse index.
 */
export interface WorkFields {
  state: string;
  dueAt?: Date;
  lease: Lease;
  attempts: number;
  lastError?: WorkError;
}

export interface Lease {
  /** Names one claim of one process; null: nobody holds it. */
  owner: string | null;
  /** Rises with each claim: what an earlier holder still writes is refused. */
  fence: number;
}

export interface WorkError {
  code: string;
  message: string;
  at: Date;
}

/** Due at once, whatever the clock of the process that claims it says. */
export const AT_ONCE = new Date(0);

/** A new item that waits to be claimed. */
export function newWork(state: string, dueAt: Date = AT_ONCE): WorkFields {
  return { state, dueAt, lease: { owner: null, fence: 0 }, attempts: 0 };
}

/** A held item: the proof that is shown when it is settled. */
export interface Claim<Doc> {
  doc: Doc;
  owner: string;
  fence: number;
  /** The run of the primary in which it was claimed: see WorkQueueOptions.epoch. */
  epoch: string;
}

/** What becomes of a claimed item. Without `dueAt` it comes to rest. */
export interface Settlement {
  state: string;
  dueAt?: Date;
  set?: Record<string, unknown>;
  error?: { code: string; message: string };
  /** Gives the attempt back: it was not the item's fault (the provider asked to wait, a store was away). */
  keepAttempts?: boolean;
}
