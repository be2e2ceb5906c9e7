/** Every word that lies in the stores, in the clear: for tests that look for what must not be there. */
import { Redis } from 'ioredis';
import mongoose from 'mongoose';

const { Binary, EJSON } = mongoose.mongo.BSON;

/** Every document of every collection, and what its binary fields spell. */
export async function wordsOfMongo(uri: string): Promise<string> {
  const client = await new mongoose.mongo.MongoClient(uri).connect();
  try {
    const words: string[] = [];
    for (const { name } of await client.db().listCollections().toArray())
      for await (const doc of client.db().collection(name).find()) {
        words.push(`${name}: ${EJSON.stringify(doc)}`);
        for (const bytes of binariesOf(doc)) words.push(bytes.toString('latin1'), bytes.toString('utf8'));
      }
    return words.join('\n');
  } finally {
    await client.close();
  }
}

function binariesOf(value: unknown): Buffer[] {
  if (value instanceof Binary) return [Buffer.from(value.buffer)];
  if (Array.isArray(value)) return value.flatMap(binariesOf);
  if (value && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype)
    return Object.values(value).flatMap(binariesOf);
  return [];
}

/** Every key with what it holds. */
export async function wordsOfRedis(redis: Redis): Promise<string> {
  const words: string[] = [];
  for await (const keys of redis.scanStream({ count: 500 }))
    for (const key of keys as string[]) words.push(key, JSON.stringify(await readKey(redis, key)));
  return words.join('\n');
}

async function readKey(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'string':
      return redis.get(key);
    case 'hash':
      return redis.hgetall(key);
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return redis.smembers(key);
    case 'zset':
      return redis.zrange(key, '0', '-1', 'WITHSCORES');
    case 'stream':
      return redis.xrange(key, '-', '+');
    default:
      return undefined;
  }
}

/** What is said to Redis from now on, kept or not. */
export async function overhearRedis(url: string) {
  const redis = new Redis(url);
  const monitor = await redis.monitor();
  const said: string[] = [];
  monitor.on('monitor', (_time: unknown, args: unknown) => void said.push((args as string[]).join(' ')));
  return {
    redis,
    said: () => said.join('\n'),
    close() {
      monitor.disconnect();
      redis.disconnect();
    },
  };
}
