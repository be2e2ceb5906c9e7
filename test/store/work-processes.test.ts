import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mongo } from 'mongoose';
import { openStore, type Store } from '../../src/store/connect.ts';
import { ensureIndexes } from '../../src/store/ensure-indexes.ts';
import { newWork, type WorkDocument, workIndex } from '../../src/store/work/index.ts';
import { testServices } from '../support/services.ts';
import { until } from '../support/until.ts';
import { ACCEPTED, type Accepted, EFFECTS, type Effect, ITEMS } from './work-child.ts';

const CHILD = fileURLToPath(new URL('./work-child.ts', import.meta.url));
const COUNT = 2_000;
/** The processes' clocks differ. */
const SKEWS_MS = [0, 150, -150, 60];
const KILLS = 12;
const uri = testServices().mongodbUri('work-processes');
const running: ChildProcess[] = [];
let store: Store;
let items: mongo.Collection<WorkDocument>;

beforeAll(async () => {
  store = await openStore(uri, { log: { info() {}, warn() {} } });
  await ensureIndexes(store, [workIndex(ITEMS)]);
  items = store.collection<WorkDocument>(ITEMS);
  await items.insertMany(
    Array.from({ length: COUNT }, () => ({ _id: new mongo.ObjectId(), ...newWork('new') })),
  );
});
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await store.db.dropDatabase();
  await store.close();
});

function start(slot: number): void {
  running[slot] = spawn(process.execPath, [CHILD, uri, String(SKEWS_MS[slot])], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

test('work of processes that are killed at any moment is done, and settled once', async () => {
  for (const slot of SKEWS_MS.keys()) start(slot);
  for (let kill = 1; kill <= KILLS; kill++) {
    // Spread over the whole run, whatever the speed of the machine.
    const target = Math.floor((COUNT * (kill - Math.random() / 2)) / (KILLS + 1));
    await until(
      async () => (await items.countDocuments({ state: 'done' })) >= target,
      `${target} items are done`,
    );
    const slot = Math.floor(Math.random() * running.length);
    const ended = once(running[slot]!, 'exit');
    running[slot]!.kill('SIGKILL');
    expect(await ended).toEqual([null, 'SIGKILL']);
    start(slot);
  }
  const codes = await Promise.all(
    running.map(async (child) => child.exitCode ?? (await once(child, 'exit'))[0]),
  );
  expect(codes).toEqual(SKEWS_MS.map(() => 0));

  const docs = await items.find().toArray();
  expect(
    docs.filter(({ state, dueAt, lease }) => state === 'done' && !dueAt && lease.owner === null),
  ).toHaveLength(COUNT);
  expect(docs.every(({ lease, attempts }) => lease.fence === attempts && attempts >= 1)).toBe(true);

  const effects = await store.collection<Effect>(EFFECTS).find().toArray();
  expect(new Set(effects.map(({ _id }) => _id.toHexString()))).toEqual(
    new Set(docs.map(({ _id }) => _id.toHexString())),
  );
  // Kills and slow holders did cost work that was done again; without that the test would show nothing.
  expect(effects.reduce((sum, { runs }) => sum + runs, 0)).toBeGreaterThan(COUNT);

  const accepted = await store.collection<Accepted>(ACCEPTED).find().toArray();
  const unique = (keys: string[]) => expect(new Set(keys).size).toBe(keys.length);
  unique(accepted.map(({ item, fence }) => `${item}:${fence}`));
  unique(accepted.filter(({ state }) => state === 'done').map(({ item }) => `${item}`));
  // A killed process may have taken the note of its last batch along, no more.
  expect(accepted.filter(({ state }) => state === 'done').length).toBeGreaterThan(COUNT - KILLS * 10);
}, 120_000);
