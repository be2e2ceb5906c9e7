import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BOMBS } from '../email/read-bombs.ts';
import { fixture, fixtureNames } from '../email/read-harness.ts';
import { dice, MUTATIONS } from '../email/read-mutations.ts';
import { type EarshotProcess, startEarshot } from '../support/earshot.ts';
import { freePort } from '../support/free-port.ts';
import { mailBytes } from '../support/mail.ts';
import { testServices } from '../support/services.ts';
import { until } from '../support/until.ts';
import { type Agent, agentOf, type Json } from './agent.ts';
import { sendBytes } from './customer-mail.ts';

const INBOX = 'mail';
const SEED = 20_261_124;
const MUTANTS = 300;
const GOOD = 50;
const SENDERS = 4;
/** A good mail among them is a ticket within this, however bad its neighbours are. */
const GOOD_WITHIN_MS = 10_000;
const MIB = 1024 * 1024;
const SENDER = 'big@customer.example';
const BIG_BYTES = 50 * MIB;
const BIG_RISE_MAX_MIB = 150;
const RSS_MAX_MIB = 700;
const SAMPLE_MS = 20;
const RECIPIENT = 'support@shop.example';
/** Bombs that between them have each kind: nesting, NULs and rubbish are among the mutants too. */
const CHOSEN_BOMBS = [
  '500 multiparts in each other',
  '100,000 parts',
  'a header of 2.7 MB',
  'one field of 10 MB',
  'a header that never ends',
  '200,000 addresses',
  '300,000 references',
  '1 million open tags',
];

let earshot: EarshotProcess;
let agent: Agent;
let port: number;

beforeAll(async () => {
  const services = testServices();
  earshot = await startEarshot({
    mongodbUri: services.mongodbUri(),
    redisUrl: services.redisUrl,
    // As script/earshot starts it.
    env: { MALLOC_ARENA_MAX: '2' },
  });
  agent = agentOf(earshot);
  port = await freePort();
  await earshot.addInbox('email', INBOX, { address: RECIPIENT, listen: { port } });
});
afterAll(async () => {
  await earshot?.close();
});

interface Letter {
  name: string;
  bytes: Buffer;
  /** Who sends it, by which it is known again. */
  from: string;
}

function letters(): Letter[] {
  const roll = dice(SEED);
  const names = fixtureNames();
  const kinds = Object.keys(MUTATIONS);
  const bad = Array.from({ length: MUTANTS }, (_, n) => {
    const kind = kinds[n % kinds.length]!;
    const name = names[n % names.length]!;
    const bytes = MUTATIONS[kind]!(fixture(name), roll, fixture(names[roll(names.length)]!));
    return { name: `${kind} of ${name}`, bytes };
  });
  const bombs = [
    ...CHOSEN_BOMBS.map((name) => ({ name, bytes: Buffer.from(BOMBS[name]!()) })),
    { name: 'NULs alone', bytes: Buffer.alloc(10_000) },
    { name: 'nothing', bytes: Buffer.alloc(0) },
  ];
  const all = [...bad, ...bombs].map((letter, n) => ({ ...letter, from: `bad${n}@customer.example` }));
  const good = Array.from({ length: GOOD }, (_, n) => ({
    name: 'good',
    from: `good${n}@customer.example`,
    bytes: mailBytes({
      from: `good${n}@customer.example`,
      to: RECIPIENT,
      subject: `Good ${n}`,
      text: `Good text ${n}`,
      messageId: `<good${n}@customer.example>`,
    }),
  }));
  // A good one after every few bad ones.
  const every = Math.ceil(all.length / GOOD);
  return good.flatMap((one, n) => [...all.slice(n * every, (n + 1) * every), one]);
}

async function rssMib(): Promise<number> {
  const status = await readFile(`/proc/${earshot.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) / 1024;
}

// First, while the process is small: afterwards its heap has room for it anyhow.
test('a mail of 50 MiB comes in whole and costs less than 150 MiB of memory', async () => {
  // What the code itself takes, once, is not the big mail's.
  await sendBytes(port, Readable.from(mailOf('Two', 2 * MIB)), { from: SENDER, to: [RECIPIENT] });
  await agent.ticketAbout('Two');
  await agent.settled();
  const before = await rssMib();
  let highest = before;
  let over = false;
  const watching = (async () => {
    while (!over) {
      highest = Math.max(highest, await rssMib());
      await delay(SAMPLE_MS);
    }
  })();
  await sendBytes(port, Readable.from(mailOf('Fifty', BIG_BYTES)), { from: SENDER, to: [RECIPIENT] });
  const { id } = await agent.ticketAbout('Fifty');
  await agent.settled();
  over = true;
  await watching;
  const [message] = await agent.messages(id);
  expect(message.text.trim()).toBe('See the file.');
  expect(message.attachments).toMatchObject([{ name: 'a.zip', available: true }]);
  expect(message.attachments[0].size).toBeGreaterThan((BIG_BYTES / 78) * 57 - 1000);
  expect(highest - before).toBeLessThan(BIG_RISE_MAX_MIB);
}, 60_000);

function* mailOf(subject: string, bytes: number): Generator<Buffer> {
  yield Buffer.from(
    [
      `From: ${SENDER}`,
      `To: ${RECIPIENT}`,
      `Subject: ${subject}`,
      `Message-ID: <${subject}@customer.example>`,
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=big',
      '',
      '--big',
      'Content-Type: text/plain',
      '',
      'See the file.',
      '--big',
      'Content-Type: application/zip; name=a.zip',
      'Content-Transfer-Encoding: base64',
      '',
      '',
    ].join('\r\n'),
  );
  const lines = Buffer.from(`${'QUJD'.repeat(19)}\r\n`.repeat(1000));
  for (let sent = 0; sent < bytes; sent += lines.length) yield lines;
  yield Buffer.from('--big--\r\n');
}

test('of 310 broken mails and bombs none is lost, none ends the process, and good mails between them flow', async () => {
  const before = (await agent.raw()).length;
  const all = letters();
  const waiting = [...all];
  const refused: string[] = [];
  const sender = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { name, bytes, from } = next;
      await sendBytes(port, bytes, { from, to: [RECIPIENT] }).catch((error) =>
        refused.push(`${name}: ${error.message}`),
      );
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  expect(refused).toEqual([]);

  await until(
    async () => (await agent.raw('?state=received,processing')).length === 0,
    'every delivery is at rest',
    60_000,
  );
  const raws = await agent.raw();
  // Mutants with the same bytes are one delivery.
  const repeats = raws.reduce((sum, { repeats }) => sum + repeats, 0);
  expect(raws.length + repeats).toBe(before + all.length);
  expect(repeats).toBeLessThan(MUTANTS / 10);
  for (const raw of raws) {
    expect(['done', 'ignored', 'quarantined']).toContain(raw.state);
    if (raw.state === 'quarantined')
      expect(raw.lastError).toMatchObject({ message: expect.stringMatching(/.{10}/) });
    else expect(raw.outcomes.length).toBeGreaterThan(0);
    if (raw.state === 'ignored') for (const { reason } of raw.outcomes) expect(reason).toMatch(/.{5}/);
  }
  for (const { id, size } of raws.filter(({ state }) => state === 'quarantined')) {
    const original = await earshot.api('GET', `raw/${id}/original/body`);
    expect([original.status, size > 0]).toEqual([200, true]);
  }
  await goodOnesCame();
}, 150_000);

async function goodOnesCame(): Promise<void> {
  const tickets = await agent.tickets(`?inbox=${INBOX}`);
  const good = tickets.filter(({ subject }) => /^Good \d+$/.test(subject));
  expect(good).toHaveLength(GOOD);
  for (const { id } of good) {
    const [message] = await agent.messages(id);
    const steps = await agent.steps(message.id);
    const at = (name: string) => Date.parse(steps.find(({ step }) => step === name)!.at);
    expect(at('ticketed') - at('received')).toBeLessThan(GOOD_WITHIN_MS);
  }
}

test('it is the same process afterwards, and of a sane size', async () => {
  const ready: Json = await earshot.api('GET', '/readyz');
  expect(ready).toMatchObject({ status: 200, body: { status: 'ok' } });
  expect(process.kill(earshot.pid, 0)).toBe(true);
  expect(await rssMib()).toBeLessThan(RSS_MAX_MIB);
  expect(earshot.logs()).not.toMatch(/uncaught|unhandled|out of memory/i);
});
