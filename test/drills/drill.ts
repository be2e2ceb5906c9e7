/** Real Earshot processes on stores of their own, with a fake Twilio as the only thing that is not real. */
import type { MessageDoc } from '../../src/conversations/model.ts';
import { MESSAGES } from '../../src/conversations/model.ts';
import { RAW_INBOUND, type RawDoc } from '../../src/intake/model.ts';
import { createLog } from '../../src/lib/log.ts';
import { QUEUE_NAMES } from '../../src/queues/catalogue.ts';
import { openQueues } from '../../src/queues/index.ts';
import { openStore, type Store } from '../../src/store/connect.ts';
import { type EarshotProcess, startEarshot } from '../support/earshot.ts';
import { type FakeTwilio, startFakeTwilio } from '../support/fake-twilio.ts';
import { freePort } from '../support/free-port.ts';
import { startThrowawayServices, type ThrowawayServices } from '../support/services.ts';

export const NUMBER = '+15005550006';
export const MAILBOX = 'support@desk.example';
export const SMS_INBOX = 'texts';
export const MAIL_INBOX = 'mail';

export interface Drill {
  services: ThrowawayServices;
  twilio: FakeTwilio;
  /** The test's own eye on the database. */
  store: Store;
  /** HTTP ports of the processes: a restarted one gets its predecessor's. */
  ports: number[];
  /** Where one of the processes takes mail. */
  smtpPort: number;
  /** The address that Twilio was told: it signs for this one, whichever process its request reaches. */
  hookUrl: string;
  /** A bearer token of one agent, good at every process. */
  token: string;
  /** Those that run, by slot. */
  running: (EarshotProcess | undefined)[];
  /** Starts the process of this slot; resolves when it takes messages in. */
  start(slot: number): Promise<EarshotProcess>;
  /** Wake-ups that lie in Redis, waiting or in hands. */
  jobs(): Promise<number>;
  /** Ends everything that it started, failed or not. */
  close(): Promise<void>;
}

/** With an SMS inbox and a mail inbox, and a process running in each slot. */
export async function openDrill(slots: number): Promise<Drill> {
  const log = createLog('silent');
  const cleanUps: (() => Promise<unknown>)[] = [];
  const running: Drill['running'] = [];
  const close = async () => {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp().catch(() => {});
  };
  try {
    const services = await startThrowawayServices();
    cleanUps.push(() => services.close());
    const twilio = await startFakeTwilio();
    cleanUps.push(() => twilio.close());
    const mongodbUri = services.mongodbUri('drill');
    const store = await openStore(mongodbUri, { log });
    cleanUps.push(() => store.close());
    const smtpPort = await freePort();
    const ports: number[] = [];
    for (let slot = 0; slot < slots; slot++) ports.push(await freePort());
    const publicUrl = `http://127.0.0.1:${ports[0]}`;

    const start = async (slot: number) => {
      await running[slot]?.close();
      running[slot] = undefined;
      const process = await startEarshot({
        mongodbUri,
        redisUrl: services.redisUrl,
        port: ports[slot]!,
        env: { PUBLIC_URL: publicUrl },
      });
      running[slot] = process;
      return process;
    };
    cleanUps.push(() => Promise.all(running.map((process) => process?.close())));
    const first = await start(0);
    await first.addInbox('sms', SMS_INBOX, {
      accountSid: twilio.accountSid,
      authToken: twilio.authToken,
      from: NUMBER,
      apiBaseUrl: twilio.url,
    });
    await first.addInbox('email', MAIL_INBOX, { address: MAILBOX, listen: { port: smtpPort } });
    for (let slot = 1; slot < slots; slot++) await start(slot);
    const { token } = await first.addAgent({ role: 'agent' });

    return {
      services,
      twilio,
      store,
      ports,
      smtpPort,
      hookUrl: `${publicUrl}/hooks/${SMS_INBOX}`,
      token,
      running,
      start,
      jobs: () => countJobs(services.redisUrl, store.db.databaseName),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function countJobs(redisUrl: string, namespace: string): Promise<number> {
  const queues = openQueues(redisUrl, namespace, createLog('silent'));
  try {
    const depths = await queues.depths();
    if (depths.length !== QUEUE_NAMES.length) throw new Error('not every queue was counted');
    return depths.reduce((sum, { waiting, active }) => sum + waiting + active, 0);
  } finally {
    await queues.close();
  }
}

/** Deliveries and replies that still have something to do. */
export async function unfinished({ store }: Pick<Drill, 'store'>): Promise<number> {
  const open = { dueAt: { $exists: true } };
  const [raws, replies] = await Promise.all([
    store.collection<RawDoc>(RAW_INBOUND).countDocuments(open),
    store.collection<MessageDoc>(MESSAGES).countDocuments(open),
  ]);
  return raws + replies;
}
