import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type EarshotProcess, startEarshot } from '../support/earshot.ts';
import { type FakeTwilio, startFakeTwilio } from '../support/fake-twilio.ts';
import { testServices } from '../support/services.ts';
import { until } from '../support/until.ts';
import { type Agent, agentOf, type Json } from './agent.ts';
import { sentBodies, smsConfig, writeSms } from './customer-sms.ts';

const INBOX = 'sms-en';
let twilio: FakeTwilio;
let earshot: EarshotProcess;
let agent: Agent;
let customers = 0;

beforeAll(async () => {
  const services = testServices();
  twilio = await startFakeTwilio();
  earshot = await startEarshot({ mongodbUri: services.mongodbUri(), redisUrl: services.redisUrl });
  agent = agentOf(earshot);
  await earshot.addInbox('sms', INBOX, smsConfig(twilio));
});
afterAll(async () => {
  await earshot?.close();
  await twilio?.close();
});

/** A ticket of a customer of its own, by whom to look for what was sent. */
async function newTicket(): Promise<{ ticket: string; from: string }> {
  const from = `+62812000${String(++customers).padStart(5, '0')}`;
  const text = `Question ${customers}`;
  await writeSms(earshot, twilio, INBOX, { from, body: text });
  return { ticket: (await agent.ticketAbout(text)).id, from };
}

/** Waits until the reply has been tried and waits for its next try. */
const retries = (id: string): Promise<Json> =>
  until(async () => {
    const message = await agent.message(id);
    return message.status === 'queued' && message.error && message;
  }, 'the reply waits for its retry');

/** The sweeper and the wake-ups have had their say. */
async function quiet(): Promise<void> {
  await until(async () => {
    const { body } = await earshot.api('GET', '/metrics');
    return /earshot_wake_ups\{queue="outbound",state="waiting"\} 0\n/.test(body) &&
      /earshot_wake_ups\{queue="outbound",state="active"\} 0\n/.test(body)
      ? true
      : undefined;
  }, 'no wake-up of the outbox is under way');
}

test('a second reply waits behind a first that is being retried, and goes after it', async () => {
  const { ticket, from } = await newTicket();
  twilio.fail({ kind: 'status', status: 503 });
  const first = await agent.send(ticket, { text: 'one' });
  expect((await retries(first.id)).error.code).toMatch(/^[a-z_]+$/);
  const second = await agent.send(ticket, { text: 'two' });
  await quiet();
  expect((await agent.message(second.id)).status).toBe('queued');
  expect(sentBodies(twilio, from)).toEqual([]);

  await agent.becomes(first.id, 'accepted');
  await agent.becomes(second.id, 'accepted');
  expect(sentBodies(twilio, from)).toEqual(['one', 'two']);
  expect((await agent.steps(first.id)).map(({ step }) => step)).toEqual([
    'queued',
    'sending',
    'queued',
    'sending',
    'accepted',
  ]);
});

test('a customer whose reply is retried holds up no other customer', async () => {
  const held = await newTicket();
  const free = await newTicket();
  twilio.fail({ kind: 'status', status: 503 });
  const waiting = await agent.send(held.ticket, { text: 'wait' });
  await retries(waiting.id);
  const other = await agent.send(free.ticket, { text: 'go' });
  await agent.becomes(other.id, 'accepted');
  expect(sentBodies(twilio, held.from)).toEqual([]);
  expect((await earshot.api('POST', `messages/${waiting.id}/cancel`)).status).toBe(200);
});

test('a head that is cancelled lets the next one pass, and never leaves', async () => {
  const { ticket, from } = await newTicket();
  twilio.fail({ kind: 'status', status: 503 });
  const first = await agent.send(ticket, { text: 'taken back' });
  await retries(first.id);
  const second = await agent.send(ticket, { text: 'meant' });
  const cancelled = await earshot.api('POST', `messages/${first.id}/cancel`);
  expect(cancelled.status).toBe(200);
  await agent.becomes(second.id, 'accepted');
  expect(sentBodies(twilio, from)).toEqual(['meant']);
  expect(await agent.activities(ticket)).toContain('reply.cancelled');
});

test('the same Idempotency-Key sends once: the same body answers the same message, another one 422', async () => {
  const { ticket, from } = await newTicket();
  const [once, again] = await Promise.all([
    agent.reply(ticket, { text: 'one' }, 'key-1'),
    agent.reply(ticket, { text: 'one' }, 'key-1'),
  ]);
  expect([once.status, again.status, again.body.id]).toEqual([202, 202, once.body.id]);
  const other = await agent.reply(ticket, { text: 'another' }, 'key-1');
  expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_conflict' } });
  expect(other.headers.get('content-type')).toContain('application/problem+json');
  await agent.becomes(once.body.id, 'accepted');
  const later = await agent.reply(ticket, { text: 'one' }, 'key-1');
  expect(later.body).toMatchObject({ id: once.body.id, status: 'accepted' });
  await quiet();
  expect(sentBodies(twilio, from)).toEqual(['one']);
});

test('a key is its agent’s own: another agent may use the same', async () => {
  const { ticket } = await newTicket();
  const { token } = await earshot.addAgent({ role: 'agent' });
  const mine = await agent.reply(ticket, { text: 'one' }, 'key-2');
  const other = await earshot.api(
    'POST',
    `tickets/${ticket}/replies`,
    { text: 'two' },
    { 'idempotency-key': 'key-2', authorization: `Bearer ${token}` },
  );
  expect(other.status).toBe(202);
  expect(other.body.id).not.toBe(mine.body.id);
});
