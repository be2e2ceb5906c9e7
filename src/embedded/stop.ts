import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from './run.ts';

const POLL_MS = 20;
const GRACE_MS = 15_000;
const PS_TIMEOUT_MS = 5_000;

/** True while a process with this id exists and is no zombie. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
}

/** True when the process is one whose command line names `folder`: a pid alone may have been given to another. */
export async function isOurs(pid: number, folder: string): Promise<boolean> {
  const commandLine =
    process.platform === 'linux'
      ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      : (await run('ps', ['-ww', '-o', 'args=', '-p', String(pid)], PS_TIMEOUT_MS)).output;
  return commandLine.includes(folder);
}

/** Asks a process of ours to end, waits, and kills it when it does not. */
export async function stopProcess(pid: number): Promise<void> {
  signal(pid, 'SIGTERM');
  const deadline = Date.now() + GRACE_MS;
  while (await isRunning(pid)) {
    if (Date.now() > deadline) signal(pid, 'SIGKILL');
    await sleep(POLL_MS);
  }
}

/** Ends a process that no longer answers, and waits until it is gone. */
export async function killProcess(pid: number): Promise<void> {
  signal(pid, 'SIGKILL');
  while (await isRunning(pid)) await sleep(POLL_MS);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
