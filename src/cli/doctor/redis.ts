import { Redis } from 'ioredis';
import { type Finding, fail, warn, well } from './finding.ts';

const ANSWER_LIMIT_MS = 3_000;
const MIN_VERSION = [6, 2] as const;

export async function checkRedis(url: string): Promise<Finding[]> {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: null,
    connectTimeout: ANSWER_LIMIT_MS,
    commandTimeout: ANSWER_LIMIT_MS,
    maxRetriesPerRequest: 0,
  });
  // Without a listener the library writes what we are about to say ourselves.
  redis.on('error', () => {});
  try {
    await redis.connect().catch((error: Error) => {
      throw new Error(`it does not answer (${error.message}); is it running, and is REDIS_URL right?`);
    });
    const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? '?';
    const [policy, appendOnly] = [
      await setting(redis, 'maxmemory-policy'),
      await setting(redis, 'appendonly'),
    ];
    return [checkVersion(version), checkPolicy(policy), checkAppendOnly(appendOnly)];
  } finally {
    redis.disconnect();
  }
}

/** undefined: managed ones often forbid CONFIG. */
async function setting(redis: Redis, name: string): Promise<string | undefined> {
  const answer = await redis.config('GET', name).catch(() => undefined);
  return (answer as string[] | undefined)?.[1];
}

function checkVersion(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < MIN_VERSION[0] || (major === MIN_VERSION[0] && minor < MIN_VERSION[1]);
  if (isOld) return fail('Redis', `version ${version} is too old; use ${MIN_VERSION.join('.')} or newer`);
  return well('Redis', `version ${version}`);
}

function checkPolicy(policy: string | undefined): Finding {
  if (policy === 'noeviction') return well('Redis memory', 'maxmemory-policy is noeviction');
  const given = policy === undefined ? 'maxmemory-policy cannot be read' : `maxmemory-policy is ${policy}`;
  return warn(
    'Redis memory',
    `${given}; it should be noeviction, or wake-ups are thrown away when memory runs out`,
  );
}

function checkAppendOnly(appendOnly: string | undefined): Finding {
  if (appendOnly === 'yes') return well('Redis file', 'append-only file is on');
  return warn(
    'Redis file',
    'no append-only file that can be seen (appendonly yes); after its restart messages wait for the next sweep',
  );
}
