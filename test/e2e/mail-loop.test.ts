import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type EarshotProcess, startEarshot } from '../support/earshot.ts';
import { freePort } from '../support/free-port.ts';
import type { Mail } from '../support/mail.ts';
import { type Postfix, startPostfix } from '../support/postfix.ts';
import { testServices } from '../support/services.ts';
import { until } from '../support/until.ts';
import { type Agent, agentOf, type Json } from './agent.ts';
import {
  addressOf,
  answering,
  type Copy,
  type Envelope,
  sendBytes,
  sendMail,
  startWorld,
  type World,
} from './customer-mail.ts';

const INBOX = 'support';
const ANI = 'Ani <ani@shop.example>';
const ANI_AT_HOME = 'ani.home@mail.example';
const MADE_UP_TOKEN = `m${'0123456789'.repeat(4)}`;

let world: World;
let postfix: Postfix;
let earshot: EarshotProcess;
let agent: Agent;

beforeAll(async () => {
  const services = testServices();
  world = await startWorld();
  const deskPort = await freePort();
  postfix = await startPostfix({ domain: 'desk.example', deskPort, worldPort: world.port });
  earshot = await startEarshot({ mongodbUri: services.mongodbUri(), redisUrl: services.redisUrl });
  agent = agentOf(earshot);
  await earshot.addInbox('email', INBOX, {
    address: 'support@desk.example',
    name: 'Desk',
    aliases: ['help@desk.example'],
    listen: { port: deskPort },
    smtp: { host: '127.0.0.1', port: postfix.port, secure: false },
  });
});
afterAll(async () => {
  await earshot?.close();
  await postfix?.stop();
  await world?.close();
});

/** By way of the customer's and our mail server, as all mail comes. */
const write = (mail: Mail, envelope?: Envelope) => sendMail(postfix.port, mail, envelope);

/** The agent answers; what the customer's server got of it. */
async function reply(ticket: string, body: Json): Promise<{ id: string; copy: Copy }> {
  const { id } = await agent.send(ticket, body);
  return { id, copy: await world.got(body.text) };
}

async function firstMail(subject: string, mail: Partial<Mail> = {}): Promise<string> {
  const messageId = `<${subject.replaceAll(' ', '-')}@shop.example>`;
  await write({ from: ANI, subject, text: `About: ${subject}`, messageId, ...mail });
  return (await agent.ticketAbout(subject)).id;
}

test('a reply leaves with everything that lets it be answered and bounce', async () => {
  const ticket = await firstMail('Kettle broken', { references: '<earlier@shop.example>' });
  const { id, copy } = await reply(ticket, { text: 'A new kettle is on its way.' });
  const { externalId, recipients } = await agent.becomes(id, 'accepted');
  expect(recipients).toMatchObject([{ value: 'ani@shop.example', role: 'to' }]);
  expect(copy.header('Message-ID')).toBe(externalId);
  expect(copy.header('In-Reply-To')).toBe('<Kettle-broken@shop.example>');
  expect(copy.header('References')).toBe('<earlier@shop.example> <Kettle-broken@shop.example>');
  expect(copy.header('Subject')).toBe('Re: Kettle broken');
  expect(addressOf(copy.header('From'))).toBe('support@desk.example');
  expect(addressOf(copy.header('To'))).toBe('ani@shop.example');
  expect(addressOf(copy.header('Reply-To'))).toMatch(/^support\+c[a-f0-9]{40}@desk\.example$/);
  expect(copy.header('Auto-Submitted')).toBe('');
  expect(copy.from).toMatch(/^support\+m[a-f0-9]{40}@desk\.example$/);
  expect(copy.to).toEqual(['ani@shop.example']);
  expect((await agent.ticket(ticket)).status).toBe('pending');
});

test('five turns between two addresses of the customer and an alias of ours stay one ticket', async () => {
  // 1: the second address is in Cc from the start.
  const ticket = await firstMail('Five turns', { cc: ANI_AT_HOME });
  const first = await reply(ticket, { text: 'Answer 1', cc: [ANI_AT_HOME] });
  expect(first.copy.to.toSorted()).toEqual(['ani.home@mail.example', 'ani@shop.example']);
  // 2: as a mail program answers, quoting.
  await write({
    ...answering(first.copy),
    from: ANI,
    messageId: '<t2@shop.example>',
    text: 'Turn 2\r\n\r\nOn Tue, 24 Nov 2026, Desk wrote:\r\n> Answer 1',
  });
  await agent.heard(ticket, 'Turn 2');
  const second = await reply(ticket, { text: 'Answer 2', cc: [ANI_AT_HOME] });
  // 3: from the other address, to the alias, by the ids alone.
  await write({
    ...answering(second.copy),
    to: 'help@desk.example',
    from: ANI_AT_HOME,
    messageId: '<t3@mail.example>',
    text: 'Turn 3',
  });
  await agent.heard(ticket, 'Turn 3');
  const third = await reply(ticket, { text: 'Answer 3' });
  expect(third.copy.to).toEqual([ANI_AT_HOME]);
  expect(third.copy.header('In-Reply-To')).toBe('<t3@mail.example>');
  // 4: a program that forgets every id; the reply address alone leads here.
  await write({
    from: ANI,
    to: answering(third.copy).to!,
    subject: 'What I forgot',
    messageId: '<t4@shop.example>',
    text: 'Turn 4',
  });
  await agent.heard(ticket, 'Turn 4');
  // 5: to the plain address, with In-Reply-To alone.
  const fourth = await reply(ticket, { text: 'Answer 4' });
  await write({
    from: ANI,
    subject: 'Re: Five turns',
    inReplyTo: answering(fourth.copy).inReplyTo!,
    messageId: '<t5@shop.example>',
    text: 'Turn 5',
  });
  await agent.heard(ticket, 'Turn 5');

  await agent.settled();
  const said = (await agent.messages(ticket)).filter(({ type }) => type === 'message');
  expect(said.map(({ text }) => text.trim())).toEqual([
    'About: Five turns',
    'Answer 1',
    'Turn 2',
    'Answer 2',
    'Turn 3',
    'Answer 3',
    'Turn 4',
    'Answer 4',
    'Turn 5',
  ]);
  const subjects = (await agent.tickets()).map(({ subject }) => subject);
  expect(subjects.filter((subject) => /five turns|forgot/i.test(subject))).toEqual(['Five turns']);
});

test('a stranger who answers with the token gets a ticket of his own, marked for review', async () => {
  const ticket = await firstMail('Private matter');
  const { copy } = await reply(ticket, { text: 'Your new password is on its way.' });
  await write({
    ...answering(copy),
    from: 'eve@evil.example',
    messageId: '<e1@evil.example>',
    text: 'Send it to me instead.',
  });
  const strangers = await agent.ticketAbout('Re: Private matter');
  expect(strangers.id).not.toBe(ticket);
  expect(strangers.contact.identities).toEqual([{ kind: 'email', value: 'eve@evil.example' }]);
  const { conversations } = await agent.ticket(ticket);
  expect((await agent.ticket(strangers.id)).review).toEqual({ besides: conversations[0] });
  expect(await agent.activities(strangers.id)).toContain('ticket.review');
  expect(JSON.stringify(await agent.messages(ticket))).not.toContain('instead');
  expect(JSON.stringify(await agent.messages(strangers.id))).not.toContain('password');
  expect((await agent.ticket(ticket)).replyDefaults.to).toMatchObject([{ value: 'ani@shop.example' }]);
});

test('a genuine bounce fails exactly its message and opens the ticket again; it is no ticket itself', async () => {
  const ticket = await firstMail('Bounces');
  const good = await reply(ticket, { text: 'This one arrives.' });
  await agent.becomes(good.id, 'accepted');
  expect((await agent.ticket(ticket)).status).toBe('pending');
  const count = (await agent.tickets()).length;
  const bad = await agent.send(ticket, { text: 'This one does not.', to: ['gone@shop.example'] });
  const failed = await agent.becomes(bad.id, 'failed');
  expect(failed.error).toMatchObject({
    providerCode: '5.1.1',
    message: expect.stringContaining('No such user'),
  });
  await agent.settled();
  expect((await agent.message(good.id)).status).toBe('accepted');
  expect(await agent.activities(ticket)).toEqual(['reply.failed']);
  expect((await agent.ticket(ticket)).status).toBe('open');
  expect(await agent.tickets()).toHaveLength(count);
  const steps = await agent.steps(bad.id);
  expect(steps.map(({ step }) => step)).toEqual(['queued', 'sending', 'accepted', 'failed']);
  const [delivery] = await agent.raw();
  expect(delivery).toMatchObject({ state: 'done', via: 'smtp' });
  expect(delivery.outcomes).toContainEqual(
    expect.objectContaining({ type: 'receipt', state: 'done', message: bad.id, ticket }),
  );
});

test('a forged bounce marks nothing and is ignored, with the reason', async () => {
  const before = await agent.tickets();
  const fixture = await readFile(new URL('../email/fixtures/bounce-dsn.eml', import.meta.url), 'latin1');
  const forged = fixture
    .replaceAll(/m[a-f0-9]{40}/g, MADE_UP_TOKEN)
    .replaceAll('shop.example', 'desk.example');
  const to = [`support+${MADE_UP_TOKEN}@desk.example`];
  await sendBytes(postfix.port, Buffer.from(forged, 'latin1'), { from: '', to });
  const delivery: Json = await until(
    async () => (await agent.raw('?state=ignored'))[0],
    'the forged bounce is at rest',
  );
  expect(delivery).toMatchObject({ state: 'ignored', via: 'smtp' });
  expect(delivery.outcomes.map(({ state }: Json) => state)).toEqual(['ignored', 'ignored']);
  for (const { reason } of delivery.outcomes)
    expect(reason).toMatch(/nothing that we sent|no message that we sent/);
  expect(await agent.tickets()).toEqual(before);
});

test('an out-of-office lands on the ticket, wakes nobody, and is answered by nobody', async () => {
  const ticket = await firstMail('Holiday');
  const { id, copy } = await reply(ticket, { text: 'Are you there?' });
  await agent.becomes(id, 'accepted');
  expect((await earshot.api('PATCH', `tickets/${ticket}`, { status: 'resolved' })).status).toBe(200);
  const sent = world.copies.length;
  // To the return path, as RFC 3834 asks of auto-responders.
  await write(
    {
      ...answering(copy),
      from: ANI,
      to: copy.from,
      subject: 'Out of office: Re: Holiday',
      messageId: '<ooo@shop.example>',
      text: 'I am away until Monday.',
      headers: { 'Auto-Submitted': 'auto-replied' },
    },
    { from: '', to: [copy.from] },
  );
  const message = await agent.heard(ticket, 'I am away until Monday.');
  expect(message.automation).toBe('auto-reply');
  await agent.settled();
  expect((await agent.ticket(ticket)).status).toBe('resolved');
  expect((await agent.message(id)).status).toBe('accepted');
  expect(world.copies).toHaveLength(sent);
});
