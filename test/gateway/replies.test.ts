import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import mongoose from 'mongoose';
import { setConsent } from '../../src/contacts/consent.ts';
import { CONVERSATIONS, MESSAGES, type MessageDoc } from '../../src/conversations/model.ts';
import { markAnswered } from '../../src/tickets/change-ticket-answered.ts';
import { TICKETS, type TicketDoc } from '../../src/tickets/model.ts';
import { openDesk, SMS_INBOX } from '../support/desk.ts';
import { freePort } from '../support/free-port.ts';
import { mailArrival } from '../support/mail.ts';
import { testServices } from '../support/services.ts';
import { smsArrival } from '../support/sms-arrival.ts';
import { type Json, openGateway, type TestGateway, type Ticket } from './open-gateway.ts';

let gateway: TestGateway;
let ticket: Ticket;
let waiting: Ticket[];
const woken: string[] = [];

/** More than there are tests. */
const CUSTOMERS = 60;

beforeAll(async () => {
  const services = testServices();
  const uri = services.mongodbUri();
  const fixed = { ...services, mongodbUri: () => uri };
  // Tickets are made by workers that are gone before the tests begin: what is queued then stays queued.
  const desk = await openDesk(fixed);
  await desk.inboxes.add('support-sms', 'sms', SMS_INBOX);
  await desk.inboxes.add('support-mail', 'email', {
    address: 'support@desk.example',
    listen: { port: await freePort() },
    smtp: { host: '127.0.0.1', port: 25 },
  });
  await Promise.all(
    Array.from({ length: CUSTOMERS }, (_, n) =>
      desk.deliver('support-sms', smsArrival({ from: `+1555125${1000 + n}`, text: 'Where is my card?' })),
    ),
  );
  await desk.deliver(
    'support-mail',
    mailArrival({
      from: 'Ann <ann@customer.example>',
      messageId: '<1@customer.example>',
      subject: 'My card',
    }),
  );
  await desk.close({ keepData: true });
  gateway = await openGateway({
    services: fixed,
    with: { wake: (queue, woke) => void woken.push(`${queue} ${woke}`) },
  });
  waiting = (await gateway.call('GET', 'tickets?limit=200&channel=sms')).body.items;
  expect(waiting).toHaveLength(CUSTOMERS);
});
beforeEach(() => {
  ticket = waiting.pop();
});
afterAll(() => gateway.close());

const id = (text: string) => new mongoose.Types.ObjectId(text);
const messages = () => gateway.desk.store.collection<MessageDoc>(MESSAGES);
const reply = (body: object, key?: string, as?: 'admin') =>
  gateway.call('POST', `tickets/${ticket.id}/replies`, {
    as,
    body,
    ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }),
  });
const state = (message: string, to: MessageDoc['state'], more: Partial<MessageDoc> = {}) =>
  messages().updateOne({ _id: id(message) }, { $set: { state: to, ...more } });
const activities = async () =>
  (await gateway.call('GET', `tickets/${ticket.id}/messages`)).body.items
    .filter(({ type }: Json) => type === 'activity')
    .map(({ activity }: Json) => activity);

describe('a reply', () => {
  test('leaves a ticket open on which the customer has written meanwhile', async () => {
    const tickets = gateway.desk.store.collection<TicketDoc>(TICKETS);
    const replied = new Date();
    const wroteAfter = new Date(replied.getTime() + 1);
    await tickets.updateOne({ _id: id(ticket.id) }, { $set: { updatedAt: wroteAfter } });
    await markAnswered(gateway.desk.store, id(ticket.id), replied);
    expect(await tickets.findOne({ _id: id(ticket.id) })).toMatchObject({
      status: 'open',
      updatedAt: wroteAfter,
    });
    await markAnswered(gateway.desk.store, id(ticket.id), wroteAfter);
    expect((await tickets.findOne({ _id: id(ticket.id) }))?.status).toBe('pending');
  });

  test('is a stored message before anyone is told, to who wrote last, in his conversation', async () => {
    const answer = await reply({ text: 'On its way.' });
    expect(answer).toMatchObject({
      status: 202,
      body: {
        type: 'message',
        direction: 'out',
        status: 'queued',
        inbox: 'support-sms',
        channel: 'sms',
        text: 'On its way.',
        recipients: [{ kind: 'phone', value: ticket.contact.identities[0].value, role: 'to' }],
        author: { name: 'The agent' },
        error: null,
      },
    });
    const stored = (await messages().findOne({ _id: id(answer.body.id) }))!;
    expect(stored).toMatchObject({ state: 'queued', attempts: 0, inReplyTo: expect.stringMatching(/^SM/) });
    expect(stored.dueAt).toBeInstanceOf(Date);
    expect((await gateway.call('GET', `messages/${answer.body.id}/trace`)).body.steps).toMatchObject([
      { step: 'queued' },
    ]);
    const after = (await gateway.call('GET', `tickets/${ticket.id}`)).body;
    expect(after).toMatchObject({ status: 'pending', messageCount: 2 });
  });

  test('sent ten times at once under one key is one message, and each gets the same answer', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => reply({ text: 'Once.' }, 'key-1')));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1);
    expect(answers[0]!.status).toBe(202);
    expect(
      await messages().countDocuments({ ticket: id(ticket.id), direction: 'out', type: 'message' }),
    ).toBe(1);
  });

  test('with another body, or on another ticket, under a used key is a conflict, never a second message', async () => {
    await reply({ text: 'First.' }, 'key-2');
    expect(await reply({ text: 'Second.' }, 'key-2')).toMatchObject({
      status: 422,
      body: { code: 'idempotency_conflict' },
    });
    const other = waiting.pop();
    const elsewhere = await gateway.call('POST', `tickets/${other.id}/replies`, {
      body: { text: 'First.' },
      headers: { 'idempotency-key': 'key-2' },
    });
    expect(elsewhere.status).toBe(422);
    expect((await reply({ text: 'First.' }, 'key-2', 'admin')).status).toBe(202);
  });

  test('repeated after the ticket was closed still answers the message; a new one is refused', async () => {
    const first = await reply({ text: 'Bye.' }, 'key-3');
    await gateway.call('PATCH', `tickets/${ticket.id}`, { body: { status: 'closed' } });
    expect((await reply({ text: 'Bye.' }, 'key-3')).body.id).toBe(first.body.id);
    expect(await reply({ text: 'One more.' })).toMatchObject({
      status: 409,
      body: { code: 'ticket_closed' },
    });
  });

  test('holds no card number, wherever it is looked for', async () => {
    const { body } = await reply({ text: 'Your card 4111 1111 1111 1111 is blocked.' });
    expect(body.text).not.toContain('1111 1111 1111');
    expect(JSON.stringify(await messages().findOne({ _id: id(body.id) }))).not.toMatch(/4111.?1111.?1111/);
  });

  test.each([
    ['nothing', { text: '  ' }, 422, 'empty_message'],
    ['a recipient that is none', { text: 'x', to: ['not a number'] }, 422, 'recipient_invalid'],
    [
      'a recipient of another kind',
      { text: 'x', to: [{ kind: 'email', value: 'a@b.example' }] },
      422,
      'recipient_invalid',
    ],
    ['copies on a channel without', { text: 'x', cc: ['+15551230000'] }, 422, 'copies_unsupported'],
    ['an inbox that the ticket is not on', { text: 'x', inbox: 'other' }, 409, 'conversation_missing'],
    ['far too many pieces', { text: 'x'.repeat(50_000) }, 422, 'text_too_long'],
  ] as [string, object, number, string][])(
    'of %s is refused before it is stored',
    async (_, body, status, code) => {
      expect(await reply(body)).toMatchObject({ status, body: { code } });
      expect(
        await messages().countDocuments({ ticket: id(ticket.id), direction: 'out', type: 'message' }),
      ).toBe(0);
    },
  );

  test('never goes to somebody who opted out', async () => {
    const address = ticket.contact.identities[0];
    await setConsent(gateway.desk.store, address, 'support-sms', { optedOut: true, at: new Date() });
    expect(await reply({ text: 'Hello?' })).toMatchObject({
      status: 409,
      body: { code: 'recipient_opted_out' },
    });
  });

  test('asks the agent when the customer wants answers at another address', async () => {
    const replyTo = [{ kind: 'phone' as const, value: '+15557770000' }];
    await messages().updateOne({ ticket: id(ticket.id), direction: 'in' }, { $set: { replyTo } });
    const asked = await reply({ text: 'Hello' });
    expect(asked).toMatchObject({
      status: 409,
      body: { code: 'reply_to_differs', replyTo, sender: { kind: 'phone' } },
    });
    expect((await gateway.call('GET', `tickets/${ticket.id}`)).body.replyDefaults).toMatchObject({ replyTo });
    expect((await reply({ text: 'Hello', to: ['+1 (555) 777-0000'] })).body.recipients).toMatchObject([
      { value: '+15557770000' },
    ]);
    const [conversation] = (await gateway.call('GET', `tickets/${ticket.id}`)).body.conversations;
    const stored = await gateway.desk.store.collection(CONVERSATIONS).findOne({ _id: id(conversation) });
    expect(stored!.participants).toContain('phone:+15557770000');
  });

  test('never answers a machine: the last person who wrote is answered', async () => {
    const [person] = await messages()
      .find({ ticket: id(ticket.id), direction: 'in' })
      .toArray();
    const bounce: MessageDoc = {
      ...person!,
      _id: new mongoose.Types.ObjectId(),
      dedupeKey: `bounce ${ticket.id}`,
      externalId: 'bounce',
      sender: { kind: 'phone', value: '+15550000000' },
      automation: 'bounce',
      createdAt: new Date(),
    };
    await messages().insertOne(bounce);
    const { body } = await reply({ text: 'Hello' });
    expect(body.recipients).toMatchObject([{ value: person!.sender!.value }]);
    expect(await messages().findOne({ _id: id(body.id) })).toMatchObject({ inReplyTo: person!.externalId });
  });

  test('keeps its attachments, and they are served as files, never as pages', async () => {
    [ticket] = (await gateway.call('GET', 'tickets?q=Ann@Customer.example')).body.items;
    const content = Buffer.from('<script>alert(1)</script>').toString('base64');
    const answer = await reply({
      text: 'See this',
      attachments: [{ name: 'évil "page".gif', type: 'image/gif', content }],
    });
    expect(answer).toMatchObject({
      status: 202,
      body: { attachments: [{ index: 0, size: 25, available: true }] },
    });
    const file = await gateway.call('GET', `messages/${answer.body.id}/attachments/0`, { as: 'viewer' });
    expect(file).toMatchObject({ status: 200, text: '<script>alert(1)</script>' });
    expect(file.headers['content-disposition']).toBe(
      `attachment; filename="_vil _page_.gif"; filename*=UTF-8''%C3%A9vil%20%22page%22.gif`,
    );
    expect(file.headers['x-content-type-options']).toBe('nosniff');
    expect(file.headers['content-security-policy']).toContain('sandbox');
    expect((await gateway.call('GET', `messages/${answer.body.id}/attachments/1`)).status).toBe(404);
  });
});

describe('a reply that waits', () => {
  test('can be taken back, and lets the next one pass', async () => {
    const first = await reply({ text: 'First' });
    const second = await reply({ text: 'Second' });
    await state(first.body.id, 'queued', { dueAt: new Date(Date.now() + 3_600_000), attempts: 1 });
    woken.length = 0;
    const cancelled = await gateway.call('POST', `messages/${first.body.id}/cancel`);
    expect(cancelled).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    expect(await messages().findOne({ _id: id(first.body.id) })).not.toHaveProperty('dueAt');
    expect(woken).toEqual([`outbound ${second.body.id}`]);
    expect(await activities()).toContain('reply.cancelled');
  });

  test.each(['sending', 'accepted', 'delivered', 'failed'] as const)(
    'cannot be taken back once it is %s',
    async (status) => {
      const { body } = await reply({ text: 'Too late' });
      await state(body.id, status);
      const answer = await gateway.call('POST', `messages/${body.id}/cancel`);
      expect(answer).toMatchObject({ status: 409, body: { code: 'message_not_cancellable', status: 409 } });
      expect((await messages().findOne({ _id: id(body.id) }))!.state).toBe(status);
    },
  );
});

describe('a reply that did not arrive', () => {
  test('goes again when the agent says so, as the same message', async () => {
    const { body } = await reply({ text: 'Again' });
    const error = { code: 'recipient_unreachable', message: 'The number is off.' };
    await state(body.id, 'failed', { error, attempts: 9 });
    const failed = (await gateway.call('GET', `messages/${body.id}`)).body;
    expect(failed).toMatchObject({ status: 'failed', error });
    const again = await gateway.call('POST', `messages/${body.id}/retry`);
    expect(again).toMatchObject({ status: 200, body: { id: body.id, status: 'queued', error: null } });
    expect(await messages().findOne({ _id: id(body.id) })).toMatchObject({ attempts: 0 });
    expect(await activities()).toContain('reply.retried');
  });

  test('and may have: goes again only when the agent has looked', async () => {
    const { body } = await reply({ text: 'Perhaps' });
    await state(body.id, 'unconfirmed');
    const asked = await gateway.call('POST', `messages/${body.id}/retry`);
    expect(asked).toMatchObject({ status: 409, body: { code: 'confirm_not_sent_required' } });
    const sure = await gateway.call('POST', `messages/${body.id}/retry`, { body: { confirmNotSent: true } });
    expect(sure).toMatchObject({ status: 200, body: { status: 'queued' } });
  });

  test.each(['sending', 'delivered', 'cancelled'] as const)(
    'is not sent again while it is %s',
    async (status) => {
      const { body } = await reply({ text: 'No' });
      await state(body.id, status);
      const answer = await gateway.call('POST', `messages/${body.id}/retry`, {
        body: { confirmNotSent: true },
      });
      expect(answer).toMatchObject({ status: 409, body: { code: 'message_not_retryable' } });
    },
  );
});

test('a note stays among agents and masks what it must', async () => {
  const { status, body } = await gateway.call('POST', `tickets/${ticket.id}/notes`, {
    body: { text: 'Says his card is 4111111111111111' },
  });
  expect(status).toBe(201);
  expect(body).toMatchObject({ type: 'note', status: null, recipients: [], author: { name: 'The agent' } });
  expect(body.text).not.toContain('4111111111111111');
  expect((await gateway.desk.store.collection(TICKETS).findOne({ _id: id(ticket.id) }))!.status).toBe('open');
});
