import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cacheDir } from '../support/throwaway.ts';

const OPENER = fileURLToPath(new URL('./opener.ts', import.meta.url));

export interface Opener {
  mongodbUri: string;
  redisUrl: string;
  /** Ends the process with a signal and waits until it is gone. Returns its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts a real process that opens the services of a data folder, and waits until it has them. */
export async function openInProcess(dataDir: string): Promise<Opener> {
  const child = spawn(process.execPath, [OPENER, dataDir, cacheDir()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await firstLine(child);
  const { mongodbUri, redisUrl } = JSON.parse(line);
  const end = async (signal: NodeJS.Signals) => {
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
    return child.exitCode;
  };
  return { mongodbUri, redisUrl, end };
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('no stdout');
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('the process ended before it had services; its message is above');
}
