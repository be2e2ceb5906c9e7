import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { StoreUnavailable } from '../../src/contract/index.ts';
import { DURABLE, FAST, openStore, type Store, withinDeadline } from '../../src/store/connect.ts';
import { createCursor } from '../../src/store/cursors.ts';
import { translateOutage } from '../../src/store/translate-outage.ts';
import { startThrowawayServices, type ThrowawayServices } from '../support/services.ts';

const ANSWER_MS = 5_000;
const quiet = { info() {}, warn() {} };
let services: ThrowawayServices;
let store: Store;

beforeAll(async () => {
  services = await startThrowawayServices();
  store = await openStore(services.mongodbUri('outage'), { log: quiet });
});

afterAll(async () => {
  await store?.close();
  await services?.close();
});

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

test('with MongoDB killed, writes fail as StoreUnavailable within 2 s, and work again by themselves', async () => {
  const cursor = createCursor(store, 'support');
  await cursor.set('n', 1);
  const epoch = store.epoch();
  await services.killMongo();
  for (let round = 0; round < 3; round++) {
    const started = performance.now();
    expect(await failureOf(cursor.set('n', 2))).toBeInstanceOf(StoreUnavailable);
    expect(performance.now() - started).toBeLessThan(ANSWER_MS);
  }
  expect(await failureOf(store.ping())).toBeInstanceOf(StoreUnavailable);
  await services.startMongo();
  for (;;) {
    try {
      await cursor.set('n', 3);
      break;
    } catch (error) {
      expect(error).toBeInstanceOf(StoreUnavailable);
    }
  }
  expect(await cursor.get('n')).toBe(3);
  // What was FAST before the kill may be gone: whoever relies on it must be able to notice.
  expect(store.epoch()).not.toBe(epoch);
});

test('the epoch stays while the same primary runs', async () => {
  const epoch = store.epoch();
  expect(epoch).toMatch(/[0-9a-f]{24}\/[0-9a-f]{24}/);
  for (let n = 0; n < 20; n++) await store.collection('x').insertOne({ n }, n % 2 ? FAST : DURABLE);
  expect(store.epoch()).toBe(epoch);
});

test('a frozen MongoDB is noticed in time by whoever sets a deadline, and nothing stays stuck', async () => {
  await store.ping();
  await services.pauseMongo();
  try {
    const started = performance.now();
    const write = store.collection('x').insertOne({ frozen: true }, DURABLE);
    expect(await failureOf(withinDeadline(write, 1_000))).toBeInstanceOf(StoreUnavailable);
    expect(performance.now() - started).toBeLessThan(ANSWER_MS);
    // The heartbeat cuts what hangs on the frozen server.
    expect(translateOutage(await failureOf(write))).toBeInstanceOf(StoreUnavailable);
  } finally {
    await services.resumeMongo();
  }
  await openStore(services.mongodbUri('outage'), { log: quiet }).then((again) => again.close());
});

test('a duplicate key is no outage', async () => {
  await store.collection<{ _id: string }>('d').insertOne({ _id: 'one' });
  const refused = await failureOf(store.collection<{ _id: string }>('d').insertOne({ _id: 'one' }));
  expect(translateOutage(refused)).toBe(refused);
});

test('a start before MongoDB waits for it, and says so', async () => {
  await services.stopMongo();
  const warnings: string[] = [];
  const opening = openStore(services.mongodbUri('outage'), {
    log: { info() {}, warn: (_, message) => warnings.push(message) },
  });
  while (warnings.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await services.startMongo();
  const opened = await opening;
  await opened.ping();
  await opened.close();
  expect(warnings[0]).toContain('MONGODB_URI');
});

test('a start gives up after its time with StoreUnavailable', async () => {
  const listener = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as { port: number };
  const opening = openStore(`mongodb://127.0.0.1:${port}/x`, { log: quiet, waitMs: 500 });
  expect(await failureOf(opening)).toBeInstanceOf(StoreUnavailable);
  listener.close();
});

test('a URI that no server can mend fails at once', async () => {
  const started = performance.now();
  const error = await failureOf(openStore('mongodb://a:b:c/x', { log: quiet }));
  expect(error).not.toBeInstanceOf(StoreUnavailable);
  expect(performance.now() - started).toBeLessThan(5_000);
});
