import { mkdir, realpath } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { launch, turnLog } from './launch.ts';

const ANSWER_LIMIT_MS = 2_000;

export function redisUrl(port: number): string {
  return `redis://127.0.0.1:${port}`;
}

/** Starts a redis-server on `port` with its data in `<dataDir>/redis`, and returns its pid once it answers. */
export async function startRedis(binary: string, dataDir: string, port: number): Promise<number> {
  const dir = join(dataDir, 'redis');
  const logPath = join(dataDir, 'redis.log');
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await turnLog(logPath);
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--logfile', logPath];
  // The folder stays in the process's title, by which a process that no longer answers is known as ours.
  args.push('--pidfile', join(dir, 'redis.pid'), '--set-proc-title', 'no');
  // Every second, not every write: Redis holds hints that MongoDB can rebuild, so a second lost costs only time.
  args.push('--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '');
  // BullMQ's keys must never be evicted: a job that vanishes is worse than a write that is refused.
  args.push('--maxmemory-policy', 'noeviction');
  const ready = async () => (await ask(port, 'PING')).startsWith('+PONG');
  return await launch({ name: 'redis-server', binary, args, logPath, ready });
}

/** The pid of the redis-server on `port` if it serves this very data folder, else undefined. */
export async function identifyRedis(dataDir: string, port: number): Promise<number | undefined> {
  try {
    const dir = /\r\n(\/[^\r]*)\r\n$/.exec(await ask(port, 'CONFIG GET dir'))?.[1];
    if (!dir || (await realpath(dir)) !== (await realpath(join(dataDir, 'redis')))) return undefined;
    const pid = /process_id:(\d+)/.exec(await ask(port, 'INFO server'))?.[1];
    return pid ? Number(pid) : undefined;
  } catch {
    return undefined;
  }
}

/** One inline command, one answer (RESP2). A raw socket: a client with reconnection would only be in the way. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    let answer = '';
    socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy(new Error('no answer')));
    socket.once('connect', () => socket.write(`${command}\r\nQUIT\r\n`));
    socket.on('data', (bytes) => {
      answer += bytes.toString('utf8');
    });
    socket.once('error', reject);
    // Redis closes after QUIT, whose own answer is the last one.
    socket.once('close', () => resolve(answer.replace(/\+OK\r\n$/, '')));
  });
}
