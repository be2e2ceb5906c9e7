import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { isRunning } from '../../src/embedded/stop.ts';
import { freePort } from '../support/free-port.ts';
import { runCli, spawnCli } from '../support/run-cli.ts';
import { until } from '../support/until.ts';

const SIGNALS = 4;

let folder: string;
let env: Record<string, string>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'earshot-own-'));
  env = { EARSHOT_DATA: folder, PORT: String(await freePort()) };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Process ids of MongoDB and Redis, as long as they are meant to run. */
function servicePids(): number[] {
  const path = join(folder, 'services.json');
  if (!existsSync(path)) return [];
  const records = JSON.parse(readFileSync(path, 'utf8')) as Record<string, { pid?: number }>;
  return Object.values(records).flatMap(({ pid }) => pid ?? []);
}

test('without a server a command starts the services for its moment, and the data stays', async () => {
  const added = await runCli(['agent', 'add', '--name', 'Ada', '--email', 'ada@desk.example'], { env });
  expect(added.code).toBe(0);
  expect(servicePids()).toEqual([]);
  const listed = await runCli(['agent', 'list', '--json'], { env });
  expect(JSON.parse(listed.stdout)).toEqual([expect.objectContaining({ email: 'ada@desk.example' })]);
  expect(servicePids()).toEqual([]);
});

test('beside a server a command uses its services, and leaves them running; SIGTERM leaves none', async () => {
  const server = spawnCli(['start'], env);
  const ended = new Promise((resolve) => server.once('close', resolve));
  try {
    await until(
      async () => (await fetch(`http://127.0.0.1:${env.PORT}/readyz`).catch(() => undefined))?.ok,
      'the server is ready',
    );
    const pids = servicePids();
    expect(pids.length).toBe(2);
    const listed = await runCli(['agent', 'list', '--json'], { env });
    expect(JSON.parse(listed.stdout)).toHaveLength(1);
    expect(listed.stderr).toBe('');
    expect(servicePids()).toEqual(pids);
    server.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(await Promise.all(pids.map(isRunning))).toEqual([false, false]);
  } finally {
    server.kill('SIGKILL');
  }
});

test('a signal that comes several times, to the command and to its group, leaves no service behind', async () => {
  const tail = spawnCli(['tail'], env);
  const ended = new Promise((resolve) => tail.once('close', resolve));
  try {
    // It is still opening then: the worst moment to be asked.
    const pids = await until(() => {
      const found = servicePids();
      return found.length === 2 && found;
    }, 'services are started for it');
    // Signals that come together would be one; these are several, well within the same request.
    let sent = 0;
    await until(() => tail.kill('SIGTERM') && ++sent === SIGNALS, 'signals are sent');
    expect(await ended).toBe(143);
    expect(await Promise.all(pids.map(isRunning))).toEqual([false, false]);
    expect(servicePids()).toEqual([]);
  } finally {
    tail.kill('SIGKILL');
  }
});
