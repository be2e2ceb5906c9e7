import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServicesError } from './errors.ts';

const POLL_MS = 20;
const START_LIMIT_MS = 60_000;
const LOG_TAIL_CHARS = 1_500;

/** Keeps the log of one earlier run, so that logs never grow without bound. */
export async function turnLog(path: string): Promise<void> {
  if (existsSync(path)) await rename(path, path.replace(/\.log$/, '.previous.log'));
}

export interface Launch {
  name: string;
  binary: string;
  args: string[];
  logPath: string;
  /** True once the service answers as it should; throwing means not yet. */
  ready: () => Promise<boolean>;
}

/**
 * Starts a service in a process group of its own (Ctrl-C in a terminal must not reach it before Earshot has
 * finished with it) and waits until it answers. Returns its pid.
 * @throws ServicesError `service_did_not_start` with the end of its log.
 */
export async function launch({ name, binary, args, logPath, ready }: Launch): Promise<number> {
  const child = spawn(binary, args, { detached: true, stdio: 'ignore' });
  let ended: string | undefined;
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (code, signal) => {
    ended = `it ended with ${signal ?? `code ${code}`}`;
  });
  child.unref();
  const deadline = Date.now() + START_LIMIT_MS;
  while (ended === undefined && Date.now() < deadline) {
    if (child.pid !== undefined && (await ready().catch(() => false))) return child.pid;
    await sleep(POLL_MS);
  }
  if (ended === undefined) child.kill('SIGKILL');
  const tail = await readFile(logPath, 'utf8').catch(() => '');
  const reason = ended ?? `no answer within ${START_LIMIT_MS / 1000} s`;
  throw new ServicesError(
    'service_did_not_start',
    `${name} (${binary}) did not start: ${reason}. The end of ${logPath}:\n${tail.slice(-LOG_TAIL_CHARS)}`,
  );
}
