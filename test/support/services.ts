import { randomBytes } from 'node:crypto';

export { startThrowawayServices, type ThrowawayServices } from './throwaway.ts';

export interface TestServices {
  /** Connection string of a database of this name that belongs to this test file alone. */
  mongodbUri: (database?: string) => string;
  /** One Redis for the whole run: separate yourself by key prefix (BullMQ's `prefix`), never by FLUSHALL. */
  redisUrl: string;
  /** Starts no key of another test file; for BullMQ's `prefix`. */
  prefix: string;
}

/** The services that the whole test run shares, started before the first test file (global-setup.ts). */
export function testServices(): TestServices {
  const mongo = process.env.EARSHOT_TEST_MONGODB;
  const redis = process.env.EARSHOT_TEST_REDIS;
  if (!mongo || !redis) throw new Error('run by jest with its global setup: npm run jest -- test/...');
  const unique = randomBytes(6).toString('hex');
  return {
    mongodbUri: (database = 'earshot') => {
      const uri = new URL(mongo);
      uri.pathname = `/${database}-${unique}`;
      return uri.href;
    },
    redisUrl: redis,
    prefix: `test-${unique}`,
  };
}
