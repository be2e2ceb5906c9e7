/** A kill proves order and idempotence, not durability: a finished write outlives its process in memory. This does. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type mongoose from 'mongoose';
import { queueReply } from '../../src/conversations/queue-reply.ts';
import { RAW_INBOUND } from '../../src/intake/model.ts';
import { FAST } from '../../src/store/connect.ts';
import { type Desk, openDesk, SMS_INBOX } from '../support/desk.ts';
import { type FakeTwilio, startFakeTwilio } from '../support/fake-twilio.ts';
import { startThrowawayServices, type ThrowawayServices } from '../support/services.ts';
import { smsArrival } from '../support/sms-arrival.ts';
import { until } from '../support/until.ts';

const ARRIVALS = 50;
const MAJORITY = { w: 'majority', j: true };

interface Command {
  name: string;
  collection: unknown;
  concern: unknown;
  /** Of all that was noted, commands and other events: their order. */
  at: number;
}

let services: ThrowawayServices;
let twilio: FakeTwilio;
let desk: Desk;
/** Records only: no worker's write is mistaken for one of the intake. */
let intake: Desk;
/** Writes that MongoDB has acknowledged. */
const written: Command[] = [];
let clock = 0;

beforeAll(async () => {
  services = await startThrowawayServices();
  twilio = await startFakeTwilio({ accountSid: SMS_INBOX.accountSid, authToken: SMS_INBOX.authToken });
  desk = await openDesk(
    { ...services, mongodbUri: () => services.mongodbUri('desk') },
    { monitorCommands: true },
  );
  intake = await openDesk({ ...services, mongodbUri: () => services.mongodbUri('intake') }, { work: false });
  await desk.inboxes.add('sms-en', 'sms', { ...SMS_INBOX, apiBaseUrl: twilio.url });
  await desk.registry.refresh();
  const client = desk.store.connection.getClient();
  const started = new Map<number, Omit<Command, 'at'>>();
  client.on('commandStarted', ({ requestId, commandName: name, command }) => {
    started.set(requestId, { name, collection: command[name], concern: command.writeConcern });
  });
  client.on('commandSucceeded', ({ requestId }) => {
    const command = started.get(requestId);
    if (command) written.push({ ...command, at: clock++ });
  });
});
afterAll(async () => {
  await intake?.close();
  await desk?.close();
  await twilio?.close();
  await services?.close();
});

/** How often the journal has been brought to the disk since mongod was started. */
async function journalSyncs(): Promise<number> {
  const status = await intake.store.db.admin().command({ serverStatus: 1 });
  return status.wiredTiger.log['log sync operations'];
}

test('an arrival is acknowledged only after MongoDB has said that its record is journaled by a majority', async () => {
  written.length = 0;
  await desk.record('sms-en')(smsArrival({ from: '+14155550101', text: 'Is it safe?' }));
  const acknowledgedAt = clock++;
  const insert = written.find(({ name, collection }) => name === 'insert' && collection === RAW_INBOUND);
  expect(insert?.concern).toMatchObject(MAJORITY);
  expect(insert!.at).toBeLessThan(acknowledgedAt);
});

test('each acknowledged arrival has been brought to the disk; writes that promise nothing have not', async () => {
  const scratch = intake.store.collection<{ _id: number }>('scratch');
  const before = await journalSyncs();
  for (let i = 0; i < ARRIVALS; i++) await scratch.insertOne({ _id: i }, FAST);
  const fast = (await journalSyncs()) - before;
  for (let i = 0; i < ARRIVALS; i++)
    await intake.record('sms-en')(smsArrival({ from: '+14155550102', text: `Number ${i}` }));
  const durable = (await journalSyncs()) - before - fast;
  process.stderr.write(`durable: ${ARRIVALS} arrivals ${durable} syncs, ${ARRIVALS} other writes ${fast}\n`);
  expect(durable).toBeGreaterThanOrEqual(ARRIVALS);
  expect(fast).toBeLessThan(ARRIVALS / 2);
});

test('a reply leaves only after it is durable that it was about to leave', async () => {
  const [ticket] = await until(async () => {
    const found = await desk.tickets();
    return found.length > 0 && found;
  }, 'a ticket');
  const author = { id: ticket!._id as mongoose.Types.ObjectId, name: 'Ann' };
  const request = { ticket: ticket!, author, text: 'It is.', attachments: [] };
  const capabilitiesOf = async (id: string) => (await desk.registry.get(id))?.capabilities;
  const queued = await queueReply({ ...desk, capabilitiesOf }, request);
  if (!queued.ok) throw new Error(queued.message);
  written.length = 0;
  desk.queues.wake('outbound', queued.message._id.toHexString());
  await until(() => twilio.calls.some(({ params }) => params.Body === 'It is.'), 'the provider is called');
  const claim = written.find(({ name, collection }) => name === 'update' && collection === 'messages');
  expect(claim?.concern).toMatchObject(MAJORITY);
});
