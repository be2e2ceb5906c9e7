import type { Claim, WorkDocument, WorkQueue } from '../src/store/work/index.ts';
import type { WorkerDeps } from './deps.ts';

/** A lease is renewed this many times within its length: one renewal may fail. */
const RENEWALS = 3;

/** Runs `work` and prolongs the claims until it has settled. */
export async function keepLeases<Doc extends WorkDocument, R>(
  { log }: Pick<WorkerDeps, 'log'>,
  queue: WorkQueue<Doc>,
  claims: Claim<Doc>[],
  leaseMs: number,
  work: () => Promise<R>,
): Promise<R> {
  const timer = setInterval(() => {
    for (const claim of claims)
      queue
        .renew(claim)
        .catch((err) => log.debug({ err, id: claim.doc._id.toHexString() }, 'a lease was not renewed'));
  }, leaseMs / RENEWALS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
