import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { GuardedFetch } from '../../src/contract/index.ts';
import {
  createInboxes,
  createRegistry,
  INBOXES,
  type InboxChange,
  type Inboxes,
  type Registry,
} from '../../src/inboxes/index.ts';
import { createLog } from '../../src/lib/log.ts';
import { openStore, type Store } from '../../src/store/connect.ts';
import { createSealer } from '../../src/store/seal.ts';
import { testServices } from '../support/services.ts';
import { fakeType } from './fake-channel.ts';

const noFetch: GuardedFetch = async () => {
  throw new Error('nothing here fetches');
};
let store: Store;
let inboxes: Inboxes;
let fake: ReturnType<typeof fakeType>;
let registry: Registry;
let clock: Date;

beforeAll(async () => {
  store = await openStore(testServices().mongodbUri('registry'), { log: { info() {}, warn() {} } });
});

afterAll(async () => {
  await store.db.dropDatabase();
  await store.close();
});

beforeEach(async () => {
  await store.collection(INBOXES).deleteMany({});
  clock = new Date('2026-01-01T00:00:00Z');
  fake = fakeType();
  inboxes = createInboxes(store, createSealer(['s'.repeat(32)]), [fake.type], {}, () => clock);
  registry = createRegistry({
    inboxes,
    store,
    log: createLog('silent'),
    now: () => clock,
    fetch: noFetch,
    publicUrl: 'https://desk.example/earshot',
    host: '127.0.0.1',
  });
});

afterEach(async () => {
  await registry.close();
});

/** Waits for a condition; the loop of the registry comes by every two seconds. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('it never came true');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('registry', () => {
  test('an inbox that was added a moment ago is found at the first request, not at the next refresh', async () => {
    await registry.start();
    await inboxes.add('support', 'email', { address: 'a@x.example' });
    const inbox = await registry.get('support');
    expect(inbox).toMatchObject({
      id: 'support',
      kind: 'email',
      config: { address: 'a@x.example' },
      paused: false,
      hookUrl: 'https://desk.example/earshot/hooks/support',
    });
    expect(fake.opened[0]!.deps.hookUrl).toBe(inbox!.hookUrl);
  });

  test('fifty requests at once for an unknown inbox open one channel', async () => {
    await inboxes.add('support', 'email', { address: 'a' });
    const found = await Promise.all([
      registry.refresh(),
      ...Array.from({ length: 50 }, () => registry.get('support')),
    ]);
    expect(new Set(found.slice(1)).size).toBe(1);
    expect(fake.opened).toHaveLength(1);
  });

  test('requests for made-up ids do not each reach the database', async () => {
    expect(await registry.get('nobody')).toBeNull();
    await inboxes.add('nobody', 'email', { address: 'a' });
    expect(await registry.get('nobody')).toBeNull();
    expect(await registry.get('../../etc/passwd')).toBeNull();
    await registry.refresh();
    expect(await registry.get('nobody')).not.toBeNull();
  });

  test('what others add, change and remove is seen without being asked for', async () => {
    const changes: InboxChange[] = [];
    registry.onChange((change) => void changes.push(change));
    await registry.start();
    await inboxes.add('support', 'email', { address: 'a' });
    await until(() => registry.all().length === 1);
    await inboxes.update('support', { config: { address: 'b' } });
    await until(() => fake.opened.length === 2);
    expect((await registry.get('support'))!.config).toEqual({ address: 'b' });
    await until(() => fake.opened[0]!.closed === 1);
    await inboxes.remove('support');
    await until(() => registry.all().length === 0);
    await until(() => fake.opened[1]!.closed === 1);
    expect(changes.map(({ was, is }) => [Boolean(was), Boolean(is)])).toEqual([
      [false, true],
      [true, true],
      [true, false],
    ]);
  });

  test('an inbox that did not change keeps its channel', async () => {
    await inboxes.add('support', 'email', { address: 'a' });
    await registry.refresh();
    const before = registry.all();
    await inboxes.add('sales', 'email', { address: 'c' });
    await registry.refresh();
    expect(registry.all()[0]).toBe(before[0]);
    expect(fake.opened).toHaveLength(2);
  });

  test('the old channel is closed only after its sources have ended', async () => {
    await inboxes.add('support', 'email', { address: 'a' });
    await registry.refresh();
    const ended = Promise.withResolvers<void>();
    registry.onChange(() => ended.promise);
    await inboxes.setPaused('support', true);
    await registry.refresh();
    expect((await registry.get('support'))!.paused).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(fake.opened[0]!.closed).toBe(0);
    ended.resolve();
    await until(() => fake.opened[0]!.closed === 1);
  });

  test('an inbox that cannot be opened says why and harms no other', async () => {
    await inboxes.add('good', 'email', { address: 'a' });
    await inboxes.add('ill', 'email', { address: 'b' });
    await store.collection(INBOXES).updateOne({ _id: 'ill' as never }, { $unset: { 'config.address': '' } });
    await registry.start();
    expect(registry.all().map(({ id }) => id)).toEqual(['good']);
    await expect(registry.get('ill')).rejects.toMatchObject({ code: 'bad_configuration' });
    await registry.close();
    expect((await inboxes.get('ill'))!.health).toMatchObject({
      state: 'failing',
      code: 'bad_configuration',
      errors: 1,
    });
    expect((await inboxes.get('good'))!.health.state).toBe('unknown');
  });

  test('an inbox that was mended is opened again', async () => {
    await inboxes.add('ill', 'email', { address: 'b' });
    await store.collection(INBOXES).updateOne({ _id: 'ill' as never }, { $unset: { 'config.address': '' } });
    await registry.refresh();
    await inboxes.update('ill', { config: { address: 'c' } });
    await registry.refresh();
    expect((await registry.get('ill'))!.config).toEqual({ address: 'c' });
  });

  test('own addresses are known in every form, and no longer than the inbox', async () => {
    await inboxes.add('support', 'email', { address: 'help@x.example' });
    await registry.refresh();
    const isOwn = (value: string) => registry.isOwn({ kind: 'email', value });
    expect(['help@x.example', 'help+c0ffee@x.example', 'Help@X.example'].map(isOwn)).toEqual([
      true,
      true,
      true,
    ]);
    expect(['help@y.example', 'xhelp@x.example', 'a+help@x.example'].map(isOwn)).toEqual([
      false,
      false,
      false,
    ]);
    expect(registry.isOwn({ kind: 'phone', value: 'help@x.example' })).toBe(false);
    await inboxes.remove('support');
    await registry.refresh();
    expect(isOwn('help@x.example')).toBe(false);
  });

  test('closing closes every channel once', async () => {
    await inboxes.add('a', 'email', { address: 'a' });
    await inboxes.add('b', 'email', { address: 'b' });
    await registry.start();
    await registry.close();
    await registry.close();
    expect(fake.opened.map(({ closed }) => closed)).toEqual([1, 1]);
  });
});

describe('health', () => {
  const healthOf = async (id: string) => (await inboxes.get(id))!.health;
  const later = (seconds: number) => new Date(clock.getTime() + seconds * 1_000);

  test('what a channel reports is seen by other processes within seconds', async () => {
    await inboxes.add('support', 'email', { address: 'a' });
    await registry.start();
    const { health } = (await registry.get('support'))!;
    health.failing('credentials_rejected', 'The password was refused.');
    health.failing('credentials_rejected', 'The password was refused.');
    let seen = await healthOf('support');
    while (seen.state !== 'failing') seen = await healthOf('support');
    expect(seen).toMatchObject({
      code: 'credentials_rejected',
      message: 'The password was refused.',
      errors: 2,
    });
    expect(seen.lastErrorAt).toEqual(clock);
    health.ok();
    while (seen.state !== 'ok') seen = await healthOf('support');
    expect(seen).toEqual({ state: 'ok', errors: 2, lastErrorAt: clock, lastOkAt: clock });
  });

  test('a source that says nothing raises an alarm by itself, also when it never said anything', async () => {
    await inboxes.add('support', 'email', { address: 'a', quietMs: 60_000 });
    await registry.start();
    await registry.close();
    expect((await healthOf('support')).state).toBe('unknown');
    clock = later(61);
    expect(await healthOf('support')).toMatchObject({ state: 'silent', code: 'silent' });
  });

  test('a webhook inbox without a source, and a paused one, may be quiet for ever', async () => {
    await inboxes.add('hook', 'email', { address: 'a' });
    await inboxes.add('rest', 'email', { address: 'a', quietMs: 60_000 });
    await registry.start();
    await inboxes.setPaused('rest', true);
    await registry.close();
    clock = later(86_400);
    expect([(await healthOf('hook')).state, (await healthOf('rest')).state]).toEqual(['unknown', 'unknown']);
  });

  test('a failure that was told stays a failure, however long ago', async () => {
    await inboxes.add('support', 'email', { address: 'a', quietMs: 60_000 });
    await registry.start();
    (await registry.get('support'))!.health.failing('timed_out', 'No answer.');
    await registry.close();
    clock = later(600);
    expect(await healthOf('support')).toMatchObject({ state: 'failing', code: 'timed_out' });
  });
});
