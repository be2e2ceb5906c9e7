import { setTimeout as delay } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { createBatcher } from '../lib/batch.ts';
import type { Log } from '../lib/log.ts';
import {
  JOB_OPTIONS,
  JOB_VERSION,
  QUEUE_NAMES,
  type QueueName,
  type WakeUp,
  wakeUpSchema,
} from './catalogue.ts';
import { connectConsumer, connectProducer } from './connection.ts';

/** A job whose process was killed is given to another after at most LOCK_MS + STALL_CHECK_MS. */
const LOCK_MS = 10_000;
const STALL_CHECK_MS = 5_000;
/** A consumer whose connection broke asks again after this; BullMQ's own default is 15 s. */
const CONSUME_RETRY_MS = 1_000;
/** How long Redis may take to hear that its work is done. */
const CLOSE_GRACE_MS = 1_000;
const COUNT_LIMIT_MS = 2_000;
const WAKE_BATCH_ITEMS = 200;
const WAKE_BATCHES_IN_FLIGHT = 2;

/** Tells a worker that a document has something to do. Never throws and need not be awaited. */
export type Wake = (queue: QueueName, id: string) => void;

/** `queuedAt`: when the wake-up was added. */
export type Handler = (id: string, queuedAt: Date) => Promise<void>;

export interface QueueDepth {
  queue: QueueName;
  waiting: number;
  active: number;
}

export interface Queues {
  wake: Wake;
  /** Wake-ups that were lost on their way so far (Redis away): each is the sweeper's to repair. */
  lostWakeUps(): number;
  /** Calls `listener` each time that Redis answers again, when wake-ups may have been lost. */
  onReturn(listener: () => void): void;
  /** Calls `handler` for each wake-up, `concurrency` at once. Its promise gone, the wake-up is gone, however it ended. */
  consume(queue: QueueName, concurrency: number, handler: Handler): { close(): Promise<void> };
  /** Rejects within 2 s while Redis is away. */
  depths(): Promise<QueueDepth[]>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** `namespace`: the database's name, so that desks which share a Redis never take each other's wake-ups. */
export function openQueues(redisUrl: string, namespace: string, log: Log): Queues {
  const prefix = `earshot-${namespace}`;
  const producer = connectProducer(redisUrl, log);
  const consumers: Redis[] = [];
  const queues = new Map(
    QUEUE_NAMES.map((name) => {
      const queue = new Queue<WakeUp>(name, { connection: producer, prefix, skipVersionCheck: true });
      queue.on('error', () => {}); // the connection's own listener has said it
      return [name, queue];
    }),
  );
  let lost = 0;
  const leaving = new Set<Promise<void>>();

  const wakers = new Map(
    QUEUE_NAMES.map((name) => [
      name,
      createBatcher<string, void>(
        async (ids) => {
          await queues.get(name)!.addBulk(
            ids.map((id) => ({
              name: `${name}.wake`,
              data: { v: JOB_VERSION, id },
              opts: { ...JOB_OPTIONS, jobId: id },
            })),
          );
          return ids.map(() => ({ ok: true, value: undefined }));
        },
        { maxItems: WAKE_BATCH_ITEMS, maxInFlight: WAKE_BATCHES_IN_FLIGHT },
      ),
    ]),
  );

  return {
    wake(queue, id) {
      if (producer.status !== 'ready') {
        lost += 1;
        return;
      }
      const sent = wakers.get(queue)!(id)
        .catch(() => {
          lost += 1;
        })
        .finally(() => leaving.delete(sent));
      leaving.add(sent);
    },

    lostWakeUps: () => lost,

    onReturn: (listener) => void producer.on('ready', listener),

    consume(name, concurrency, handler) {
      const connection = connectConsumer(redisUrl, log);
      consumers.push(connection);
      const running = new Set<Promise<void>>();
      const worker = new Worker<WakeUp>(
        name,
        async (job) => {
          const wakeUp = wakeUpSchema.safeParse(job.data);
          if (!wakeUp.success) {
            log.warn(
              { queue: name, job: job.id },
              'a wake-up of an unknown version was dropped; the sweeper repeats it',
            );
            return;
          }
          const work = handler(wakeUp.data.id, new Date(job.timestamp));
          running.add(work);
          await work.finally(() => running.delete(work));
        },
        {
          connection,
          prefix,
          concurrency,
          lockDuration: LOCK_MS,
          stalledInterval: STALL_CHECK_MS,
          runRetryDelay: CONSUME_RETRY_MS,
          skipVersionCheck: true,
        },
      );
      // "Missing key" and the like: the wake-up's Redis side is gone (flushed, stalled). The work has been settled in MongoDB.
      worker.on('error', (err) => log.debug({ err, queue: name }, 'queue trouble'));
      worker.on('failed', (job, err) =>
        log.error({ err, queue: name, id: job?.id }, 'a handler let an error escape'),
      );
      return {
        async close() {
          const closed = worker.close();
          while (running.size > 0) await Promise.allSettled(running);
          // With Redis away BullMQ would wait for it; but what ran has been settled in MongoDB.
          await Promise.race([closed, delay(CLOSE_GRACE_MS, undefined, { ref: false })]);
        },
      };
    },

    depths() {
      const counted = Promise.all(
        QUEUE_NAMES.map(async (queue) => {
          const counts = await queues.get(queue)!.getJobCounts('wait', 'active', 'prioritized', 'delayed');
          return {
            queue,
            waiting: (counts.wait ?? 0) + (counts.prioritized ?? 0) + (counts.delayed ?? 0),
            active: counts.active ?? 0,
          };
        }),
      );
      // BullMQ would wait without end for a Redis that was never there.
      const late = delay(COUNT_LIMIT_MS, undefined, { ref: false }).then(() => {
        throw new Error('Redis does not answer');
      });
      return Promise.race([counted, late]);
    },

    async ping() {
      await producer.ping();
    },

    async close() {
      // What was woken last is still on its way.
      const grace = delay(CLOSE_GRACE_MS, undefined, { ref: false });
      await Promise.race([Promise.allSettled(leaving), grace]);
      await Promise.allSettled([...queues.values()].map((queue) => queue.close()));
      for (const connection of [producer, ...consumers]) connection.disconnect();
    },
  };
}
