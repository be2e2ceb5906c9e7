import { afterEach, beforeEach, expect, test } from '@jest/globals';
import mongoose from 'mongoose';
import { sms } from '../../channels/sms/index.ts';
import { cancelReply } from '../../src/conversations/cancel-reply.ts';
import { MESSAGES, type MessageDoc } from '../../src/conversations/model.ts';
import { queueReply } from '../../src/conversations/queue-reply.ts';
import { type Desk, openDesk, SMS_INBOX } from '../support/desk.ts';
import { type FakeTwilio, startFakeTwilio, statusParams } from '../support/fake-twilio.ts';
import { testServices } from '../support/services.ts';
import { smsArrival } from '../support/sms-arrival.ts';
import { until } from '../support/until.ts';

const CUSTOMER = '+6281200000001';
const agent = { id: new mongoose.Types.ObjectId(), name: 'Sari' };
const services = testServices();
let desk: Desk;
let twilio: FakeTwilio;

beforeEach(async () => {
  twilio = await startFakeTwilio();
  desk = await openDesk(services);
  await desk.inboxes.add('sms-en', 'sms', { ...SMS_INBOX, apiBaseUrl: twilio.url });
  await desk.registry.refresh();
  await desk.deliver('sms-en', smsArrival({ from: CUSTOMER, text: 'my payment failed' }));
});
afterEach(async () => {
  await desk.close();
  await twilio.close();
});

async function reply(text: string, key?: string): Promise<mongoose.Types.ObjectId> {
  const [ticket] = await desk.tickets();
  const queued = await queueReply(
    { ...desk, capabilitiesOf: async (inbox) => (await desk.registry.get(inbox))?.capabilities },
    { ticket: ticket!, author: agent, text, attachments: [], idempotencyKey: key },
  );
  if (!queued.ok) throw new Error(queued.code);
  desk.queues.wake('outbound', queued.message._id.toHexString());
  return queued.message._id;
}
const stateOf = async (id: mongoose.Types.ObjectId) =>
  (await desk.store.collection<MessageDoc>(MESSAGES).findOne({ _id: id }))!;
const reaches = (id: mongoose.Types.ObjectId, state: string) =>
  until(async () => {
    const doc = await stateOf(id);
    return doc.state === state && doc;
  }, `reply becomes ${state}`);
/** The provider's waits are long: this lets one pass. */
const letWaitPass = (id: mongoose.Types.ObjectId) =>
  desk.store
    .collection<MessageDoc>(MESSAGES)
    .updateOne({ _id: id, state: 'queued' }, { $set: { dueAt: new Date(0) } });
const sentBodies = () => twilio.messages.filter((m) => m.direction === 'outbound-api').map((m) => m.body);
const activities = async () => (await desk.messages()).flatMap(({ activity }) => activity ?? []);

test('a reply goes out once, and receipts raise its status in whatever order they come', async () => {
  const id = await reply('We are looking into it.');
  const sent = await reaches(id, 'accepted');
  expect(sentBodies()).toEqual(['We are looking into it.']);
  const status = (state: string) =>
    desk.deliver('sms-en', {
      ...smsArrival({ from: CUSTOMER, text: '' }),
      body: Buffer.from(
        new URLSearchParams(
          statusParams({
            accountSid: SMS_INBOX.accountSid,
            sid: sent.externalId!,
            status: state,
            from: SMS_INBOX.from,
            to: CUSTOMER,
          }),
        ).toString(),
      ),
      key: { signedPart: state },
    });
  await status('delivered');
  expect((await stateOf(id)).state).toBe('delivered');
  await status('sent');
  await status('failed');
  expect((await stateOf(id)).state).toBe('delivered');
  expect((await stateOf(id)).trace.map(({ step }) => step)).toEqual([
    'queued',
    'sending',
    'accepted',
    'delivered',
  ]);
});

test('a second reply waits behind one that is being retried, and goes after it', async () => {
  twilio.fail({ kind: 'status', status: 503 });
  const first = await reply('one');
  const waiting = await until(async () => {
    const doc = await stateOf(first);
    return doc.state === 'queued' && doc.attempts === 1 && doc;
  }, 'the first waits for its retry');
  expect(waiting.dueAt!.getTime()).toBeGreaterThan(Date.now());
  const second = await reply('two');
  const other = await reply('three');
  // The sweeper has looked at them twice by then.
  await until(
    async () => (await desk.queues.depths()).every(({ waiting, active }) => waiting + active === 0),
    'all woken',
  );
  expect(sentBodies()).toEqual([]);
  await letWaitPass(first);
  for (const id of [first, second, other]) await reaches(id, 'accepted');
  expect(sentBodies()).toEqual(['one', 'two', 'three']);
});

test('a cancelled head lets the next one pass', async () => {
  twilio.fail({ kind: 'status', status: 503 });
  const first = await reply('one');
  await until(
    async () => (await stateOf(first)).attempts === 1 && (await stateOf(first)).state === 'queued',
    'a retry',
  );
  const second = await reply('two');
  const cancelled = await cancelReply(desk.store, first, agent, new Date());
  expect(cancelled.ok).toBe(true);
  await reaches(second, 'accepted');
  expect(sentBodies()).toEqual(['two']);
});

test('a reply cut off after it had left is unconfirmed, told to the agent, and never sent again by itself', async () => {
  twilio.fail({ kind: 'cut' });
  const id = await reply('one');
  await reaches(id, 'unconfirmed');
  await until(async () => (await activities()).includes('reply.unconfirmed'), 'the agent is told');
  const second = await reply('two');
  await reaches(second, 'accepted');
  expect(sentBodies()).toEqual(['one', 'two']);
});

test('an unconfirmed reply is settled by the receipt that names it', async () => {
  twilio.fail({ kind: 'cut' });
  const id = await reply('one');
  await reaches(id, 'unconfirmed');
  const [message] = twilio.messages.filter((m) => m.direction === 'outbound-api');
  const callback = new URL(message!.statusCallback!);
  await desk.deliver('sms-en', {
    envelope: { via: 'http', method: 'POST', path: callback.pathname + callback.search, headers: {} },
    body: Buffer.from(
      new URLSearchParams(
        statusParams({
          accountSid: SMS_INBOX.accountSid,
          sid: message!.sid,
          status: 'delivered',
          from: SMS_INBOX.from,
          to: CUSTOMER,
        }),
      ).toString(),
    ),
    key: { signedPart: 'late' },
  });
  expect((await stateOf(id)).state).toBe('delivered');
});

test('a permanent refusal fails at once, opens the ticket again and says why', async () => {
  twilio.optOut(CUSTOMER);
  const [ticket] = await desk.tickets();
  await desk.store.collection('tickets').updateOne({ _id: ticket!._id }, { $set: { status: 'pending' } });
  const id = await reply('one');
  const failed = await reaches(id, 'failed');
  expect(failed.error).toMatchObject({ code: 'recipient_opted_out', providerCode: '21610' });
  await until(async () => (await activities()).includes('reply.failed'), 'the agent is told');
  expect((await desk.tickets())[0]!.status).toBe('open');
});

test('a provider that asks to wait uses up no attempt', async () => {
  twilio.fail({ kind: 'status', status: 429, retryAfter: '30' });
  const id = await reply('one');
  const waiting = await until(async () => {
    const doc = await stateOf(id);
    return doc.state === 'queued' && doc.lastError && doc;
  }, 'it waits');
  expect(waiting.attempts).toBe(0);
  const wait = waiting.dueAt!.getTime() - Date.now();
  expect(wait).toBeGreaterThan(20_000);
  expect(wait).toBeLessThan(40_000);
});

test('a long reply goes out in pieces, in order, and a retry goes on after those that were accepted', async () => {
  const long = Array.from({ length: 700 }, (_, i) => `word${i}`).join(' ');
  twilio.fail({ kind: 'pass' }, { kind: 'status', status: 503 });
  const id = await reply(long);
  const half = await until(async () => {
    const doc = await stateOf(id);
    return doc.state === 'queued' && doc.attempts === 1 && doc;
  }, 'the second piece waits');
  expect(half.piecesSent).toBe(1);
  await letWaitPass(id);
  const whole = await reaches(id, 'accepted');
  expect(sentBodies().length).toBeGreaterThan(2);
  expect(sentBodies().join(' ')).toBe(long);
  expect(whole.externalIds).toHaveLength(sentBodies().length);
});

test('a reply whose worker died while sending is given up as unconfirmed, and the next one goes', async () => {
  const id = await reply('one');
  await reaches(id, 'accepted');
  // As a killed worker leaves it: claimed, and the lease has run out.
  const dead = await reply('two');
  await reaches(dead, 'accepted');
  await desk.store
    .collection<MessageDoc>(MESSAGES)
    .updateOne({ _id: dead }, { $set: { state: 'sending', dueAt: new Date(0), 'lease.owner': 'the dead' } });
  const next = await reply('three');
  await reaches(dead, 'unconfirmed');
  await reaches(next, 'accepted');
  expect(sentBodies()).toEqual(['one', 'two', 'three']);
});

test('a reply on an inbox whose config is broken waits, and leaves once that is corrected', async () => {
  const rows = desk.store.collection<{ _id: string; config: unknown; version: number }>('inboxes');
  const { config } = (await rows.findOne({ _id: 'sms-en' }))!;
  await rows.updateOne({ _id: 'sms-en' }, { $set: { config: { from: 'nobody' } }, $inc: { version: 1 } });
  await desk.registry.refresh();
  const [ticket] = await desk.tickets();
  const queued = await queueReply(
    { ...desk, capabilitiesOf: async () => sms.capabilities },
    { ticket: ticket!, author: agent, text: 'one', attachments: [] },
  );
  if (!queued.ok) throw new Error(queued.code);
  const id = queued.message._id;
  desk.queues.wake('outbound', id.toHexString());
  const waiting = await until(async () => {
    const doc = await stateOf(id);
    return doc.lastError && doc;
  }, 'it was looked at');
  expect(waiting).toMatchObject({ state: 'queued', attempts: 0, lastError: { code: 'inbox_broken' } });
  await rows.updateOne({ _id: 'sms-en' }, { $set: { config }, $inc: { version: 1 } });
  await desk.registry.refresh();
  await letWaitPass(id);
  await reaches(id, 'accepted');
  expect(sentBodies()).toEqual(['one']);
});

test('the same idempotency key with another body is refused, with the same body it is the same reply', async () => {
  const first = await reply('one', 'key-1');
  expect(await reply('one', 'key-1')).toEqual(first);
  await expect(reply('another', 'key-1')).rejects.toThrow('idempotency_conflict');
  await reaches(first, 'accepted');
  expect(sentBodies()).toEqual(['one']);
});
