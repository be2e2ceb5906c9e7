import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  BLOB_UPLOADS,
  BLOBS,
  type BlobDoc,
  type BlobUploadDoc,
  INDEXES,
} from '../../src/store/blob-model.ts';
import { BLOB_INLINE_MAX, type Blobs, createBlobs } from '../../src/store/blobs.ts';
import { openStore, type Store } from '../../src/store/connect.ts';
import { ensureIndexes } from '../../src/store/ensure-indexes.ts';
import { createSealer } from '../../src/store/seal.ts';
import { testServices } from '../support/services.ts';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;
const quiet = { info() {}, warn() {} };
const everybody = async (users: string[]) => new Set(users);
const nobody = async () => new Set<string>();
const FUTURE = new Date(Date.now() + HOUR_MS);
let store: Store;
let blobs: Blobs;

beforeAll(async () => {
  store = await openStore(testServices().mongodbUri('blobs'), { log: quiet });
  await ensureIndexes(store, INDEXES);
  blobs = createBlobs(store, createSealer(['s'.repeat(32)]));
});

afterAll(async () => {
  await store.db.dropDatabase();
  await store.close();
});

beforeEach(async () => {
  for (const { name } of await store.db.listCollections({}, { nameOnly: true }).toArray())
    await store.collection(name).deleteMany({});
});

const put = (bytes: Buffer, user: string, maxBytes = 64 * MIB) =>
  blobs.put(Readable.from([bytes], { objectMode: false }), { user, maxBytes });
const shaOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const countOf = (name: string) => store.collection(name).countDocuments();
const everything = async () =>
  Object.fromEntries(
    await Promise.all(
      [BLOBS, 'blobUsers', BLOB_UPLOADS, `${BLOBS}.files`, `${BLOBS}.chunks`].map(async (name) => [
        name,
        await countOf(name),
      ]),
    ),
  );
const NOTHING = { blobs: 0, blobUsers: 0, blobUploads: 0, 'blobs.files': 0, 'blobs.chunks': 0 };

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
  return undefined;
}

describe('blobs', () => {
  const sizes = [0, 1, BLOB_INLINE_MAX, BLOB_INLINE_MAX + 1, MIB, 3 * MIB + 5];
  test.each(sizes)('%i bytes come back as they were', async (size) => {
    const bytes = randomBytes(size);
    expect(await put(bytes, 'm1')).toEqual({ sha256: shaOf(bytes), size });
    expect((await buffer(blobs.open(shaOf(bytes)))).equals(bytes)).toBe(true);
    expect(await countOf(BLOB_UPLOADS)).toBe(0);
  });

  test('nothing of the bytes lies in the database in the clear', async () => {
    const canary = Buffer.from('4111 1111 1111 1111 ');
    await put(Buffer.concat(Array(100).fill(canary)), 'm1');
    await put(Buffer.concat(Array(100_000).fill(canary)), 'm2');
    for (const name of [BLOBS, `${BLOBS}.chunks`])
      for (const doc of await store.collection(name).find().toArray())
        for (const value of [doc.sealed, doc.data])
          if (value) expect(value.buffer.includes(canary)).toBe(false);
  });

  test.each([1_000, 2 * MIB])('the same %i bytes from ten users at once lie there once', async (size) => {
    const bytes = randomBytes(size);
    await Promise.all(Array.from({ length: 10 }, (_, i) => put(bytes, `m${i % 5}`)));
    const big = size > BLOB_INLINE_MAX;
    expect(await everything()).toMatchObject({
      blobs: 1,
      blobUsers: 5,
      blobUploads: 0,
      'blobs.files': big ? 1 : 0,
    });
    expect((await buffer(blobs.open(shaOf(bytes)))).equals(bytes)).toBe(true);
  });

  test.each([2_000, 2 * MIB])(
    'more than %i bytes are refused, nothing stays, and the source is ended',
    async (max) => {
      const source = Readable.from(
        (function* () {
          for (;;) yield randomBytes(64 * 1024);
        })(),
        { objectMode: false },
      );
      expect(await codeOf(blobs.put(source, { user: 'm1', maxBytes: max }))).toBe('blob_too_large');
      expect(source.destroyed).toBe(true);
      expect(await everything()).toEqual(NOTHING);
    },
  );

  test.each([10, 3 * MIB])(
    'a download that breaks after %i bytes is not stored as if it were whole',
    async (size) => {
      const broken = Readable.from(
        (async function* () {
          yield randomBytes(size);
          throw new Error('connection reset');
        })(),
        { objectMode: false },
      );
      expect(await codeOf(blobs.put(broken, { user: 'm1', maxBytes: 64 * MIB }))).toMatchObject({
        message: 'connection reset',
      });
      expect(await everything()).toEqual(NOTHING);
    },
  );

  test('200 MiB go in and out without being held in memory', async () => {
    const piece = randomBytes(256 * 1024);
    const before = process.memoryUsage.rss();
    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss() - before);
    }, 10);
    const { sha256, size } = await blobs.put(Readable.from(Array.from({ length: 800 }, () => piece)), {
      user: 'm1',
      maxBytes: 400 * MIB,
    });
    let read = 0;
    for await (const chunk of blobs.open(sha256)) read += chunk.length;
    clearInterval(watch);
    expect([size, read]).toEqual([200 * MIB, 200 * MIB]);
    expect(peak).toBeLessThan(150 * MIB);
  });

  test('a reader that stops early leaves nothing running', async () => {
    const { sha256 } = await put(randomBytes(8 * MIB), 'm1');
    for await (const chunk of blobs.open(sha256)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect((await buffer(blobs.open(sha256))).length).toBe(8 * MIB);
  });

  test('an unknown blob, changed bytes and swapped files fail instead of serving something else', async () => {
    expect(await codeOf(buffer(blobs.open('0'.repeat(64))))).toBe('blob_missing');
    const one = await put(randomBytes(2 * MIB), 'm1');
    const two = await put(randomBytes(2 * MIB), 'm1');
    const rows = store.collection<BlobDoc>(BLOBS);
    const other = await rows.findOne({ _id: two.sha256 });
    const mine = await rows.findOne({ _id: one.sha256 });
    await rows.updateOne({ _id: one.sha256 }, { $set: { file: other!.file } });
    expect(await codeOf(buffer(blobs.open(one.sha256)))).toBe('blob_damaged');
    await rows.updateOne({ _id: one.sha256 }, { $set: { file: mine!.file } });
    await store.collection(`${BLOBS}.chunks`).deleteOne({ files_id: mine!.file, n: 1 });
    expect(await codeOf(buffer(blobs.open(one.sha256)))).toBeDefined();
    const small = await put(Buffer.from('small'), 'm1');
    const sealed = (await rows.findOne({ _id: small.sha256 }))!.sealed!;
    sealed.buffer[30]! ^= 1;
    await rows.updateOne({ _id: small.sha256 }, { $set: { sealed } });
    expect(await codeOf(buffer(blobs.open(small.sha256)))).toBe('seal_tampered');
  });
});

describe('blobs that nobody uses', () => {
  test('go with their last user and not before, together with their files', async () => {
    const big = randomBytes(2 * MIB);
    const small = Buffer.from('small');
    await put(big, 'm1');
    await put(big, 'm2');
    await put(small, 'm1');
    await blobs.release('m1');
    await blobs.release('m1');
    expect(await blobs.sweepOrphans(FUTURE, everybody)).toBe(1);
    expect((await buffer(blobs.open(shaOf(big)))).length).toBe(2 * MIB);
    await blobs.release('m2');
    expect(await blobs.sweepOrphans(new Date(0), everybody)).toBe(0);
    expect(await blobs.sweepOrphans(FUTURE, everybody)).toBe(1);
    expect(await everything()).toEqual(NOTHING);
  });

  test('a blob that found a new user before the sweep stays', async () => {
    const bytes = randomBytes(10);
    await put(bytes, 'm1');
    await blobs.release('m1');
    await put(bytes, 'm2');
    expect(await blobs.sweepOrphans(FUTURE, everybody)).toBe(0);
    expect((await buffer(blobs.open(shaOf(bytes)))).equals(bytes)).toBe(true);
  });

  test('users that a crash kept from being stored are released; stored ones are asked for once', async () => {
    await put(Buffer.from('lost'), 'never-stored');
    await put(Buffer.from('kept'), 'stored');
    const asked: string[] = [];
    const alive = async (users: string[]) => {
      asked.push(...users);
      return new Set(users.filter((user) => user === 'stored'));
    };
    expect(await blobs.sweepOrphans(FUTURE, alive)).toBe(1);
    expect(await blobs.sweepOrphans(FUTURE, alive)).toBe(0);
    expect(asked.sort()).toEqual(['never-stored', 'stored']);
    expect(await countOf(BLOBS)).toBe(1);
  });

  test('a user that is stored while the sweep looks for it in vain keeps its bytes', async () => {
    const bytes = randomBytes(100);
    await put(bytes, 'm1');
    const long = new Date(Date.now() - 2 * HOUR_MS);
    await store.collection('blobUsers').updateMany({}, { $set: { pendingAt: long } });
    // Its first worker died; another does the same work again, just after the sweep has asked.
    const tooEarly = async () => {
      await put(bytes, 'm1');
      return new Set<string>();
    };
    await blobs.sweepOrphans(new Date(Date.now() - HOUR_MS), tooEarly);
    expect(await blobs.sweepOrphans(FUTURE, everybody)).toBe(0);
    expect((await buffer(blobs.open(shaOf(bytes)))).equals(bytes)).toBe(true);
  });

  test('what a crash left in the middle of an upload is found', async () => {
    const { sha256 } = await put(randomBytes(2 * MIB), 'm1');
    // As after a kill between the last chunk and the row: the upload's document, its chunks, no row.
    const row = await store.collection<BlobDoc>(BLOBS).findOneAndDelete({ _id: sha256 });
    await store.collection<BlobUploadDoc>(BLOB_UPLOADS).insertOne({ _id: row!.file!, startedAt: new Date() });
    await store.collection(`${BLOBS}.files`).deleteMany({});
    expect(await blobs.sweepOrphans(new Date(0), everybody)).toBe(0);
    expect(await blobs.sweepOrphans(FUTURE, nobody)).toBe(1);
    expect(await everything()).toEqual(NOTHING);
  });

  test('a crash between the row and the end of the upload costs no bytes', async () => {
    const bytes = randomBytes(2 * MIB);
    const { sha256 } = await put(bytes, 'm1');
    const row = await store.collection<BlobDoc>(BLOBS).findOne({ _id: sha256 });
    await store
      .collection<BlobUploadDoc>(BLOB_UPLOADS)
      .insertOne({ _id: row!.file!, startedAt: new Date(0) });
    expect(await blobs.sweepOrphans(FUTURE, everybody)).toBe(0);
    expect((await buffer(blobs.open(sha256))).equals(bytes)).toBe(true);
    expect(await countOf(BLOB_UPLOADS)).toBe(0);
  });

  test('puts, releases and sweeps at once never lose bytes that somebody uses', async () => {
    const contents = [randomBytes(100), randomBytes(300 * 1024)];
    const cycle = async (user: string, bytes: Buffer) => {
      for (let round = 0; round < 15; round++) {
        const { sha256 } = await put(bytes, user);
        expect((await buffer(blobs.open(sha256))).equals(bytes)).toBe(true);
        await blobs.release(user);
      }
    };
    let sweeping = true;
    const sweeper = (async () => {
      while (sweeping) await sweepAged();
    })();
    await Promise.all(contents.flatMap((bytes, i) => [0, 1, 2].map((n) => cycle(`u${i}-${n}`, bytes))));
    sweeping = false;
    await sweeper;
    await blobs.sweepOrphans(FUTURE, everybody);
    expect(await everything()).toEqual(NOTHING);
  });
});

/** As if hours had passed since every release, while uploads that run now are as young as they are. */
async function sweepAged(): Promise<void> {
  await store
    .collection<BlobDoc>(BLOBS)
    .updateMany({ freedAt: { $exists: true } }, { $set: { freedAt: new Date(Date.now() - 2 * HOUR_MS) } });
  await blobs.sweepOrphans(new Date(Date.now() - HOUR_MS), everybody);
}

test('no look-up of the blob store scans a collection', async () => {
  const rows = store.collection(BLOBS);
  const users = store.collection('blobUsers');
  const queries = [
    rows.find({ file: '0' as never }),
    rows.find({ freedAt: { $lt: new Date() } }),
    users.find({ user: 'm1' }),
    users.find({ sha256: 'x' }),
    users.find({ pendingAt: { $lt: new Date() } }),
    store.collection(BLOB_UPLOADS).find({ startedAt: { $lt: new Date() } }),
  ];
  for (const query of queries) {
    const plan = JSON.stringify((await query.explain('queryPlanner')).queryPlanner.winningPlan);
    expect(plan).not.toContain('COLLSCAN');
  }
});
