import type { RecordArrival } from '../src/contract/index.ts';
import type { Registry } from '../src/inboxes/index.ts';
import type { Log } from '../src/lib/log.ts';
import type { Metrics } from '../src/lib/metrics.ts';
import type { Queues } from '../src/queues/index.ts';
import type { Blobs } from '../src/store/blobs.ts';
import type { Store } from '../src/store/connect.ts';
import type { Sealer } from '../src/store/seal.ts';

/** All that a flow may touch; main hands it in. */
export interface WorkerDeps {
  store: Store;
  sealer: Sealer;
  blobs: Blobs;
  queues: Queues;
  registry: Registry;
  record: (inbox: string) => RecordArrival;
  metrics: Metrics;
  log: Log;
  now(): Date;
}
