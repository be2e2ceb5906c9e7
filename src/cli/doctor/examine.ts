import { ConfigError, type Env } from '../../../config/env.ts';
import { keepSecret } from '../../../config/secret.ts';
import { openServices, type Services } from '../../embedded/index.ts';
import { openHouse } from '../../main.ts';
import { findServer } from '../server-file.ts';
import { readSettings } from '../settings.ts';
import { wordyLog } from '../with-house.ts';
import { type Finding, fail, look, warn, well } from './finding.ts';
import { checkDisk, checkNode, checkPublicUrl } from './machine.ts';
import { checkIndexes, checkMongo } from './mongo.ts';
import { checkInboxes } from './our-inboxes.ts';
import { checkRedis } from './redis.ts';

/** Everything in the order in which one thing rests on another; ends early where the rest cannot be seen. */
export async function* examine(): AsyncGenerator<Finding> {
  yield checkNode();
  let env: Env;
  try {
    env = readSettings();
    keepSecret(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) yield fail('environment', problem);
    return;
  }
  yield well('environment', 'every variable that is set is understood');
  yield* await look('public address', async () => checkPublicUrl(env));
  yield* await look('disk', () => checkDisk(env.dataDir), warn);
  yield checkServer(env);

  let services: Services;
  try {
    services = await openServices({ ...env, log: () => {} });
  } catch (error) {
    yield fail('services', (error as Error).message);
    return;
  }
  try {
    yield well('MongoDB comes from', env.mongodbUri ? 'MONGODB_URI' : `Earshot's own, in ${env.dataDir}`);
    yield well('Redis comes from', env.redisUrl ? 'REDIS_URL' : `Earshot's own, in ${env.dataDir}`);
    yield* await look('Redis', () => checkRedis(services.redisUrl));
    yield* await checkStored(env, services);
  } finally {
    await services.close();
  }
}

function checkServer(env: Env): Finding {
  const server = findServer(env.dataDir);
  if (server) return well('server', `runs at ${server.url} (process ${server.pid})`);
  return warn('server', `none runs on the data in ${env.dataDir}; start one: earshot start`);
}

async function checkStored(env: Env, services: Services): Promise<Finding[]> {
  const log = await wordyLog('warn');
  let house: Awaited<ReturnType<typeof openHouse>>;
  try {
    house = await openHouse({ env, log, services, waitMs: 0 });
  } catch (error) {
    return [fail('MongoDB', (error as Error).message)];
  }
  try {
    return [
      ...(await look('MongoDB', () => checkMongo(house.store, house.now()))),
      ...(await look('indexes', () => checkIndexes(house.store))),
      ...(await look('inboxes', () => checkInboxes(house))),
    ];
  } finally {
    await house.close();
  }
}
