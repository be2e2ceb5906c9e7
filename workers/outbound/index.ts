import mongoose from 'mongoose';
import { MESSAGES } from '../../src/conversations/model.ts';
import { createWorkQueue, type WorkQueue } from '../../src/store/work/index.ts';
import type { WorkerDeps } from '../deps.ts';
import type { Reply } from './conclude.ts';
import { deliverConversation, OUTBOUND_LEASE_MS } from './deliver.ts';

const CONCURRENCY = 20;

export function outboundWork({ store, now }: Pick<WorkerDeps, 'store' | 'now'>): WorkQueue<Reply> {
  return createWorkQueue<Reply>(store.collection<Reply>(MESSAGES), {
    running: 'sending',
    leaseMs: OUTBOUND_LEASE_MS,
    now,
    // A claim that were forgotten would be a reply sent twice.
    durableClaims: true,
  });
}

/** Sends what agents and cases have stored, for as long as it is open. */
export function startOutbound(deps: WorkerDeps): { close(): Promise<void> } {
  const work = outboundWork(deps);
  return deps.queues.consume('outbound', CONCURRENCY, async (id) => {
    try {
      const reply = await deps.store
        .collection<Reply>(MESSAGES)
        .findOne({ _id: new mongoose.Types.ObjectId(id) }, { projection: { conversation: 1 } });
      if (reply?.conversation) await deliverConversation(deps, work, reply.conversation);
    } catch (err) {
      deps.log.warn({ err, message: id }, 'a delivery was left to its next attempt');
    }
  });
}
