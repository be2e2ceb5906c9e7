import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { startThrowawayServices, type ThrowawayServices, testServices } from '../support/services.ts';

const { MongoClient } = mongoose.mongo;

async function writeMajority(uri: string, id: number): Promise<number> {
  const client = await MongoClient.connect(uri, { serverSelectionTimeoutMS: 1_000, socketTimeoutMS: 1_000 });
  try {
    const rows = client.db().collection<{ _id: number }>('rows');
    await rows.insertOne({ _id: id }, { writeConcern: { w: 'majority' } });
    return await rows.countDocuments();
  } finally {
    await client.close();
  }
}

describe('services of a test run', () => {
  test('two test files never share a database', async () => {
    const [one, other] = [testServices(), testServices()];
    expect(await writeMajority(one.mongodbUri(), 1)).toBe(1);
    expect(await writeMajority(other.mongodbUri(), 1)).toBe(1);
    expect(one.prefix).not.toBe(other.prefix);
  });
});

describe('services that a test may harm', () => {
  let services: ThrowawayServices;

  beforeAll(async () => {
    services = await startThrowawayServices();
  });
  afterAll(() => services.close());

  test('mongod stopped, killed or frozen refuses, and comes back on the same port with its data', async () => {
    const uri = services.mongodbUri('harm');
    expect(await writeMajority(uri, 1)).toBe(1);
    await services.stopMongo();
    await expect(writeMajority(uri, 2)).rejects.toThrow();
    await services.startMongo();
    expect(await writeMajority(uri, 3)).toBe(2);
    await services.killMongo();
    await services.startMongo();
    expect(await writeMajority(uri, 4)).toBe(3);
    await services.pauseMongo();
    await expect(writeMajority(uri, 5)).rejects.toThrow();
    await services.resumeMongo();
    expect(await writeMajority(uri, 6)).toBeGreaterThanOrEqual(4);
  });

  test('Redis keeps what it has written over a stop, on the same port', async () => {
    const redis = new Redis(services.redisUrl, { maxRetriesPerRequest: null });
    redis.on('error', () => {}); // refused while it is away, which is what this test does to it
    await redis.set('hint', '1');
    await services.stopRedis();
    await services.startRedis();
    expect(await redis.get('hint')).toBe('1');
    expect(await redis.config('GET', 'maxmemory-policy')).toContain('noeviction');
    redis.disconnect();
  });
});
