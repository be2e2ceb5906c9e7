import { afterEach, beforeEach, expect, test } from '@jest/globals';
import mongoose from 'mongoose';
import { MESSAGES, type MessageDoc } from '../../src/conversations/model.ts';
import { queueReply } from '../../src/conversations/queue-reply.ts';
import { retryReply } from '../../src/conversations/retry-reply.ts';
import { type Desk, openDesk, SMS_INBOX } from '../support/desk.ts';
import { type FakeTwilio, startFakeTwilio, statusParams } from '../support/fake-twilio.ts';
import { testServices } from '../support/services.ts';
import { smsArrival } from '../support/sms-arrival.ts';
import { until } from '../support/until.ts';

type Id = mongoose.Types.ObjectId;

const CUSTOMER = '+6281200000001';
const LONG = Array.from({ length: 300 }, (_, i) => `word${i}`).join(' ');
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

async function reply(text: string): Promise<Id> {
  const [ticket] = await desk.tickets();
  const queued = await queueReply(
    { ...desk, capabilitiesOf: async (inbox) => (await desk.registry.get(inbox))?.capabilities },
    { ticket: ticket!, author: agent, text, attachments: [] },
  );
  if (!queued.ok) throw new Error(queued.code);
  desk.queues.wake('outbound', queued.message._id.toHexString());
  return queued.message._id;
}
async function again(id: Id): Promise<void> {
  const retried = await retryReply(desk.store, id, agent, { confirmNotSent: true, now: new Date() });
  if (!retried.ok) throw new Error(retried.code);
  desk.queues.wake('outbound', id.toHexString());
}
const messages = () => desk.store.collection<MessageDoc>(MESSAGES);
const reaches = (id: Id, state: string, attempts?: number) =>
  until(async () => {
    const doc = await messages().findOne({ _id: id });
    return doc?.state === state && (attempts === undefined || doc.attempts === attempts) && doc;
  }, `reply becomes ${state}`);
const sent = () => twilio.messages.filter((m) => m.direction === 'outbound-api');
const activities = async () => (await desk.messages()).flatMap(({ activity }) => activity ?? []);

/** What Twilio says of one message that it took, by the address that it was given for that. */
function status(piece: number, state: string) {
  const message = sent()[piece]!;
  const callback = new URL(message.statusCallback!);
  const params = statusParams({
    accountSid: SMS_INBOX.accountSid,
    sid: message.sid,
    status: state,
    from: SMS_INBOX.from,
    to: CUSTOMER,
  });
  return desk.deliver('sms-en', {
    envelope: { via: 'http', method: 'POST', path: callback.pathname + callback.search, headers: {} },
    body: Buffer.from(new URLSearchParams(params).toString()),
    key: { signedPart: `${message.sid} ${state}` },
  });
}

test('a reply that the provider took and could not deliver leaves again when the agent says so', async () => {
  const id = await reply('one');
  await reaches(id, 'accepted');
  await status(0, 'undelivered');
  await reaches(id, 'failed');
  await again(id);
  const second = await reaches(id, 'accepted');
  expect(sent().map(({ body }) => body)).toEqual(['one', 'one']);
  expect(second.externalIds).toEqual([sent()[1]!.sid]);
  // The first one's fate is no news of the second.
  await status(1, 'delivered');
  expect((await messages().findOne({ _id: id }))?.state).toBe('delivered');
});

test('a receipt for the first piece of a long reply neither drops nor settles the pieces behind it', async () => {
  twilio.fail({ kind: 'pass' }, { kind: 'status', status: 503 });
  const id = await reply(LONG);
  await reaches(id, 'queued', 1);
  expect(sent()).toHaveLength(1);
  await status(0, 'delivered');
  const waiting = await messages().findOne({ _id: id });
  expect(waiting).toMatchObject({ state: 'queued', piecesSent: 1 });
  await messages().updateOne({ _id: id }, { $set: { dueAt: new Date(0) } });
  await reaches(id, 'accepted');
  expect(
    sent()
      .map(({ body }) => body)
      .join(' '),
  ).toBe(LONG);
});

test('a receipt for the first piece does not hide that nobody knows of the second', async () => {
  twilio.fail({ kind: 'pass' }, { kind: 'cut' });
  const id = await reply(LONG);
  await reaches(id, 'unconfirmed');
  await status(0, 'delivered');
  expect((await messages().findOne({ _id: id }))?.state).toBe('unconfirmed');
  // The piece in doubt is known by our token alone, and settles it.
  await status(1, 'sent');
  expect((await messages().findOne({ _id: id }))?.state).toBe('sent');
});

test('each failure is told: a reply that fails again after a retry leaves a second line', async () => {
  twilio.optOut(CUSTOMER);
  const id = await reply('one');
  await reaches(id, 'failed', 1);
  await until(async () => (await activities()).includes('reply.failed'), 'the agent is told');
  await again(id);
  await until(
    async () => (await activities()).filter((activity) => activity === 'reply.failed').length === 2,
    'the agent is told again',
  );
});
