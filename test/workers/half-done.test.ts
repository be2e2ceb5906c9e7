import { afterEach, beforeEach, expect, test } from '@jest/globals';
import mongoose from 'mongoose';
import type { Arrival } from '../../src/contract/index.ts';
import { MEDIA, type MediaDoc } from '../../src/conversations/media-work.ts';
import { MESSAGES, type MessageDoc } from '../../src/conversations/model.ts';
import { queueReply } from '../../src/conversations/queue-reply.ts';
import { RAW_INBOUND, type RawDoc } from '../../src/intake/model.ts';
import { AT_ONCE } from '../../src/store/work/index.ts';
import { type Desk, openDesk, SMS_INBOX } from '../support/desk.ts';
import { type FakeTwilio, startFakeTwilio, statusParams } from '../support/fake-twilio.ts';
import { mailArrival } from '../support/mail.ts';
import { testServices } from '../support/services.ts';
import { smsArrival } from '../support/sms-arrival.ts';
import { until } from '../support/until.ts';

type Id = mongoose.Types.ObjectId;

const CUSTOMER = '+6281200000001';
const services = testServices();
let desk: Desk;
let twilio: FakeTwilio;

beforeEach(async () => {
  twilio = await startFakeTwilio();
  desk = await openDesk(services);
  await desk.inboxes.add('sms-en', 'sms', { ...SMS_INBOX, apiBaseUrl: twilio.url });
  await desk.registry.refresh();
});
afterEach(async () => {
  await desk.close();
  await twilio.close();
});

const messages = () => desk.store.collection<MessageDoc>(MESSAGES);

async function sentReply(): Promise<Id> {
  await desk.deliver('sms-en', smsArrival({ from: CUSTOMER, text: 'my payment failed' }));
  const [ticket] = await desk.tickets();
  const queued = await queueReply(
    { ...desk, capabilitiesOf: async (inbox) => (await desk.registry.get(inbox))?.capabilities },
    {
      ticket: ticket!,
      author: { id: new mongoose.Types.ObjectId(), name: 'Sari' },
      text: 'one',
      attachments: [],
    },
  );
  if (!queued.ok) throw new Error(queued.code);
  desk.queues.wake('outbound', queued.message._id.toHexString());
  await until(
    async () => (await messages().findOne({ _id: queued.message._id }))?.state === 'accepted',
    'it is sent',
  );
  return queued.message._id;
}

function status(state: string): Arrival {
  const message = twilio.messages.find((m) => m.direction === 'outbound-api')!;
  const callback = new URL(message.statusCallback!);
  const params = statusParams({
    accountSid: SMS_INBOX.accountSid,
    sid: message.sid,
    status: state,
    from: SMS_INBOX.from,
    to: CUSTOMER,
  });
  return {
    envelope: { via: 'http', method: 'POST', path: callback.pathname + callback.search, headers: {} },
    body: Buffer.from(new URLSearchParams(params).toString()),
    key: { signedPart: state },
  };
}

/** As a killed worker leaves a delivery: claimed, and its lease has run out. */
async function processAgain(raw: RawDoc): Promise<void> {
  const raws = desk.store.collection<RawDoc>(RAW_INBOUND);
  await raws.updateOne(
    { _id: raw._id },
    { $set: { state: 'processing', dueAt: AT_ONCE, 'lease.owner': 'the dead' } },
  );
  await until(async () => {
    const { dueAt, lastError } = (await raws.findOne({ _id: raw._id }))!;
    if (lastError) throw new Error(lastError.message);
    return dueAt === undefined;
  }, 'it is processed again');
}

test('a worker that dies after the message was stored and before its media were queued loses no media', async () => {
  const arrival = smsArrival({ from: CUSTOMER, text: 'see the picture' });
  const body = new URLSearchParams(String(arrival.body));
  body.set('NumMedia', '1');
  body.set('MediaUrl0', `${twilio.url}/2010-04-01/Accounts/${SMS_INBOX.accountSid}/Messages/MM1/Media/ME1`);
  body.set('MediaContentType0', 'image/png');
  const raw = await desk.deliver('sms-en', {
    ...arrival,
    body: Buffer.from(body.toString()),
    key: { signedPart: body.toString() },
  });
  const media = desk.store.collection<MediaDoc>(MEDIA);
  await media.deleteMany({});
  await processAgain(raw);
  expect(await media.countDocuments()).toBe(1);
  expect(await desk.messages()).toHaveLength(1);
});

test('a worker that dies after a failure was noted and before the agent was told is made up for', async () => {
  const id = await sentReply();
  const raw = await desk.deliver('sms-en', status('undelivered'));
  expect((await messages().findOne({ _id: id }))?.state).toBe('failed');
  await messages().deleteMany({ activity: 'reply.failed' });
  await desk.store.collection('tickets').updateMany({}, { $set: { status: 'pending' } });
  await processAgain(raw);
  expect(await messages().countDocuments({ activity: 'reply.failed' })).toBe(1);
  expect((await desk.tickets())[0]!.status).toBe('open');
});

test('a receipt that waited for the end of sending is applied although that worker died', async () => {
  const id = await sentReply();
  const sid = twilio.messages.find((m) => m.direction === 'outbound-api')!.sid;
  await messages().updateOne(
    { _id: id },
    {
      $set: { pendingReceipts: [{ type: 'receipt', about: { externalIds: [sid] }, status: 'delivered' }] },
    },
  );
  const swept = await until(async () => {
    const doc = await messages().findOne({ _id: id });
    return doc?.state === 'delivered' && !doc.pendingReceipts && doc;
  }, 'the sweep applies it');
  expect(swept.trace.filter(({ step }) => step === 'delivered')).toHaveLength(1);
});

test('a worker that dies after a stranger got a conversation and before his mail was stored loses no mail', async () => {
  await desk.inboxes.add('mail', 'email', { address: 'support@desk.example', listen: { port: 2525 } });
  await desk.registry.refresh();
  await desk.deliver('mail', mailArrival({ from: 'ani@shop.example', messageId: '<1@shop.example>' }));
  const raw = await desk.deliver(
    'mail',
    mailArrival({ from: 'eve@evil.example', messageId: '<e@evil.example>', inReplyTo: '<1@shop.example>' }),
  );
  const stranger = { 'sender.value': 'eve@evil.example' };
  const stored = (await messages().findOne(stranger))!;
  await messages().deleteMany({ ticket: stored.ticket });
  await desk.store.collection('tickets').deleteOne({ _id: stored.ticket });
  await processAgain(raw);
  expect(await messages().findOne(stranger)).toMatchObject({
    conversation: stored.conversation,
    ticket: stored.ticket,
  });
});
