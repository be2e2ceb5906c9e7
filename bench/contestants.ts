import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ACCOUNT_SID, AUTH_TOKEN } from './load.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const START_MS = 30_000;
export const HOOK = '/hooks/bench';

export interface Contestant {
  name: string;
  pid: number;
  port: number;
  publicUrl: string;
  stop(): Promise<void>;
}

export interface Stores {
  mongodbUri: string;
  redisUrl: string;
}

/** Earshot as it is started by everyone: one process, all roles, nothing switched off. */
export async function startEarshot(
  { mongodbUri, redisUrl }: Stores,
  port: number,
  data: string,
): Promise<Contestant> {
  await rm(data, { recursive: true, force: true });
  const publicUrl = 'https://desk.example';
  const env = {
    ...process.env,
    MONGODB_URI: mongodbUri,
    REDIS_URL: redisUrl,
    PORT: String(port),
    PUBLIC_URL: publicUrl,
    EARSHOT_DATA: data,
    LOG_LEVEL: 'error',
  };
  const earshot = path.join(ROOT, 'script/earshot');
  const config = {
    accountSid: ACCOUNT_SID,
    authToken: AUTH_TOKEN,
    from: '+15005550006',
    apiBaseUrl: 'http://127.0.0.1:9',
  };
  await promisify(execFile)(
    earshot,
    ['inbox', 'add', 'sms', '--id', 'bench', '--config', JSON.stringify(config), '--json'],
    { env },
  );
  const child = spawn(earshot, ['start'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const deadline = performance.now() + START_MS;
  for (;;) {
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) break;
    if (performance.now() > deadline || child.exitCode !== null) throw new Error('Earshot did not start');
    await delay(50);
  }
  return { name: 'earshot', pid: child.pid!, port, publicUrl, stop: () => stop(child) };
}

export async function startFloor(
  { mongodbUri, redisUrl }: Stores,
  port: number,
  name: 'floor' | 'alone',
): Promise<Contestant> {
  const child = spawn(
    process.execPath,
    [path.join(ROOT, 'bench/floor.ts'), mongodbUri, redisUrl, String(port), name],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(child.stdout!, 'data');
  return { name, pid: child.pid!, port, publicUrl: 'http://floor', stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
