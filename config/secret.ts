import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { ConfigError, type Env } from './env.ts';
import { SECRET_MIN_CHARS } from './variables.ts';

const SECRET_BYTES = 32;

/**
 * The secrets to seal with: EARSHOT_SECRET, or the one that is made once and kept in EARSHOT_DATA/secret (mode 0600).
 * Two processes at once end with the same one. Throws ConfigError where it can neither be read nor written.
 */
export function keepSecret(env: Pick<Env, 'secrets' | 'dataDir'>): readonly string[] {
  if (env.secrets.length > 0) return env.secrets;
  const path = join(env.dataDir, 'secret');
  try {
    const secret = readSecret(path) ?? makeSecret(env.dataDir, path);
    // An empty secret would seal with a key that everybody knows.
    if (secret.length < SECRET_MIN_CHARS)
      throw new Error(`it holds fewer than ${SECRET_MIN_CHARS} characters`);
    return Object.freeze([secret]);
  } catch (error) {
    throw new ConfigError([
      `EARSHOT_SECRET: absent, and ${path} cannot be used (${(error as Error).message}); ` +
        'wanted a secret, or a folder in EARSHOT_DATA that may be written',
    ]);
  }
}

function readSecret(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function makeSecret(dataDir: string, path: string): string {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const file = openSync(draft, 'wx', 0o600);
  try {
    writeSync(file, `${randomBytes(SECRET_BYTES).toString('hex')}\n`);
    fsyncSync(file);
    // A link appears whole or not at all, and never replaces what another process put there first.
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    closeSync(file);
    rmSync(draft, { force: true });
  }
  return readFileSync(path, 'utf8').trim();
}
