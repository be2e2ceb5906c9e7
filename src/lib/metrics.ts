import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60, 300, 3600];

/** What Earshot counts about itself. Labels are few and bounded: inboxes, states, codes of our own. */
export interface Metrics {
  registry: Registry;
  /** A new delivery is durable. */
  received(inbox: string): void;
  /** A delivery that was there already. */
  repeated(inbox: string): void;
  /** A request that is not the provider's, or that could not be taken in: nothing was stored. */
  refused(inbox: string, code: string): void;
  /** What became of a delivery: done, ignored, quarantined, dead, or received again for another try. */
  processed(state: string): void;
  /** From received to ticketed. */
  ticketed(seconds: number): void;
  /** What became of an attempt to send: accepted, failed, unconfirmed, queued again … */
  outcome(state: string): void;
  /** From queued to accepted by the provider. */
  accepted(seconds: number): void;
  /** What waits: `age` of the oldest that is due, in seconds. */
  waiting(queue: string, items: number, age: number): void;
  wakeUps(queue: string, waiting: number, active: number): void;
  /** `lastOk`: when it last worked. */
  inbox(id: string, health: { failing: boolean; lastOk?: Date | undefined }): void;
  /** Inboxes come and go: their gauges are set anew on each scrape. */
  forgetInboxes(): void;
}

/** One set a process. `processMetrics: false` where several live in one process (tests). */
export function createMetrics({ processMetrics = true }: { processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (processMetrics) collectDefaultMetrics({ register: registry });
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name: `earshot_${name}`, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Gauge({ name: `earshot_${name}`, help, labelNames, registers });
  const histogram = (name: string, help: string) =>
    new Histogram({ name: `earshot_${name}`, help, buckets: SECONDS, registers });

  const received = counter('deliveries_received_total', 'Deliveries made durable', 'inbox');
  const repeated = counter('deliveries_repeated_total', 'Deliveries that were there already', 'inbox');
  const refused = counter('deliveries_refused_total', 'Requests refused, nothing stored', 'inbox', 'code');
  const processed = counter('deliveries_processed_total', 'What became of deliveries', 'state');
  const ticketed = histogram('received_to_ticketed_seconds', 'From received to ticketed');
  const outcome = counter('outbound_attempts_total', 'What became of attempts to send', 'state');
  const accepted = histogram('queued_to_accepted_seconds', 'From queued to accepted by the provider');
  const waiting = gauge('work_waiting', 'Items that are due or held, in MongoDB', 'queue');
  const age = gauge('work_oldest_seconds', 'Age of the oldest item that is due', 'queue');
  const wakeUps = gauge('wake_ups', 'Wake-ups in Redis', 'queue', 'state');
  const failing = gauge('inbox_failing', '1 while an inbox does not work', 'inbox');
  const lastOk = gauge('inbox_last_success_timestamp_seconds', 'When an inbox last worked', 'inbox');

  return {
    registry,
    received: (inbox) => received.inc({ inbox }),
    repeated: (inbox) => repeated.inc({ inbox }),
    refused: (inbox, code) => refused.inc({ inbox, code }),
    processed: (state) => processed.inc({ state }),
    ticketed: (seconds) => ticketed.observe(seconds),
    outcome: (state) => outcome.inc({ state }),
    accepted: (seconds) => accepted.observe(seconds),
    waiting(queue, items, oldest) {
      waiting.set({ queue }, items);
      age.set({ queue }, oldest);
    },
    wakeUps(queue, waits, active) {
      wakeUps.set({ queue, state: 'waiting' }, waits);
      wakeUps.set({ queue, state: 'active' }, active);
    },
    inbox(inbox, health) {
      failing.set({ inbox }, health.failing ? 1 : 0);
      if (health.lastOk) lastOk.set({ inbox }, health.lastOk.getTime() / 1000);
    },
    forgetInboxes() {
      failing.reset();
      lastOk.reset();
    },
  };
}
