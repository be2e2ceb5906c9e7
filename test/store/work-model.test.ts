import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { openStore, type Store } from '../../src/store/connect.ts';
import { ensureIndexes } from '../../src/store/ensure-indexes.ts';
import { type WorkDocument, workIndex } from '../../src/store/work/index.ts';
import { testServices } from '../support/services.ts';
import { Play } from './work-model.ts';
import { steps } from './work-steps.ts';

const ITEMS = 'items';
let store: Store;

beforeAll(async () => {
  store = await openStore(testServices().mongodbUri('work-model'), { log: { info() {}, warn() {} } });
  await ensureIndexes(store, [workIndex(ITEMS)]);
});
afterAll(async () => {
  await store.db.dropDatabase();
  await store.close();
});

test('whatever workers, crashes and wrong clocks do, each item comes to rest once and a stale holder is refused', async () => {
  let redone = 0;
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (steps, durableClaims) => {
      const play = new Play(store.collection<WorkDocument>(ITEMS), durableClaims);
      await play.begin();
      for (const step of steps) {
        await play.take(step);
        await play.compare();
      }
      await play.drain();
      await play.compare();
      redone += play.accepted.size - play.rests.size;
    }),
    { seed: 5, numRuns: 80 },
  );
  expect(redone).toBeGreaterThan(0);
});
