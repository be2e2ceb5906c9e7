import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { EarshotProcess } from '../support/earshot.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/until.ts';
import { type Agent, agentOf, type Json } from './agent.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Packages and programs are here already; MongoDB and Redis begin with empty data. */
const RUNS_WITHIN_MS = 60_000;
const HEARD_WITHIN_MS = 1_000;
const SAMPLE_TICKETS = 5;
/** What the printed lines say. */
const MAIL = 'Does anybody hear me?';
const SMS = 'Where is my order?';

let dataDir: string;
let env: Record<string, string>;
let demo: ReturnType<typeof spawn>;
let output = '';
let agent: Agent;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'earshot-first-minute-'));
  const { PATH = '', HOME = '', XDG_CACHE_HOME = '', EARSHOT_CACHE = '' } = process.env;
  env = { PATH, HOME, XDG_CACHE_HOME, EARSHOT_CACHE, NO_COLOR: '1', EARSHOT_DATA: dataDir };
  // A group of its own, as a shell gives it: Ctrl-C reaches all of it.
  demo = spawn('./script/demo', {
    cwd: ROOT,
    env: { ...env, PORT: String(await freePort()) },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  for (const stream of [demo.stdout!, demo.stderr!])
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  await until(
    () => demo.exitCode !== null || output.includes('sample messages were taken in'),
    'the demo runs',
    RUNS_WITHIN_MS,
  );
  agent = agentOf({ api: callWith(/token (esh_\S+)/.exec(output)?.[1] ?? '') });
}, RUNS_WITHIN_MS + 10_000);
afterAll(async () => {
  if (demo && demo.exitCode === null) {
    process.kill(-demo.pid!, 'SIGINT');
    await once(demo, 'close');
  }
  for (const pid of await processesOf(dataDir)) process.kill(pid, 'SIGKILL');
  await rm(dataDir, { recursive: true, force: true });
});

function callWith(token: string): EarshotProcess['api'] {
  return async (method, path, body, headers = {}) => {
    const [, url] = /Earshot runs: (\S+)/.exec(output)!;
    const answer = await fetch(`${url}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, headers: answer.headers, body: await answer.json() };
  };
}

/** What a person copies from the screen, run by a shell. */
async function runPrinted(pattern: RegExp, change = (line: string) => line): Promise<string> {
  const [, line] = pattern.exec(output) ?? [];
  expect(line).toBeDefined();
  const { stdout } = await promisify(execFile)('sh', ['-c', change(line!)], { cwd: ROOT, env });
  return stdout;
}

async function processesOf(words: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return pids.filter((pid, i) => pid !== process.pid && lines[i]!.includes(words));
}

/** The message that says this, on whichever ticket: a sample customer may have written before. */
const heard = (channel: string, text: string): Promise<Json> =>
  until(async () => {
    for (const { id } of await agent.tickets(`?channel=${channel}`))
      for (const message of await agent.messages(id)) if (message.text.trim() === text) return message;
    return undefined;
  }, `a ticket says "${text}"`);

async function ticketedAtOnce({ id }: Json): Promise<void> {
  const steps = await agent.steps(id);
  const at = (name: string) => Date.parse(steps.find(({ step }) => step === name)!.at);
  expect(at('ticketed') - at('received')).toBeLessThan(HEARD_WITHIN_MS);
}

test('the demo says what it is doing, where everything is, and has sample tickets to show', async () => {
  for (const words of [
    'Step 1 of 3',
    'Step 2 of 3',
    'Step 3 of 3',
    'MongoDB',
    'redis',
    '/api/docs',
    'Ctrl-C',
  ])
    expect(output).toContain(words);
  expect(output.match(/\((?:admin|agent)\)\s+token esh_\S+/g)).toHaveLength(2);
  await until(async () => (await agent.tickets()).length === SAMPLE_TICKETS, 'the samples are tickets');
});

test('a mail sent by the printed swaks line is a ticket within a second', async () => {
  await runPrinted(/^\s*or: (swaks .+)$/m);
  const message = await heard('email', MAIL);
  expect(message).toMatchObject({ direction: 'in', subject: 'Hello' });
  await ticketedAtOnce(message);
});

test('an SMS sent by the printed trigger line is a ticket within a second', async () => {
  await runPrinted(/^\s*(\.\/script\/earshot trigger sms\.inbound .+)$/m);
  await ticketedAtOnce(await heard('sms', SMS));
});

test.each([
  ['email', MAIL, 'accepted'],
  ['sms', SMS, 'delivered'],
])('the printed answer goes out by %s and is shown', async (channel, text, status) => {
  const { ticket } = await heard(channel, text);
  const answer = await runPrinted(/^\s*(curl .+\/replies)$/m, (line) =>
    line
      .replace('TICKET_ID', ticket)
      .replace('We are on it.', `Answered by ${channel}`)
      .replace('Idempotency-Key: 1', `Idempotency-Key: ${channel}`),
  );
  await agent.becomes(JSON.parse(answer).id, status);
  await until(() => output.includes(`Answered by ${channel}`), 'the answer is shown');
});

test('Ctrl-C ends it, and leaves no process behind', async () => {
  expect((await processesOf(dataDir)).length).toBeGreaterThanOrEqual(2);
  const closed = once(demo, 'close');
  process.kill(-demo.pid!, 'SIGINT');
  expect(await closed).toEqual([0, null]);
  expect(await processesOf(dataDir)).toEqual([]);
  expect(() => process.kill(-demo.pid!, 0)).toThrow('ESRCH');
});
