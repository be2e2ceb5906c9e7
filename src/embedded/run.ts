import { execFile } from 'node:child_process';

export interface RunResult {
  ok: boolean;
  /** stdout and stderr, in that order. */
  output: string;
  /** The program does not exist at all. */
  missing: boolean;
}

/** Runs a program without a shell and never throws: what went wrong is in the result. */
export function run(command: string, args: string[], timeoutMs: number): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      args,
      { timeout: timeoutMs, maxBuffer: 4_000_000 },
      (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`.trim();
        const missing = error !== null && 'code' in error && error.code === 'ENOENT';
        resolve({ ok: error === null, output: output || (error?.message ?? ''), missing });
      },
    );
    child.stdin?.end();
  });
}
