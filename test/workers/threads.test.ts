import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type mongoose from 'mongoose';
import { MESSAGES, type MessageDoc } from '../../src/conversations/model.ts';
import { mintToken } from '../../src/conversations/tokens.ts';
import type { TicketDoc } from '../../src/tickets/model.ts';
import { type Desk, openDesk, SMS_INBOX } from '../support/desk.ts';
import { type Mail, mailArrival } from '../support/mail.ts';
import { testServices } from '../support/services.ts';
import { smsArrival } from '../support/sms-arrival.ts';

let desk: Desk;
const services = testServices();

beforeEach(async () => {
  desk = await openDesk(services);
  await desk.inboxes.add('mail', 'email', {
    address: 'support@desk.example',
    aliases: ['help@desk.example'],
    listen: { port: 2525 },
  });
  await desk.inboxes.add('sms-en', 'sms', SMS_INBOX);
  await desk.registry.refresh();
});
afterEach(() => desk.close());

const mail = (letter: Mail, to?: string, from?: string) =>
  desk.deliver('mail', mailArrival(letter, to, from));
const sms = (from: string, text: string) => desk.deliver('sms-en', smsArrival({ from, text }));
const ticketOf = async (id: mongoose.Types.ObjectId | undefined) =>
  (await desk.store.collection<TicketDoc>('tickets').findOne({ _id: id }))!;

test('five turns between two addresses of a customer and an alias of ours stay one ticket', async () => {
  await mail({ from: 'Ani <ani@shop.example>', cc: 'ani.home@mail.example', messageId: '<1@shop.example>' });
  const [ticket] = await desk.tickets();
  const token = mintToken(desk.sealer, 'c', ticket!.conversations[0]!.toHexString());
  const reply = `support+${token}@desk.example`;
  // 2: by the reply address, without any header of threads
  await mail({ from: 'ani@shop.example', to: reply, messageId: '<2@shop.example>' }, reply);
  // 3: from the address that was in copy, to the alias, by References
  await mail(
    {
      from: 'ani.home@mail.example',
      to: 'help@desk.example',
      messageId: '<3@mail.example>',
      inReplyTo: '<2@shop.example>',
      references: '<1@shop.example> <2@shop.example>',
    },
    'help@desk.example',
  );
  // 4: a program that keeps the root alone
  await mail({ from: 'ani@shop.example', messageId: '<4@shop.example>', references: '<1@shop.example>' });
  // 5: In-Reply-To alone, of a mail that only the customer's other address has seen
  await mail({ from: 'ANI@SHOP.example', messageId: '<5@shop.example>', inReplyTo: '<3@mail.example>' });

  expect(await desk.tickets()).toHaveLength(1);
  expect((await desk.messages()).filter(({ type }) => type === 'message')).toHaveLength(5);
});

test('a stranger who answers with the token or the ids of a thread gets a ticket of his own, marked for review', async () => {
  await mail({ from: 'ani@shop.example', messageId: '<1@shop.example>' });
  const [ticket] = await desk.tickets();
  const reply = `support+${mintToken(desk.sealer, 'c', ticket!.conversations[0]!.toHexString())}@desk.example`;
  await mail(
    { from: 'eve@evil.example', to: reply, messageId: '<e1@evil.example>', references: '<1@shop.example>' },
    reply,
  );
  await mail({ from: 'eve@evil.example', messageId: '<e2@evil.example>', inReplyTo: '<1@shop.example>' });

  const tickets = await desk.tickets();
  expect(tickets).toHaveLength(2);
  expect(tickets[1]!.review?.besides.equals(tickets[0]!.conversations[0]!)).toBe(true);
  const messages = await desk.messages();
  expect(
    messages.filter(({ ticket: of, type }) => type === 'message' && of.equals(tickets[0]!._id)),
  ).toHaveLength(1);
  expect(messages.filter(({ sender }) => sender?.value === 'eve@evil.example')).toHaveLength(2);
  expect(messages.some(({ activity }) => activity === 'ticket.review')).toBe(true);
});

test('a stranger who takes ids of a thread for his own draws none of its mails to himself', async () => {
  await mail({ from: 'ani@shop.example', messageId: '<1@shop.example>' });
  // He names the customer, who so has a place in his conversation too.
  await mail({
    from: 'eve@evil.example',
    cc: 'ani@shop.example',
    messageId: '<1@shop.example>',
    inReplyTo: '<1@shop.example>',
    references: '<1@shop.example>',
  });
  await mail({ from: 'ani@shop.example', messageId: '<2@shop.example>', inReplyTo: '<1@shop.example>' });
  const [ticket] = await desk.tickets();
  const last = (await desk.messages()).find(({ externalId }) => externalId === '<2@shop.example>');
  expect(last?.ticket.equals(ticket!._id)).toBe(true);
});

test('however long a thread grows, an id of it is known by one mail, and a reply names them all', async () => {
  const ids = Array.from({ length: 12 }, (_, i) => `<${i}@shop.example>`);
  for (const [i, messageId] of ids.entries())
    await mail({
      from: 'ani@shop.example',
      messageId,
      ...(i > 0 ? { inReplyTo: ids[i - 1]!, references: ids.slice(0, i).join(' ') } : {}),
    });
  expect(await desk.tickets()).toHaveLength(1);
  const messages = desk.store.collection<MessageDoc>(MESSAGES);
  expect(await messages.countDocuments({ mailIds: ids[0]! })).toBe(1);
  const last = await messages.findOne({ externalId: ids.at(-1)! });
  expect(last).toMatchObject({ mailIds: [ids.at(-1)], references: ids.slice(0, -1) });
});

test('a token with a wrong MAC names nothing', async () => {
  await mail({ from: 'ani@shop.example', messageId: '<1@shop.example>' });
  const [ticket] = await desk.tickets();
  const genuine = mintToken(desk.sealer, 'c', ticket!.conversations[0]!.toHexString());
  const forged = genuine.slice(0, -1) + (genuine.endsWith('0') ? '1' : '0');
  const raw = await mail(
    { from: 'ani@shop.example', messageId: '<2@shop.example>' },
    `support+${forged}@desk.example`,
  );
  expect(raw.state).toBe('done');
  expect(await desk.tickets()).toHaveLength(2);
});

test('new threads of one customer open tickets of their own, a reused subject notwithstanding', async () => {
  await mail({ from: 'ani@shop.example', messageId: '<1@shop.example>', subject: 'Help' });
  await mail({ from: 'ani@shop.example', messageId: '<2@shop.example>', subject: 'Re: Help' });
  const tickets = await desk.tickets();
  expect(tickets).toHaveLength(2);
  expect(tickets[0]!.contact.equals(tickets[1]!.contact)).toBe(true);
});

test('a reused Message-ID swallows no other mail', async () => {
  await mail({ from: 'ani@shop.example', messageId: '<same@shop.example>', text: 'first' });
  await mail({ from: 'ben@shop.example', messageId: '<same@shop.example>', text: 'another' });
  expect((await desk.messages()).map(({ text }) => text).sort()).toEqual(
    expect.arrayContaining(['another', 'first']),
  );
  expect(await desk.tickets()).toHaveLength(2);
});

test('a whole thread that arrives at once, newest first, is one ticket', async () => {
  const letters = [
    {
      from: 'ani@shop.example',
      messageId: '<3@s>',
      references: '<1@s> <2@s>',
      inReplyTo: '<2@s>',
      text: 'three',
    },
    { from: 'ani@shop.example', messageId: '<2@s>', references: '<1@s>', inReplyTo: '<1@s>', text: 'two' },
    { from: 'ani@shop.example', messageId: '<1@s>', text: 'one' },
  ];
  await Promise.all(letters.map((letter) => mail(letter)));
  expect(await desk.tickets()).toHaveLength(1);
  expect((await desk.messages()).filter(({ type }) => type === 'message')).toHaveLength(3);
});

test('a message on a resolved ticket reopens it, once, with a line that says so', async () => {
  await sms('+6281200000001', 'my payment failed');
  const [ticket] = await desk.tickets();
  await desk.store
    .collection('tickets')
    .updateOne({ _id: ticket!._id }, { $set: { status: 'resolved', resolvedAt: new Date() } });
  await sms('+6281200000001', 'it failed again');
  expect(await desk.tickets()).toHaveLength(1);
  expect(await ticketOf(ticket!._id)).toMatchObject({ status: 'open' });
  expect((await desk.messages()).filter(({ activity }) => activity === 'ticket.reopened')).toHaveLength(1);
});

test('a message on a closed ticket opens a new one, linked to it, and later ones join that', async () => {
  await sms('+6281200000001', 'my payment failed');
  const [old] = await desk.tickets();
  await desk.store.collection('tickets').updateOne({ _id: old!._id }, { $set: { status: 'closed' } });
  await sms('+6281200000001', 'another thing');
  await sms('+6281200000001', 'and more of it');
  const tickets = await desk.tickets();
  expect(tickets).toHaveLength(2);
  expect(tickets[1]!.previous?.equals(old!._id)).toBe(true);
  const on = (id: mongoose.Types.ObjectId) => async () =>
    (await desk.messages()).filter(({ type, ticket }) => type === 'message' && ticket.equals(id)).length;
  expect([await on(old!._id)(), await on(tickets[1]!._id)()]).toEqual([1, 2]);
});

test('an out-of-office on a closed ticket neither wakes it nor opens another', async () => {
  await mail({ from: 'ani@shop.example', messageId: '<1@shop.example>' });
  const [ticket] = await desk.tickets();
  await desk.store.collection('tickets').updateOne({ _id: ticket!._id }, { $set: { status: 'closed' } });
  const raw = await mail({
    from: 'ani@shop.example',
    messageId: '<2@shop.example>',
    inReplyTo: '<1@shop.example>',
    headers: { 'Auto-Submitted': 'auto-replied' },
  });
  expect(raw.state).toBe('done');
  expect(await desk.tickets()).toHaveLength(1);
  expect((await ticketOf(ticket!._id)).status).toBe('closed');
});

test('mail in the name of our own address is no customer; a form that writes so is answered to its Reply-To', async () => {
  const loop = await mail({ from: 'support@desk.example', messageId: '<l@desk.example>' });
  expect(loop).toMatchObject({ state: 'ignored' });
  expect(loop.outcomes?.[0]?.reason).toContain('our own');
  await mail({ from: 'support@desk.example', replyTo: 'ani@shop.example', messageId: '<f@desk.example>' });
  expect(await desk.tickets()).toHaveLength(1);
  expect((await desk.messages())[0]!.sender?.value).toBe('ani@shop.example');
});

test('STOP opens no ticket and is remembered; START takes it back', async () => {
  await sms('+6281200000001', 'STOP');
  const identity = () => desk.store.collection('identities').findOne({ value: '+6281200000001' });
  expect((await identity())?.consent['sms-en'].optedOut).toBe(true);
  await sms('+6281200000001', 'START');
  expect((await identity())?.consent['sms-en'].optedOut).toBe(false);
  // The provider's list brings the STOP again, later: what was said last still counts.
  await desk.deliver('sms-en', smsArrival({ from: '+6281200000001', text: 'STOP', receivedAt: new Date(0) }));
  expect((await identity())?.consent['sms-en'].optedOut).toBe(false);
  expect(await desk.tickets()).toHaveLength(0);
});

test('a card number and a code are nowhere in what is stored', async () => {
  await sms('+6281200000001', 'my card 4111 1111 1111 1111 was charged, my PIN is 493021');
  const dump = JSON.stringify([await desk.tickets(), await desk.messages()]);
  expect(dump).not.toMatch(/4111[ ]?1111/);
  expect(dump).not.toContain('493021');
  expect(dump).toContain('1111');
});

test('two first messages of one customer, seen by two workers at once, make one ticket with both', async () => {
  const other = await openDesk({ ...services, mongodbUri: () => desk.uri });
  try {
    for (let i = 0; i < 25; i++) {
      const from = `+62812555${String(i).padStart(5, '0')}`;
      await Promise.all([
        desk.deliver('sms-en', smsArrival({ from, text: `first ${i}` })),
        other.deliver('sms-en', smsArrival({ from, text: `second ${i}` })),
      ]);
    }
    expect(await desk.tickets()).toHaveLength(25);
    expect(await desk.messages()).toHaveLength(50);
  } finally {
    await other.close({ keepData: true });
  }
});

test('the answer that a pending ticket waited for opens it without a word', async () => {
  await sms('+6281200000001', 'my payment failed');
  const [ticket] = await desk.tickets();
  await desk.store.collection('tickets').updateOne({ _id: ticket!._id }, { $set: { status: 'pending' } });
  await sms('+6281200000001', 'it was Rp 50.000');
  expect((await ticketOf(ticket!._id)).status).toBe('open');
  expect((await desk.messages()).filter(({ type }) => type === 'activity')).toHaveLength(0);
});
