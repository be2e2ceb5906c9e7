import type { FastifyInstance } from 'fastify';
import { MESSAGES, type MessageDoc } from '../conversations/model.ts';
import { RAW_INBOUND, type RawDoc } from '../intake/model.ts';
import type { WorkDocument } from '../store/work/index.ts';
import type { GatewayDeps } from './deps.ts';

/** A scrape counts no further: more than this is "many". */
const COUNT_MAX = 100_000;
const COUNT_MS = 2_000;

/** /metrics: what was counted as it happened, and what is looked up on each scrape. */
export async function metrics(app: FastifyInstance, deps: GatewayDeps): Promise<void> {
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    // A part that is away leaves its gauges as they were; the rest must still be seen.
    await Promise.allSettled([
      lookAtWork(deps, 'inbound', RAW_INBOUND),
      lookAtWork(deps, 'outbound', MESSAGES),
      lookAtQueues(deps),
      lookAtInboxes(deps),
    ]);
    return reply.type(deps.metrics.registry.contentType).send(await deps.metrics.registry.metrics());
  });
}

/** What is due or held lies in MongoDB, whatever Redis knows. */
async function lookAtWork({ store, metrics, now }: GatewayDeps, queue: string, collection: string) {
  const items = store.collection<WorkDocument & (RawDoc | MessageDoc)>(collection);
  const due = { dueAt: { $lte: now() } };
  const [count, oldest] = await Promise.all([
    items.countDocuments({ dueAt: { $exists: true } }, { limit: COUNT_MAX, maxTimeMS: COUNT_MS }),
    items.findOne(due, { sort: { dueAt: 1 }, projection: { _id: 1 }, maxTimeMS: COUNT_MS }),
  ]);
  const since = oldest?._id.getTimestamp().getTime();
  metrics.waiting(queue, count, since === undefined ? 0 : Math.max(0, (now().getTime() - since) / 1000));
}

async function lookAtQueues({ queues, metrics }: GatewayDeps) {
  for (const { queue, waiting, active } of await queues.depths()) metrics.wakeUps(queue, waiting, active);
}

async function lookAtInboxes({ inboxes, metrics }: GatewayDeps) {
  const all = await inboxes.list();
  metrics.forgetInboxes();
  for (const { id, health } of all)
    metrics.inbox(id, {
      failing: health.state === 'failing' || health.state === 'silent',
      lastOk: health.lastOkAt,
    });
}
