import { afterAll, beforeAll, expect, test } from '@jest/globals';
import mongoose from 'mongoose';
import { MESSAGES } from '../../src/conversations/model.ts';
import { openStore, type Store } from '../../src/store/connect.ts';
import { TICKETS } from '../../src/tickets/model.ts';
import { spawnCli } from '../support/run-cli.ts';
import { startThrowawayServices, type ThrowawayServices } from '../support/services.ts';
import { until } from '../support/until.ts';

const quiet = { info() {}, warn() {} };
const ticket = new mongoose.Types.ObjectId();

let services: ThrowawayServices;
let store: Store;
beforeAll(async () => {
  services = await startThrowawayServices();
  store = await openStore(services.mongodbUri('followed'), { log: quiet });
  await store.collection(TICKETS).insertOne({ _id: ticket, number: 7 });
});
afterAll(async () => {
  await store?.close();
  await services?.close();
});

const write = (text: string) =>
  store.collection(MESSAGES).insertOne({
    ticket,
    type: 'message',
    direction: 'in',
    inbox: 'texts',
    channel: 'sms',
    text,
    createdAt: new Date(),
  });

test('who follows messages misses none of those that come right after MongoDB was away', async () => {
  const env = { MONGODB_URI: services.mongodbUri('followed'), REDIS_URL: services.redisUrl };
  const tail = spawnCli(['tail', '--json'], env);
  let shown = '';
  let told = '';
  tail.stdout.on('data', (bytes) => {
    shown += bytes;
  });
  tail.stderr.on('data', (bytes) => {
    told += bytes;
  });
  const ended = new Promise((resolve) => tail.once('close', resolve));
  try {
    await until(async () => {
      await write('before');
      return shown.includes('before');
    }, 'tail follows');
    await services.stopMongo();
    await until(() => told.includes('MongoDB is away'), 'tail says that it waits');
    await services.startMongo();
    await until(
      () =>
        write('after').then(
          () => true,
          () => false,
        ),
      'a message is written',
    );
    await until(() => shown.includes('after'), 'tail goes on');
    expect(told).toContain('MongoDB is back');
    const last = JSON.parse(shown.trim().split('\n').at(-1)!);
    expect(last).toMatchObject({ ticket: 7, inbox: 'texts', text: 'after' });
    tail.kill('SIGTERM');
    expect(await ended).toBe(143);
  } finally {
    tail.kill('SIGKILL');
  }
});
