import { spawn } from 'node:child_process';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { openServices, stopUnusedServices } from '../../src/embedded/index.ts';
import { identifyMongod } from '../../src/embedded/mongod.ts';
import { identifyRedis } from '../../src/embedded/redis-server.ts';
import { isRunning, killProcess } from '../../src/embedded/stop.ts';
import { cacheDir, THROWAWAY_PREFIX } from '../support/throwaway.ts';
import { type Opener, openInProcess } from './open-process.ts';

let dataDir: string;
let openers: Opener[];

beforeEach(async () => {
  dataDir = await realpath(await mkdtemp(join(tmpdir(), `${THROWAWAY_PREFIX}life-`)));
  openers = [];
});

afterEach(async () => {
  for (const opener of openers) await opener.end('SIGKILL').catch(() => {});
  await stopUnusedServices(dataDir, () => {});
  await rm(dataDir, { recursive: true, force: true });
});

async function open(): Promise<Opener> {
  const opener = await openInProcess(dataDir);
  openers.push(opener);
  return opener;
}

async function end(opener: Opener, signal: NodeJS.Signals): Promise<number | null> {
  openers = openers.filter((other) => other !== opener);
  return await opener.end(signal);
}

interface Pids {
  mongod: number;
  redis: number;
}

/** Asked of the services themselves, not of our own records. */
async function pidsOf({ mongodbUri, redisUrl }: { mongodbUri: string; redisUrl: string }): Promise<Pids> {
  const mongod = await identifyMongod(dataDir, Number(new URL(mongodbUri).port));
  const redis = await identifyRedis(dataDir, Number(new URL(redisUrl).port));
  if (mongod === undefined || redis === undefined) throw new Error('the services do not answer');
  return { mongod, redis };
}

async function areRunning({ mongod, redis }: Pids): Promise<[boolean, boolean]> {
  return [await isRunning(mongod), await isRunning(redis)];
}

async function addRow({ mongodbUri, redisUrl }: { mongodbUri: string; redisUrl: string }): Promise<void> {
  const client = await mongoose.mongo.MongoClient.connect(mongodbUri);
  await client
    .db()
    .collection('rows')
    .insertOne({}, { writeConcern: { w: 'majority' } });
  await client.close();
  const redis = new Redis(redisUrl);
  await redis.incr('rows');
  redis.disconnect();
}

async function countRows({
  mongodbUri,
  redisUrl,
}: {
  mongodbUri: string;
  redisUrl: string;
}): Promise<number[]> {
  const client = await mongoose.mongo.MongoClient.connect(mongodbUri);
  const inMongo = await client.db().collection('rows').countDocuments();
  await client.close();
  const redis = new Redis(redisUrl);
  const inRedis = Number(await redis.get('rows'));
  redis.disconnect();
  return [inMongo, inRedis];
}

describe('services of a data folder', () => {
  test('SIGTERM of their only user leaves no mongod and no redis-server, and the next start has the data', async () => {
    const first = await open();
    await addRow(first);
    const pids = await pidsOf(first);
    expect(await end(first, 'SIGTERM')).toBe(0);
    expect(await areRunning(pids)).toEqual([false, false]);
    const second = await open();
    expect(await countRows(second)).toEqual([1, 1]);
    expect(second).toMatchObject({ mongodbUri: first.mongodbUri, redisUrl: first.redisUrl });
  });

  test('the process that started them may end while another still uses them; the last one stops them', async () => {
    const starter = await open();
    const other = await open();
    const pids = await pidsOf(starter);
    expect(await pidsOf(other)).toEqual(pids);
    await end(starter, 'SIGTERM');
    expect(await areRunning(pids)).toEqual([true, true]);
    await addRow(other);
    await end(other, 'SIGTERM');
    expect(await areRunning(pids)).toEqual([false, false]);
  });

  test('processes that start at once get one pair', async () => {
    const all = await Promise.all([open(), open(), open(), open()]);
    const pids = await Promise.all(all.map(pidsOf));
    expect(new Set(pids.map(({ mongod, redis }) => `${mongod} ${redis}`)).size).toBe(1);
  });

  test('kill -9 of their user leaves them running, and the next start adopts and then stops them', async () => {
    const first = await open();
    await addRow(first);
    const pids = await pidsOf(first);
    await end(first, 'SIGKILL');
    expect(await areRunning(pids)).toEqual([true, true]);
    const second = await open();
    expect(await pidsOf(second)).toEqual(pids);
    expect(await countRows(second)).toEqual([1, 1]);
    await end(second, 'SIGTERM');
    expect(await areRunning(pids)).toEqual([false, false]);
  });

  test('kill -9 of mongod and Redis beside a running user: the next start brings both back where they were', async () => {
    const first = await open();
    await addRow(first);
    const pids = await pidsOf(first);
    await Promise.all([killProcess(pids.mongod), killProcess(pids.redis)]);
    const second = await open();
    expect(second).toMatchObject({ mongodbUri: first.mongodbUri, redisUrl: first.redisUrl });
    const [inMongo] = await countRows(first);
    expect(inMongo).toBe(1); // Redis may lose its last second
  });

  test('kill -9 of everything at once loses no acknowledged write', async () => {
    const first = await open();
    await addRow(first);
    const pids = await pidsOf(first);
    await Promise.all([end(first, 'SIGKILL'), killProcess(pids.mongod), killProcess(pids.redis)]);
    const [inMongo] = await countRows(await open());
    expect(inMongo).toBe(1);
  });

  test('a process id that now belongs to another program is neither adopted nor ended', async () => {
    const first = await open();
    const pids = await pidsOf(first);
    await end(first, 'SIGKILL');
    await Promise.all([killProcess(pids.mongod), killProcess(pids.redis)]);
    const stranger = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    try {
      await writeFile(join(dataDir, 'redis', 'redis.pid'), String(stranger.pid));
      await writeFile(join(dataDir, 'mongodb', 'mongod.lock'), String(stranger.pid));
      const second = await open();
      await end(second, 'SIGTERM');
      expect(await isRunning(stranger.pid!)).toBe(true);
    } finally {
      stranger.kill('SIGKILL');
    }
  });

  test('addresses that are given are used as they are, and nothing is started', async () => {
    const given = { mongodbUri: 'mongodb://db.example/earshot', redisUrl: 'redis://cache.example' };
    const untouched = join(dataDir, 'never-made');
    const services = await openServices({
      ...given,
      dataDir: untouched,
      cacheDir: cacheDir(),
      log: () => {},
    });
    expect(services).toMatchObject(given);
    await services.close();
    await expect(realpath(untouched)).rejects.toThrow('ENOENT');
  });

  test('only what is not given is started', async () => {
    const given = { mongodbUri: 'mongodb://db.example/earshot' };
    const services = await openServices({ ...given, dataDir, cacheDir: cacheDir(), log: () => {} });
    expect(services.mongodbUri).toBe(given.mongodbUri);
    const redis = new Redis(services.redisUrl);
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
    await services.close();
    await services.close();
    await expect(realpath(join(dataDir, 'mongodb'))).rejects.toThrow('ENOENT');
  });
});
