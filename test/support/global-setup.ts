import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openServices, type Services, stopUnusedServices } from '../../src/embedded/index.ts';
import { cacheDir, THROWAWAY_PREFIX } from './throwaway.ts';

/** Another run that starts at this moment has made its folder, but may not have marked itself as its user yet. */
const ABANDONED_AFTER_MS = 60_000;

declare global {
  var earshotTestServices: { services: Services; dataDir: string } | undefined;
}

/** One pair of services with throw-away data for the whole run; test files separate themselves by database name. */
export default async function setup(): Promise<void> {
  await removeAbandoned();
  const dataDir = await mkdtemp(join(tmpdir(), THROWAWAY_PREFIX));
  const log = (line: string) => process.stderr.write(`services: ${line}\n`);
  const services = await openServices({ dataDir, cacheDir: cacheDir(), log });
  process.env.EARSHOT_TEST_MONGODB = services.mongodbUri;
  process.env.EARSHOT_TEST_REDIS = services.redisUrl;
  globalThis.earshotTestServices = { services, dataDir };
}

/** Runs that were killed leave their services running; nobody but the next run can clear them away. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(THROWAWAY_PREFIX)) continue;
    const dataDir = join(tmpdir(), name);
    const folder = await stat(dataDir).catch(() => undefined);
    if (!folder || Date.now() - folder.birthtimeMs < ABANDONED_AFTER_MS) continue;
    const unused = await stopUnusedServices(dataDir, () => {}).catch(() => false);
    if (unused) await rm(dataDir, { recursive: true, force: true });
  }
}
