import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { sms } from '../../channels/sms/index.ts';
import type { Arrival, HttpEnvelope, InboundEvent } from '../../src/contract/index.ts';
import { channelDeps, HOOK_URL } from '../contract/channel-deps.ts';
import { rawOf } from '../contract/describe-channel.ts';
import { type FakeTwilio, startFakeTwilio } from '../support/fake-twilio.ts';

const CUSTOMER = '+6281234567890';
const NUMBER = '+15005550006';
const SERVICE = `MG${'a'.repeat(32)}`;
const NOON = new Date('2026-11-24T12:00:00Z');
const minutesAfterNoon = (minutes: number) => new Date(NOON.getTime() + minutes * 60_000);
const never = new AbortController().signal;

let fake: FakeTwilio;
beforeAll(async () => {
  fake = await startFakeTwilio();
});
afterAll(() => fake.close());
beforeEach(() => {
  fake.calls.length = 0;
  fake.messages.length = 0;
});

function open(changes: Record<string, unknown> = {}) {
  const { accountSid, authToken, url: apiBaseUrl } = fake;
  const config = sms.configSchema.parse({ accountSid, authToken, from: NUMBER, apiBaseUrl, ...changes });
  return sms.open(config, channelDeps().deps);
}

async function eventsOf(channel: ReturnType<typeof open>, arrivals: Arrival[]): Promise<InboundEvent[]> {
  const events: InboundEvent[] = [];
  for (const { envelope, body } of arrivals)
    events.push(...(await channel.normalise(rawOf({ envelope, body: body as Buffer }))).events);
  return events;
}

test('what an outage has cost is found: each message as its webhook would have said it, oldest first', async () => {
  const channel = open();
  const missed = [
    fake.receive({ from: CUSTOMER, to: NUMBER, body: 'Pertama 😀 50%', date: minutesAfterNoon(1) }),
    fake.receive({
      from: '72345',
      to: NUMBER,
      body: '',
      date: minutesAfterNoon(2),
      media: [{ bytes: Buffer.from('x'), type: 'image/png' }],
    }),
    fake.receive({ from: CUSTOMER, to: NUMBER, body: 'STOP', date: minutesAfterNoon(3) }),
  ];
  const found = await Array.fromAsync(channel.reconcile!(NOON, never));
  const said: InboundEvent[] = [];
  for (const { signedFor } of missed) {
    const sent = signedFor(HOOK_URL);
    const envelope: HttpEnvelope = {
      via: 'http',
      method: 'POST',
      path: '/hooks/line-1',
      headers: sent.headers,
    };
    expect(channel.webhook!.verify(envelope, Buffer.from(sent.body)).ok).toBe(true);
    said.push(...(await channel.normalise(rawOf({ envelope, body: Buffer.from(sent.body) }))).events);
  }
  // Where the sender's number is registered is in the webhook alone.
  const comparable = said.map((event) => ({ ...event, context: undefined }));
  expect((await eventsOf(channel, found)).map((event) => ({ ...event, context: undefined }))).toEqual(
    comparable,
  );
  expect(found.map((arrival) => arrival.receivedAt)).toEqual([1, 2, 3].map(minutesAfterNoon));
  expect(found.map((arrival) => arrival.dedupeKey)).toEqual(missed.map(({ message }) => message.sid));
  expect(found.map((arrival) => arrival.key)).toEqual(
    missed.map(({ message }) => ({ signedPart: `reconcile:${message.sid}` })),
  );
});

test('only what came in, to this number, since then', async () => {
  fake.receive({ from: CUSTOMER, to: NUMBER, body: 'too old', date: minutesAfterNoon(-1) });
  fake.receive({ from: CUSTOMER, to: '+15005550007', body: 'other number', date: minutesAfterNoon(1) });
  fake.receive({ from: CUSTOMER, to: NUMBER, body: 'this one', date: minutesAfterNoon(2) });
  const answered = fake.receive({ from: NUMBER, to: NUMBER, body: 'our own', date: minutesAfterNoon(3) });
  answered.message.direction = 'outbound-api';
  const channel = open();
  const events = await eventsOf(channel, await Array.fromAsync(channel.reconcile!(NOON, never)));
  expect(events).toMatchObject([{ type: 'message', text: 'this one' }]);
});

test('an inbox of a messaging service takes what came to that service', async () => {
  fake.receive({
    from: CUSTOMER,
    to: NUMBER,
    body: 'ours',
    date: minutesAfterNoon(1),
    messagingServiceSid: SERVICE,
  });
  fake.receive({ from: CUSTOMER, to: NUMBER, body: 'of no service', date: minutesAfterNoon(1) });
  const channel = open({ from: undefined, messagingServiceSid: SERVICE });
  const events = await eventsOf(channel, await Array.fromAsync(channel.reconcile!(NOON, never)));
  expect(events).toMatchObject([{ type: 'message', text: 'ours' }]);
});

test('an inbox with a number and a service takes both, as its webhooks do', async () => {
  const [one, two] = [NUMBER, '+15005550007'];
  fake.receive({ from: CUSTOMER, to: one, body: 'to the number', date: minutesAfterNoon(1) });
  fake.receive({
    from: CUSTOMER,
    to: two,
    body: 'to the service',
    date: minutesAfterNoon(2),
    messagingServiceSid: SERVICE,
  });
  fake.receive({ from: CUSTOMER, to: two, body: 'to neither', date: minutesAfterNoon(3) });
  const channel = open({ messagingServiceSid: SERVICE });
  const events = await eventsOf(channel, await Array.fromAsync(channel.reconcile!(NOON, never)));
  expect(events).toMatchObject([{ text: 'to the number' }, { text: 'to the service' }]);
});

test('every page is read, at the address that was configured', async () => {
  for (let n = 0; n < 450; n++)
    fake.receive({ from: CUSTOMER, to: NUMBER, body: `message ${n}`, date: minutesAfterNoon(n) });
  const channel = open();
  const events = await eventsOf(channel, await Array.fromAsync(channel.reconcile!(NOON, never)));
  expect(events.map((event) => event.type === 'message' && event.text)).toEqual(
    Array.from({ length: 450 }, (_, n) => `message ${n}`),
  );
  expect(fake.calls).toHaveLength(3);
});

test('a failing list is an error that says what to do, not an empty answer', async () => {
  const channel = open({ authToken: 'wrong' });
  await expect(Array.fromAsync(channel.reconcile!(NOON, never))).rejects.toMatchObject({
    name: 'ChannelError',
    code: 'credentials_rejected',
  });
  await expect(Array.fromAsync(open().reconcile!(NOON, AbortSignal.abort()))).rejects.toMatchObject({
    code: 'aborted',
  });
});

test('probe logs in and says how it went, in a line without the secret', async () => {
  expect(await Array.fromAsync(open().probe!(never))).toEqual([
    { step: 'account', ok: true, detail: 'Fake account is active' },
  ]);
  expect(await Array.fromAsync(open({ authToken: 'wrong' }).probe!(never))).toEqual([
    { step: 'account', ok: false, detail: expect.stringMatching(/^credentials_rejected: /) },
  ]);
});
