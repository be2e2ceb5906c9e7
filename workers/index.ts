import type { WorkerDeps } from './deps.ts';
import { startInbound } from './inbound/index.ts';
import { startMedia } from './media.ts';
import { startOutbound } from './outbound/index.ts';
import { startReconcile } from './reconcile.ts';
import { startRetention } from './retain.ts';
import { startSweep } from './sweep.ts';

export type { WorkerDeps } from './deps.ts';

/** Every flow that works on what is stored. `close` takes in nothing more and waits for what runs. */
export function startWorkers(
  deps: WorkerDeps,
  { rawRetentionDays }: { rawRetentionDays: number },
): { close(): Promise<void> } {
  const flows = [
    startInbound(deps),
    startOutbound(deps),
    startMedia(deps),
    startSweep(deps),
    startReconcile(deps),
    startRetention(deps, rawRetentionDays),
  ];
  return {
    async close() {
      await Promise.allSettled(flows.map((flow) => flow.close()));
    },
  };
}
