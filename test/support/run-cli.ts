import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Compiled code is kept between the many processes of a run. */
const NODE_COMPILE_CACHE = join(tmpdir(), 'earshot-test-compiled');

export interface CliResult {
  /** Of the process; null when a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** `earshot ARGS` as a process of its own, with nothing of this process's environment but PATH and HOME. */
export function spawnCli(args: string[], env: Record<string, string> = {}, cwd = ROOT) {
  const { PATH = '', HOME = '', XDG_CACHE_HOME = '', EARSHOT_CACHE = '' } = process.env;
  const argv = ['--disable-warning=ExperimentalWarning', MAIN, ...args];
  return spawn(process.execPath, argv, {
    cwd,
    env: { PATH, HOME, XDG_CACHE_HOME, EARSHOT_CACHE, NODE_COMPILE_CACHE, NO_COLOR: '1', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** Runs a command to its end. */
export async function runCli(
  args: string[],
  { env, cwd, stdin = '' }: { env?: Record<string, string>; cwd?: string; stdin?: string | Buffer } = {},
): Promise<CliResult> {
  const child = spawnCli(args, env, cwd);
  // A command that reads nothing may have ended already.
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  const result: CliResult = { code: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    result.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    result.stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ ...result, code }));
  });
}
