import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Dovecot, startDovecot } from '../support/dovecot.ts';
import { type EarshotProcess, startEarshot } from '../support/earshot.ts';
import { mailBytes } from '../support/mail.ts';
import { testServices } from '../support/services.ts';
import { until } from '../support/until.ts';
import { type Agent, agentOf, type Json } from './agent.ts';
import { metric } from './metrics.ts';

const INBOX = 'mailbox';
const LOCKED = 'locked';
const PASSWORD = 'secret';
const WAITING = 300;
/** From the mailbox to the agent; the test's Dovecot itself looks for new mail once a second. */
const HEARD_WITHIN_MS = 5_000;
const MINUTE_MS = 60_000;
const FIRST_AT = Date.parse('2026-11-20T08:00:00Z');

const services = testServices();
const stores = { mongodbUri: services.mongodbUri(), redisUrl: services.redisUrl };
let dovecot: Dovecot;
let earshot: EarshotProcess;
let agent: Agent;
/** Mails delivered so far. */
let mails = 0;

beforeAll(async () => {
  dovecot = await startDovecot({ [INBOX]: PASSWORD, [LOCKED]: 'another password' });
  await start();
  const added = await earshot.api('POST', 'inboxes', {
    id: INBOX,
    kind: 'email',
    config: configOf(INBOX),
  });
  expect(added.status).toBe(201);
  await idling();
});
afterAll(async () => {
  await earshot?.close();
  await dovecot?.dispose();
});

async function start(port?: number): Promise<void> {
  earshot = await startEarshot({ ...stores, ...(port === undefined ? {} : { port }) });
  agent = agentOf(earshot);
}

const configOf = (user: string, pass = PASSWORD) => ({
  address: `${user}@desk.example`,
  imap: { host: '127.0.0.1', port: dovecot.port, secure: false, user, pass },
});

const idling = () =>
  until(
    async () => new RegExp(`\\[${INBOX} 127.0.0.1 IDLE\\]`).test(await dovecot.processTitles()),
    'Earshot waits for mail by IDLE',
  );

/** Each mail is a minute younger than the one before, by its Date and by when the server took it in. */
async function deliver(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const at = new Date(FIRST_AT + ++mails * MINUTE_MS);
    const mail = mailBytes({
      from: `Customer ${mails} <c${mails}@customer.example>`,
      to: `${INBOX}@desk.example`,
      subject: `Question ${mails}`,
      text: `Text ${mails}`,
      messageId: `<q${mails}@customer.example>`,
      date: at.toUTCString(),
    });
    await dovecot.deliver(INBOX, mail, { at });
  }
}

const allTicketed = () =>
  until(
    async () => (await agent.tickets(`?inbox=${INBOX}`)).length === mails && true,
    `${mails} tickets`,
    60_000,
  );

test('mail that arrives during IDLE is a ticket within seconds, and its way can be followed', async () => {
  const before = performance.now();
  await deliver(1);
  const ticket = await agent.ticketAbout('Question 1');
  expect(performance.now() - before).toBeLessThan(HEARD_WITHIN_MS);
  expect(ticket).toMatchObject({
    status: 'open',
    inbox: INBOX,
    channel: 'email',
    contact: { name: 'Customer 1', identities: [{ kind: 'email', value: 'c1@customer.example' }] },
  });
  const [message] = await agent.messages(ticket.id);
  expect(message).toMatchObject({ externalId: '<q1@customer.example>', text: 'Text 1', direction: 'in' });
  const steps = await agent.steps(message.id);
  expect(steps.map(({ step }) => step)).toEqual(['received', 'stored', 'queued', 'classified', 'ticketed']);
  const times = steps.map(({ at }) => Date.parse(at));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test('300 mails that came while Earshot was down come in oldest first, each once', async () => {
  await earshot.kill('SIGTERM');
  await deliver(WAITING);
  const { port } = earshot;
  await earshot.close();
  await start(port);
  await allTicketed();
  const tickets = (await agent.tickets(`?inbox=${INBOX}`)).toSorted((a, b) => a.number - b.number);
  const numbers = tickets.map(({ subject }) => Number(subject.replace('Question ', '')));
  expect(numbers).toEqual(Array.from({ length: mails }, (_, i) => i + 1));
  const created = tickets.map(({ createdAt }) => Date.parse(createdAt));
  expect(created.slice(1)).toEqual(Array.from({ length: WAITING }, (_, i) => FIRST_AT + (i + 2) * MINUTE_MS));
});

test('a mailbox whose UIDs begin anew doubles nothing, and new mail still comes', async () => {
  const before = await agent.raw(`?inbox=${INBOX}`);
  await dovecot.stop();
  await dovecot.resetUidValidity(INBOX);
  await dovecot.start();
  const repeats = () => metric(earshot, 'earshot_deliveries_repeated_total', { inbox: INBOX });
  await until(async () => (await repeats()) >= mails, 'the mailbox was read again', 60_000);
  await idling();
  await deliver(1);
  await agent.ticketAbout(`Question ${mails}`);
  await agent.settled();
  expect(await agent.tickets(`?inbox=${INBOX}`)).toHaveLength(mails);
  expect(await agent.raw(`?inbox=${INBOX}`)).toHaveLength(before.length + 1);
});

test('no flag of any mail was touched', async () => {
  const flags = await dovecot.flags(INBOX);
  expect(flags).toHaveLength(mails);
  expect(flags.flat()).toEqual([]);
});

test('a wrong password is told in words, is not tried over and over, and is no matter to others', async () => {
  const config = configOf(LOCKED, 'wrong');
  expect((await earshot.api('POST', 'inboxes', { id: LOCKED, kind: 'email', config })).status).toBe(201);
  const failing: Json = await until(async () => {
    const inbox = await agent.inbox(LOCKED);
    return inbox.health.state === 'failing' && inbox;
  }, 'the inbox is known to fail');
  expect(failing.health).toMatchObject({
    code: 'credentials_rejected',
    message: expect.stringMatching(/refuses the login.*password/),
  });
  const ready = await earshot.api('GET', '/readyz');
  expect(ready).toMatchObject({ status: 200, body: { status: 'degraded', problems: [] } });
  expect(ready.body.warnings).toEqual([expect.stringContaining(`Inbox "${LOCKED}" is failing`)]);
  expect(ready.body.warnings[0]).toContain('password');
  expect(await metric(earshot, 'earshot_inbox_failing', { inbox: LOCKED })).toBe(1);
  expect((await agent.inbox(INBOX)).health.state).toBe('ok');
  await deliver(1);
  await agent.ticketAbout(`Question ${mails}`);
  expect(await dovecot.refusedLogins()).toBe(1);
  const shown = JSON.stringify([ready.body, await agent.get(`inboxes/${LOCKED}`)]) + earshot.logs();
  expect(shown).not.toMatch(/"wrong"/);
});

test('once the password is mended, the inbox works again by itself', async () => {
  const config = configOf(LOCKED, 'another password');
  expect((await earshot.api('PATCH', `inboxes/${LOCKED}`, { config })).status).toBe(200);
  await until(async () => (await agent.inbox(LOCKED)).health.state === 'ok', 'the inbox is well');
  expect((await earshot.api('GET', '/readyz')).body).toMatchObject({ status: 'ok', warnings: [] });
});
