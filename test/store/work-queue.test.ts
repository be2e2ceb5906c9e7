import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { mongo } from 'mongoose';
import { openStore, type Store } from '../../src/store/connect.ts';
import { ensureIndexes } from '../../src/store/ensure-indexes.ts';
import {
  AT_ONCE,
  createWorkQueue,
  newWork,
  type WorkDocument,
  workIndex,
} from '../../src/store/work/index.ts';
import { testServices } from '../support/services.ts';

const LEASE_MS = 30_000;
const START = new Date('2026-11-24T12:00:00Z').getTime();
const ITEMS = 'items';
let store: Store;
let items: mongo.Collection<WorkDocument>;
let clock = START;
const queue = (over: { epoch?: () => string } = {}) =>
  createWorkQueue(items, {
    running: 'running',
    leaseMs: LEASE_MS,
    now: () => new Date(clock),
    durableClaims: true,
    ...over,
  });

beforeAll(async () => {
  store = await openStore(testServices().mongodbUri('work'), { log: { info() {}, warn() {} } });
  await ensureIndexes(store, [workIndex(ITEMS)]);
  items = store.collection<WorkDocument>(ITEMS);
});
afterAll(async () => {
  await store.db.dropDatabase();
  await store.close();
});
beforeEach(async () => {
  clock = START;
  await items.deleteMany({});
});

async function add(...dueAts: (Date | undefined)[]): Promise<mongo.ObjectId[]> {
  const docs = dueAts.map((dueAt) => ({ _id: new mongo.ObjectId(), ...newWork('new', dueAt) }));
  for (const [i, doc] of docs.entries()) if (dueAts[i] === undefined) delete doc.dueAt;
  await items.insertMany(docs);
  return docs.map((doc) => doc._id);
}
const at = (ms: number) => new Date(START + ms);
const read = async (id: mongo.ObjectId) => (await items.findOne({ _id: id }))!;

describe('claim', () => {
  test('leaves alone, unclaimed, what has moved since it was read', async () => {
    const [id] = await add(AT_ONCE);
    const seen = { state: 'new', fence: 0 };
    const [claim] = await queue().claim([id!], seen);
    await queue().settle([{ claim: claim!, to: { state: 'new', dueAt: AT_ONCE } }]);
    expect(await queue().claim([id!], seen)).toEqual([]);
    expect(await read(id!)).toMatchObject({ state: 'new', attempts: 1, lease: { owner: null } });
    expect(await queue().claim([id!], { state: 'new', fence: 1 })).toHaveLength(1);
  });

  test('takes what is due, leaves what waits, what rests and what is unknown', async () => {
    const [due, now, later, resting] = await add(AT_ONCE, at(0), at(1), undefined);
    const claims = await queue().claim([due!, now!, later!, resting!, new mongo.ObjectId(), due!]);
    expect(claims.map((claim) => claim.doc._id)).toEqual([due, now]);
    expect(await read(due!)).toMatchObject({
      state: 'running',
      attempts: 1,
      lease: { fence: 1 },
      dueAt: at(LEASE_MS),
    });
    expect(await read(later!)).toMatchObject({ state: 'new', attempts: 0, lease: { owner: null, fence: 0 } });
    expect(await read(resting!)).toMatchObject({ state: 'new', attempts: 0 });
  });

  test("a held item is nobody else's until its lease has run out, and then only the new holder's", async () => {
    const ids = await add(AT_ONCE);
    const [first] = await queue().claim(ids);
    clock += LEASE_MS - 1;
    expect(await queue().claim(ids)).toEqual([]);
    clock += 1;
    const [second] = await queue().claim(ids);
    expect([first!.fence, second!.fence]).toEqual([1, 2]);
    expect(await queue().renew(first!)).toBe(false);
    expect(await queue().settle([{ claim: first!, to: { state: 'stale' } }])).toEqual([false]);
    expect(await queue().settle([{ claim: second!, to: { state: 'done' } }])).toEqual([true]);
    expect(await read(ids[0]!)).toMatchObject({
      state: 'done',
      attempts: 2,
      lease: { owner: null, fence: 2 },
    });
  });

  test('a renewed claim outlives its first lease', async () => {
    const ids = await add(AT_ONCE);
    const [claim] = await queue().claim(ids);
    clock += LEASE_MS - 1;
    expect(await queue().renew(claim!)).toBe(true);
    clock += LEASE_MS - 1;
    expect(await queue().claim(ids)).toEqual([]);
    expect(await queue().due(10)).toEqual([]);
    expect(await queue().settle([{ claim: claim!, to: { state: 'done' } }])).toEqual([true]);
    expect(await queue().renew(claim!)).toBe(false);
  });

  test('of many who claim at once each item has one holder', async () => {
    const ids = await add(...Array<Date>(50).fill(AT_ONCE));
    const claims = await Promise.all(Array.from({ length: 8 }, () => queue().claim(ids)));
    const holders = claims.flat().map((claim) => claim.doc._id.toHexString());
    expect(holders.toSorted()).toEqual(ids.map((id) => id.toHexString()).toSorted());
  });
});

describe('settle', () => {
  test('of a batch answers for each alone', async () => {
    const ids = await add(AT_ONCE, AT_ONCE, AT_ONCE);
    const claims = await queue().claim(ids);
    clock += LEASE_MS;
    const [taken] = await queue().claim([ids[1]!]);
    const settled = await queue().settle(claims.map((claim) => ({ claim, to: { state: 'done' } })));
    expect(settled).toEqual([true, false, true]);
    expect(await read(ids[1]!)).toMatchObject({ state: 'running', lease: { owner: taken!.owner, fence: 2 } });
  });

  test('another outcome for a claim that is settled is refused, the same one repeated is not', async () => {
    const ids = await add(AT_ONCE);
    const [claim] = await queue().claim(ids);
    const done = { claim: claim!, to: { state: 'done' } };
    expect(await queue().settle([done])).toEqual([true]);
    expect(await queue().settle([{ claim: claim!, to: { state: 'dead' } }])).toEqual([false]);
    expect(await queue().settle([{ claim: claim!, to: { state: 'done', dueAt: at(5) } }])).toEqual([false]);
    expect(await queue().settle([done])).toEqual([true]);
    expect(await read(ids[0]!)).toMatchObject({ state: 'done' });
  });

  test('of an item that was set going again since is refused', async () => {
    const ids = await add(AT_ONCE);
    const [claim] = await queue().claim(ids);
    await queue().settle([{ claim: claim!, to: { state: 'dead' } }]);
    await items.updateOne({ _id: ids[0]! }, { $set: { state: 'new', dueAt: AT_ONCE, 'lease.owner': null } });
    expect(await queue().settle([{ claim: claim!, to: { state: 'dead' } }])).toEqual([false]);
    expect(await read(ids[0]!)).toMatchObject({ state: 'new', dueAt: AT_ONCE });
  });

  test('with a time to come lets it wait, gives the attempt back and keeps the error', async () => {
    const ids = await add(AT_ONCE);
    const [claim] = await queue().claim(ids);
    const error = { code: 'limited', message: 'wait' };
    const to = { state: 'waiting', dueAt: at(60_000), keepAttempts: true, error, set: { note: 'x' } };
    expect(await queue().settle([{ claim: claim!, to }])).toEqual([true]);
    expect(await read(ids[0]!)).toMatchObject({
      state: 'waiting',
      attempts: 0,
      lastError: { ...error, at: at(0) },
      note: 'x',
    });
    clock += 59_999;
    expect(await queue().due(10)).toEqual([]);
    expect(await queue().claim(ids)).toEqual([]);
    clock += 1;
    expect(await queue().due(10)).toEqual(ids);
    expect((await queue().claim(ids))[0]).toMatchObject({ fence: 2, doc: { attempts: 1 } });
  });

  test('that a crash of the primary overtook lets the work be done again', async () => {
    const ids = await add(AT_ONCE, AT_ONCE);
    let epoch = 'one';
    const shaky = queue({ epoch: () => epoch });
    const [before] = await shaky.claim([ids[0]!]);
    epoch = 'two';
    expect(await shaky.settle([{ claim: before!, to: { state: 'done' } }])).toEqual([false]);
    expect(await read(ids[0]!)).toMatchObject({ state: 'running', lease: { fence: 1 } });

    const calls = ['two', 'two', 'three'];
    const during = queue({ epoch: () => calls.shift() ?? 'three' });
    const [claim] = await during.claim([ids[1]!]);
    expect(await during.settle([{ claim: claim!, to: { state: 'done' } }])).toEqual([false]);
    expect(await queue().due(10)).toEqual([ids[1]]);

    // Lost to another and overtaken at once: nothing of ours is there to be taken back.
    clock += LEASE_MS;
    await queue().claim([ids[1]!]);
    const again = ['three', 'four'];
    const late = queue({ epoch: () => again.shift() ?? 'four' });
    expect(await late.settle([{ claim: { ...claim!, epoch: 'three' }, to: { state: 'done' } }])).toEqual([
      false,
    ]);
    expect(await read(ids[1]!)).toMatchObject({ state: 'running', lease: { fence: 2 } });
  });
});

describe('due', () => {
  test('names the longest due first, the abandoned among them, and no more than asked', async () => {
    const [b, a, later, c] = await add(at(-20_000), at(-LEASE_MS), at(1), at(-10));
    expect(await queue().due(10)).toEqual([a, b, c]);
    await queue().claim([a!]);
    expect(await queue().due(10)).toEqual([b, c]);
    clock += LEASE_MS;
    expect(await queue().due(10)).toEqual([b, c, later, a]);
    expect(await queue().due(2)).toEqual([b, c]);
  });

  test('reads the head of the index alone, however much rests and however long the backlog', async () => {
    const rest = Array.from({ length: 2_000 }, () => {
      const { dueAt: _, ...work } = newWork('done');
      return { _id: new mongo.ObjectId(), ...work };
    });
    await items.insertMany(rest as WorkDocument[]);
    await add(...Array.from({ length: 1_000 }, (_, i) => (i % 2 ? AT_ONCE : at(-i))));
    const find = await profiled(() => queue().due(100));
    expect(stagesOf(find)).not.toContain('COLLSCAN');
    expect(stagesOf(find)).toContain('work_due');
    expect(find.hasSortStage ?? false).toBe(false);
    expect(find.docsExamined).toBe(100);
    const [info] = await items.aggregate([{ $indexStats: {} }, { $match: { name: 'work_due' } }]).toArray();
    expect(info).toMatchObject({ spec: { sparse: true } });
  });
});

/** What the server noted of the one find that `work` makes. */
async function profiled(work: () => Promise<unknown>): Promise<mongo.Document> {
  await store.db.command({ profile: 2 });
  await work();
  await store.db.command({ profile: 0 });
  const [find] = await store
    .collection('system.profile')
    .find({ ns: items.namespace, 'command.find': ITEMS })
    .sort({ ts: -1 })
    .limit(1)
    .toArray();
  return find!;
}
const stagesOf = (find: mongo.Document) => JSON.stringify([find.planSummary, find.execStats]);
