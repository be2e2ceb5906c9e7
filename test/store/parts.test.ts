import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AUDIT, type Audit, type AuditLine, createAudit } from '../../src/store/audit.ts';
import { openStore, type Store } from '../../src/store/connect.ts';
import { nextNumbers } from '../../src/store/counters.ts';
import { createCursor } from '../../src/store/cursors.ts';
import { ensureIndexes, type IndexSpec } from '../../src/store/ensure-indexes.ts';
import { createLeases, type Leases } from '../../src/store/leases.ts';
import { testServices } from '../support/services.ts';

const quiet = { info() {}, warn() {} };
let store: Store;
let other: Store;

beforeAll(async () => {
  const uri = testServices().mongodbUri('parts');
  [store, other] = await Promise.all([openStore(uri, { log: quiet }), openStore(uri, { log: quiet })]);
});

afterAll(async () => {
  await store.db.dropDatabase();
  await Promise.all([store.close(), other.close()]);
});

describe('numbers', () => {
  test('no number is given twice, though the first takers come at once from two processes', async () => {
    const counts = Array.from({ length: 60 }, (_, i) => (i % 4) + 1);
    const firsts = await Promise.all(
      counts.map((count, i) => nextNumbers(i % 2 ? store : other, 'tickets', count)),
    );
    const given = firsts.flatMap((first, i) => Array.from({ length: counts[i]! }, (_, n) => first + n));
    const total = counts.reduce((sum, count) => sum + count, 0);
    expect([...given].sort((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, n) => n + 1));
  });

  test('a block of no numbers is refused before it can hand out a number that somebody has', async () => {
    await expect(nextNumbers(store, 'tickets', 0)).rejects.toThrow(RangeError);
    await expect(nextNumbers(store, 'tickets', 1.5)).rejects.toThrow(RangeError);
  });
});

describe('leases', () => {
  const start = new Date('2026-01-01T00:00:00Z');
  const later = (ms: number) => new Date(start.getTime() + ms);
  let leases: Leases;
  beforeAll(() => {
    leases = createLeases(store);
  });

  test('of twenty that reach for a free lease at once, one gets it', async () => {
    const rival = createLeases(other);
    const tries = Array.from({ length: 20 }, (_, i) =>
      (i % 2 ? leases : rival).acquire('box', `p${i}`, 1_000, start),
    );
    const got = (await Promise.all(tries)).filter((lease) => lease !== null);
    expect(got).toEqual([{ fence: 1 }]);
  });

  test('of twenty that reach for one that has run out, one gets it, with a higher fence', async () => {
    await leases.acquire('old', 'first', 1_000, start);
    const tries = Array.from({ length: 20 }, (_, i) => leases.acquire('old', `p${i}`, 1_000, later(1_000)));
    expect((await Promise.all(tries)).filter((lease) => lease !== null)).toEqual([{ fence: 2 }]);
  });

  test('a holder who slept cannot renew or release what its successor holds', async () => {
    const slept = await leases.acquire('nap', 'a', 1_000, start);
    const next = await leases.acquire('nap', 'b', 1_000, later(1_001));
    expect(await leases.renew('nap', 'a', slept!.fence, 1_000, later(1_002))).toBe(false);
    await leases.release('nap', 'a', slept!.fence);
    expect(await leases.acquire('nap', 'c', 1_000, later(1_003))).toBeNull();
    expect(await leases.renew('nap', 'b', next!.fence, 5_000, later(1_500))).toBe(true);
    expect(await leases.acquire('nap', 'c', 1_000, later(6_000))).toBeNull();
  });

  test('the same name started anew is not taken for its earlier self', async () => {
    const first = await leases.acquire('twin', 'a', 1_000, start);
    const second = await leases.acquire('twin', 'a', 1_000, later(2_000));
    expect(second!.fence).toBeGreaterThan(first!.fence);
    expect(await leases.renew('twin', 'a', first!.fence, 1_000, later(2_001))).toBe(false);
  });

  test('a released lease is free at once', async () => {
    const lease = await leases.acquire('free', 'a', 60_000, start);
    await leases.release('free', 'a', lease!.fence);
    expect(await leases.acquire('free', 'b', 60_000, later(1))).toEqual({ fence: 2 });
  });
});

describe('cursors', () => {
  test('a position comes back as it was, and inboxes do not see each other', async () => {
    const cursor = createCursor(store, 'support');
    const position = { uidValidity: '17', uid: 4_294_967_295, seen: [1, 2], at: new Date(0) };
    await cursor.set('INBOX.Größe $1', position);
    await cursor.set('INBOX.Größe $1', { ...position, uid: 5 });
    await cursor.set('archive', 3);
    expect(await createCursor(other, 'support').get('INBOX.Größe $1')).toEqual({ ...position, uid: 5 });
    expect(await createCursor(store, 'sales').get('archive')).toBeUndefined();
    expect(await cursor.list()).toEqual(['INBOX.Größe $1', 'archive']);
    await cursor.remove('archive');
    expect(await cursor.list()).toEqual(['INBOX.Größe $1']);
  });
});

describe('audit', () => {
  let audit: Audit;
  beforeAll(() => {
    audit = createAudit(store);
  });
  const entry = (n: number) => ({
    at: new Date(),
    actor: 'a',
    action: 'raw.open',
    subject: `raw:${n % 3}`,
    detail: { n, why: 'x' },
  });

  test('lines that two processes add at once form one chain without a gap', async () => {
    const rival = createAudit(other);
    await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 ? audit : rival).add(entry(n))));
    const lines = await audit.list({ limit: 200 });
    expect(lines.map((line) => line._id)).toEqual(Array.from({ length: 40 }, (_, n) => 40 - n));
    expect(await audit.verify()).toBeUndefined();
    expect((await audit.list({ subject: 'raw:0' })).every((line) => line.subject === 'raw:0')).toBe(true);
    expect((await audit.list({ before: 3 })).map((line) => line._id)).toEqual([2, 1]);
  });

  test('a changed or removed line is found', async () => {
    const lines = store.collection<AuditLine>(AUDIT);
    const line = await lines.findOne({ _id: 7 });
    await lines.updateOne({ _id: 7 }, { $set: { actor: 'somebody else' } });
    expect(await audit.verify()).toBe(7);
    await lines.replaceOne({ _id: 7 }, line!);
    expect(await audit.verify()).toBeUndefined();
    await lines.deleteOne({ _id: 7 });
    expect(await audit.verify()).toBe(8);
  });
});

describe('indexes', () => {
  const specs: IndexSpec[] = [
    { collection: 'ix', keys: { a: 1 }, options: { unique: true, name: 'a_once' } },
    { collection: 'ix', keys: { b: 1 }, options: { sparse: true } },
    { collection: 'bare' },
  ];

  test('two processes that start at once on an empty database both succeed', async () => {
    await Promise.all([store, other, store, other].map((each) => ensureIndexes(each, specs)));
    const names = (await store.collection('ix').listIndexes().toArray()).map((index) => index.name);
    expect(names.sort()).toEqual(['_id_', 'a_once', 'b_1']);
    expect(await store.db.listCollections({ name: 'bare' }).toArray()).toHaveLength(1);
  });

  test('a changed definition stops the start and says which collection', async () => {
    const changed: IndexSpec = { collection: 'ix', keys: { a: 1 }, options: { name: 'a_once' } };
    await expect(ensureIndexes(store, [changed])).rejects.toMatchObject({
      code: 'index_conflict',
      message: expect.stringContaining('"ix"'),
    });
  });

  test('documents that break a new unique index are named as the reason', async () => {
    await store.collection('doubled').insertMany([{ k: 1 }, { k: 1 }]);
    const spec: IndexSpec = { collection: 'doubled', keys: { k: 1 }, options: { unique: true } };
    await expect(ensureIndexes(store, [spec])).rejects.toMatchObject({ code: 'index_conflict' });
  });
});
