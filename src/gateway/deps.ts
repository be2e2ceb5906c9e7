import type { RecordArrival } from '../contract/index.ts';
import type { Inboxes, Registry } from '../inboxes/index.ts';
import type { Log } from '../lib/log.ts';
import type { Metrics } from '../lib/metrics.ts';
import type { Queues, Wake } from '../queues/index.ts';
import type { Blobs } from '../store/blobs.ts';
import type { Store } from '../store/connect.ts';
import type { Sealer } from '../store/seal.ts';

/** In bytes. */
export interface RequestLimits {
  /** Of a request to the agent API. */
  body: number;
  /** Of a reply, whose attachments travel as base64 (four bytes for three). */
  reply: number;
}

export const REQUEST_LIMITS: RequestLimits = { body: 2 * 1024 * 1024, reply: 36 * 1024 * 1024 };

/** All that the edge may touch; main hands it in. */
export interface GatewayDeps {
  store: Store;
  sealer: Sealer;
  blobs: Blobs;
  registry: Pick<Registry, 'get' | 'all'>;
  inboxes: Inboxes;
  record: (inbox: string) => RecordArrival;
  wake: Wake;
  queues: Pick<Queues, 'depths' | 'ping'>;
  metrics: Metrics;
  log: Log;
  now(): Date;
  /** Without a slash at its end. */
  publicUrl: string;
  version: string;
  requestLimits?: RequestLimits;
  /** What the start has still to do, in words: until it is empty, /readyz says 503. */
  pending?(): string[];
}
