import { run } from './run.ts';

const VERSION_TIMEOUT_MS = 10_000;

type Version = readonly [major: number, minor: number];

interface Wanted {
  /** Program name, looked up on PATH, or an absolute path. */
  program: string;
  /** Finds the version in what `--version` prints; two groups. */
  pattern: RegExp;
  minimum: Version;
}

export const MONGOD: Wanted = { program: 'mongod', pattern: /db version v(\d+)\.(\d+)/, minimum: [6, 0] };
export const REDIS: Wanted = { program: 'redis-server', pattern: /server v=(\d+)\.(\d+)/, minimum: [6, 2] };

export type VersionCheck =
  | { outcome: 'fits'; version: string }
  | { outcome: 'too-old'; version: string }
  | { outcome: 'not-runnable'; reason: string }
  | { outcome: 'missing' };

/** Asks a program for its version. A binary whose libraries are missing is `not-runnable`, with their names. */
export async function checkVersion(wanted: Wanted, program: string = wanted.program): Promise<VersionCheck> {
  const result = await run(program, ['--version'], VERSION_TIMEOUT_MS);
  if (result.missing) return { outcome: 'missing' };
  const found = wanted.pattern.exec(result.output);
  if (!result.ok || !found) return { outcome: 'not-runnable', reason: result.output.slice(0, 500) };
  const [major, minor] = [Number(found[1]), Number(found[2])];
  const version = `${major}.${minor}`;
  const fits = major > wanted.minimum[0] || (major === wanted.minimum[0] && minor >= wanted.minimum[1]);
  return { outcome: fits ? 'fits' : 'too-old', version };
}

/** The outcome in words, for a log line or an error. */
export function describe(check: VersionCheck): string {
  if (check.outcome === 'not-runnable') return check.reason;
  if (check.outcome === 'missing') return 'it is not there';
  return `version ${check.version} is ${check.outcome === 'fits' ? 'new enough' : 'too old'}`;
}
