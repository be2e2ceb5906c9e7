import type { QueueName } from '../src/queues/index.ts';
import type { WorkQueue } from '../src/store/work/index.ts';
import type { WorkerDeps } from './deps.ts';
import { sweepEarlyReceipts } from './early-receipts.ts';
import { inboundWork } from './inbound/index.ts';
import { type Loop, startLoop } from './loop.ts';
import { mediaWork } from './media.ts';
import { outboundWork } from './outbound/index.ts';

/** What lost its wake-up is found again within two sweeps. */
export const SWEEP_MS = 4_000;
/** While this many wake-ups of a queue still lie in Redis none can be missing at its head: the workers have enough. */
const ENOUGH_WAITING = 2_000;
const WAKE_AT_MOST = 5_000;

/** Wakes whatever is due or abandoned, from MongoDB alone: an empty Redis loses nothing but time. */
export function startSweep(deps: WorkerDeps): Loop {
  const due: Record<QueueName, Pick<WorkQueue<never>, 'due'>> = {
    inbound: inboundWork(deps),
    outbound: outboundWork(deps),
    media: mediaWork(deps),
  };
  const loop = startLoop(deps, 'sweep', SWEEP_MS, async () => {
    await sweepEarlyReceipts(deps);
    for (const { queue, waiting } of await deps.queues.depths()) {
      if (waiting >= ENOUGH_WAITING) continue;
      const ids = await due[queue].due(WAKE_AT_MOST);
      for (const id of ids) deps.queues.wake(queue, id.toHexString());
    }
  });
  deps.queues.onReturn(loop.hurry);
  return loop;
}
