import { email } from '../../channels/email/index.ts';
import { sms } from '../../channels/sms/index.ts';
import { INDEXES as CONTACTS } from '../../src/contacts/model.ts';
import type { Arrival, ChannelType } from '../../src/contract/index.ts';
import { INDEXES as CONVERSATIONS, MESSAGES, type MessageDoc } from '../../src/conversations/model.ts';
import {
  createInboxes,
  createRegistry,
  INDEXES as INBOXES,
  type Inboxes,
  type Registry,
} from '../../src/inboxes/index.ts';
import { INDEXES as RAW, RAW_INBOUND, type RawDoc } from '../../src/intake/model.ts';
import { createRecord } from '../../src/intake/record.ts';
import { createGuardedFetch } from '../../src/lib/guarded-fetch.ts';
import { createLog } from '../../src/lib/log.ts';
import { createMetrics } from '../../src/lib/metrics.ts';
import { openQueues, type Queues } from '../../src/queues/index.ts';
import { INDEXES as BLOBS, createBlobs } from '../../src/store/blobs.ts';
import { openStore, type Store } from '../../src/store/connect.ts';
import { INDEXES as CURSORS } from '../../src/store/cursors.ts';
import { ensureIndexes } from '../../src/store/ensure-indexes.ts';
import { createSealer, type Sealer } from '../../src/store/seal.ts';
import { INDEXES as TICKET_INDEXES, TICKETS, type TicketDoc } from '../../src/tickets/model.ts';
import { startWorkers, type WorkerDeps } from '../../workers/index.ts';
import type { TestServices } from './services.ts';
import { until } from './until.ts';

export const DESK_SECRET = 'a secret of thirty-two or more characters, for tests';
export const SMS_INBOX = {
  accountSid: `AC${'0123456789abcdef'.repeat(2)}`,
  authToken: 'fake-auth-token-12345',
  from: '+15005550006',
};

export interface Desk extends WorkerDeps {
  inboxes: Inboxes;
  registry: Registry;
  queues: Queues;
  store: Store;
  sealer: Sealer;
  /** Records an arrival and waits until it has come to rest; answers its record. */
  deliver(inbox: string, arrival: Arrival): Promise<RawDoc>;
  tickets(): Promise<TicketDoc[]>;
  messages(): Promise<MessageDoc[]>;
  /** Its database: a second desk opened on it works beside this one. */
  uri: string;
  close(options?: { keepData?: boolean }): Promise<void>;
}

/** Everything of Earshot but its HTTP door, in this process: real stores, real channels, real workers. */
export async function openDesk(
  services: Pick<TestServices, 'mongodbUri' | 'redisUrl'>,
  options: { monitorCommands?: boolean; work?: boolean; now?: () => Date } = {},
): Promise<Desk> {
  const log = createLog('silent');
  const now = options.now ?? (() => new Date());
  const uri = services.mongodbUri();
  const store = await openStore(uri, {
    log,
    monitorCommands: options.monitorCommands ?? false,
  });
  await ensureIndexes(store, [
    ...RAW,
    ...CONTACTS,
    ...CONVERSATIONS,
    ...TICKET_INDEXES,
    ...INBOXES,
    ...BLOBS,
    ...CURSORS,
  ]);
  const sealer = createSealer([DESK_SECRET]);
  const blobs = createBlobs(store, sealer);
  const queues = openQueues(services.redisUrl, store.db.databaseName, log);
  const inboxes = createInboxes(store, sealer, [sms, email] as ChannelType[], {});
  const registry = createRegistry({
    inboxes,
    store,
    log,
    now,
    fetch: createGuardedFetch(),
    publicUrl: 'https://desk.example',
    host: '127.0.0.1',
  });
  await registry.start();
  const record = createRecord({
    store,
    sealer,
    blobs,
    now,
    recorded: (id) => queues.wake('inbound', id),
    repeated: () => {},
  });
  const metrics = createMetrics({ processMetrics: false });
  const deps: WorkerDeps = { store, sealer, blobs, queues, registry, record, metrics, log, now };
  const workers = options.work === false ? undefined : startWorkers(deps, { rawRetentionDays: 90 });

  return {
    ...deps,
    inboxes,
    uri,
    async deliver(inbox, arrival) {
      const { id } = await record(inbox)(arrival);
      return until(async () => {
        const raw = await store
          .collection<RawDoc>(RAW_INBOUND)
          .findOne({ dueAt: { $exists: false }, $expr: { $eq: [{ $toString: '$_id' }, id] } });
        return raw ?? undefined;
      }, `delivery ${id} comes to rest`);
    },
    tickets: () => store.collection<TicketDoc>(TICKETS).find().sort({ _id: 1 }).toArray(),
    messages: () => store.collection<MessageDoc>(MESSAGES).find().sort({ createdAt: 1, _id: 1 }).toArray(),
    async close({ keepData = false } = {}) {
      await workers?.close();
      await registry.close();
      await queues.close();
      if (!keepData) await store.db.dropDatabase();
      await store.close();
    },
  };
}
