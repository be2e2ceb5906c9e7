import { type ChildProcess, execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort } from '../support/free-port.ts';
import { runCli, spawnCli } from '../support/run-cli.ts';
import { testServices } from '../support/services.ts';
import { until } from '../support/until.ts';

const SAMPLES = 6;
/** Mail and SMS show up as tickets within this. */
const SHOWN_WITHIN_MS = 1_000;

let folder: string;
let env: Record<string, string>;
let demo: ChildProcess;
let output = '';
let ended: Promise<number | null>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'earshot-demo-'));
  const { mongodbUri, redisUrl } = testServices();
  env = { MONGODB_URI: mongodbUri(), REDIS_URL: redisUrl, PORT: String(await freePort()) };
  demo = spawnCli(['demo'], env, folder);
  for (const stream of [demo.stdout!, demo.stderr!])
    stream.on('data', (bytes) => {
      output += bytes;
    });
  ended = new Promise((resolve) => demo.once('close', resolve));
  await until(() => output.includes('sample messages were taken in'), 'the demo runs');
});
afterAll(async () => {
  demo?.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

async function api(path: string, init: RequestInit = {}) {
  const [, url] = /Earshot runs: (\S+)/.exec(output)!;
  const [token] = /esh_[\w-]+/.exec(output)!;
  const headers = { authorization: `Bearer ${token}`, ...init.headers };
  const answer = await fetch(`${url}/api/v1/${path}`, { ...init, headers });
  // biome-ignore lint/suspicious/noExplicitAny: looked into below
  return (await answer.json()) as any;
}
const messagesOf = async (ticket: string) => (await api(`tickets/${ticket}/messages`)).items;

test('sample customers have written, by mail and by SMS, and two messages of one are one ticket', async () => {
  const items = await until(async () => {
    const found = (await api('tickets')).items;
    return found.length === SAMPLES - 1 && found;
  }, 'all samples are tickets');
  const channels = items.map((ticket: { channel: string }) => ticket.channel).sort();
  expect(channels).toEqual(['email', 'email', 'email', 'sms', 'sms']);
});

test.each(['sms.inbound', 'email.inbound'])(
  '%s, sent from beside it, is a ticket within a second',
  async (sample) => {
    const text = `Triggered ${sample}`;
    const { code, stderr } = await runCli(['trigger', sample, '--text', text], { cwd: folder, env });
    expect([code, stderr]).toEqual([0, expect.stringContaining('using the running demo')]);
    const shown = async () => {
      for (const { id } of (await api('tickets')).items)
        for (const message of await messagesOf(id)) if (message.text.trim() === text) return true;
      return false;
    };
    await until(shown, 'the message is in a ticket', SHOWN_WITHIN_MS);
  },
);

test('the mail that it suggests to send with curl becomes a ticket', async () => {
  const [line] = /^ *printf .*curl --url smtp:.*$/m.exec(output)!;
  await promisify(execFile)('sh', ['-c', line]);
  const arrived = async () =>
    (await api('tickets')).items.some(({ subject }: { subject: string }) => subject === 'Hello');
  await until(arrived, 'the mail is a ticket');
});

test('a sample SMS opens a ticket of its own', async () => {
  const count = async () => (await api('tickets')).items.length;
  const before = await count();
  expect((await runCli(['trigger', 'sms.inbound'], { cwd: folder, env })).code).toBe(0);
  await until(async () => (await count()) === before + 1, 'there is another ticket');
});

test.each([
  ['sms', 'delivered'],
  ['email', 'accepted'],
])('an answer by %s goes out to the stand-in and becomes %s', async (channel, status) => {
  const ticket = (await api('tickets')).items.find((it: { channel: string }) => it.channel === channel);
  const text = `Answered by ${channel}`;
  await api(`tickets/${ticket.id}/replies`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': channel },
    body: JSON.stringify({ text }),
  });
  const settled = async () =>
    (await messagesOf(ticket.id)).some(
      (it: { text: string; status: string }) => it.text === text && it.status === status,
    );
  await until(settled, `the answer is ${status}`);
  await until(() => output.includes(text), 'the answer is shown');
});

test('a second demo on the same data says where the first one runs', async () => {
  const { code, stderr } = await runCli(['demo'], { cwd: folder, env });
  expect([code, stderr]).toEqual([1, expect.stringContaining('The demo runs already: http://')]);
});

test('Ctrl-C ends it', async () => {
  demo.kill('SIGINT');
  expect(await ended).toBe(0);
});
