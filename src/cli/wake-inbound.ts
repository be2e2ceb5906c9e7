import { setTimeout as delay } from 'node:timers/promises';
import type { House } from '../main.ts';
import { openQueues } from '../queues/index.ts';

/** How long Redis may take to answer a command that is done otherwise. Without it a running server's sweep comes by. */
const REDIS_ANSWERS_MS = 300;

/** Wakes the workers of a running server for what a command has made due, if Redis answers. */
export interface InboundWaker {
  wake(id: string): void;
  /** Resolves when what can be sent has been sent. */
  close(): Promise<void>;
}

export function openInboundWaker({ services, store, log }: House): InboundWaker {
  const queues = openQueues(services.redisUrl, store.db.databaseName, log);
  const waiting: string[] = [];
  let answers = false;
  const answered = new Promise<void>((resolve) =>
    queues.onReturn(() => {
      answers = true;
      for (const id of waiting.splice(0)) queues.wake('inbound', id);
      resolve();
    }),
  );
  return {
    wake(id) {
      if (answers) queues.wake('inbound', id);
      else waiting.push(id);
    },
    async close() {
      await Promise.race([answered, delay(REDIS_ANSWERS_MS)]);
      const closed = queues.close();
      // A queue that has never been connected waits for that before it closes.
      if (answers) await closed;
    },
  };
}
