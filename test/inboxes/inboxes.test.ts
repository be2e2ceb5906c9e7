import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createInboxes, INBOXES, InboxError, type Inboxes } from '../../src/inboxes/index.ts';
import type { InboxDoc } from '../../src/inboxes/model.ts';
import { openStore, type Store } from '../../src/store/connect.ts';
import { createSealer } from '../../src/store/seal.ts';
import { testServices } from '../support/services.ts';
import { fakeType } from './fake-channel.ts';

const SECRET = 's'.repeat(32);
const CANARY = 'hunter2-canary';
const quiet = { info() {}, warn() {} };
const { type } = fakeType();
let store: Store;
let inboxes: Inboxes;

beforeAll(async () => {
  store = await openStore(testServices().mongodbUri('inboxes'), { log: quiet });
  inboxes = createInboxes(store, createSealer([SECRET]), [type, fakeType('sms').type], {});
});

afterAll(async () => {
  await store.db.dropDatabase();
  await store.close();
});

beforeEach(async () => {
  await store.collection(INBOXES).deleteMany({});
});

const rowOf = (id: string) => store.collection<InboxDoc>(INBOXES).findOne({ _id: id });
const full = { address: 'a@x.example', imap: { host: 'h', pass: CANARY } };

async function problemOf(work: Promise<unknown>): Promise<{ code: string; problems: readonly string[] }> {
  try {
    await work;
  } catch (error) {
    if (error instanceof InboxError) return { code: error.code, problems: error.problems };
    throw error;
  }
  throw new Error('it was not refused');
}

describe('secrets of an inbox', () => {
  test('lie in the database sealed, and leave neither by list nor by get nor by an error', async () => {
    const added = await inboxes.add('support', 'email', full);
    expect(JSON.stringify(await rowOf('support'))).not.toContain(CANARY);
    expect(JSON.stringify([added, await inboxes.list(), await inboxes.get('support')])).not.toContain(CANARY);
    expect(added).toMatchObject({
      config: { address: 'a@x.example', imap: { host: 'h' } },
      secrets: ['imap.pass'],
    });
    const { problems } = await problemOf(
      inboxes.add('x', 'email', { ...full, imap: { host: '', pass: CANARY }, [CANARY]: 1 }),
    );
    expect(problems.filter((line) => line.includes('imap')).join()).not.toContain(CANARY);
    expect(inboxes.load((await rowOf('support'))!).config).toEqual(full);
  });

  test('a URL with a password is a secret wherever it stands', async () => {
    const relay = `smtp://me:${CANARY}@mail.example:25`;
    await inboxes.add('support', 'email', { address: 'a', relay });
    expect(JSON.stringify([await rowOf('support'), await inboxes.list()])).not.toContain(CANARY);
    expect(inboxes.load((await rowOf('support'))!).config).toEqual({ address: 'a', relay });
  });

  test('those that the environment gives are not stored: a new one there is a new one here', async () => {
    const sealer = createSealer([SECRET]);
    const before = createInboxes(store, sealer, [type], { SMTP_URL: `smtp://me:${CANARY}@old.example` });
    await before.add('support', 'email', { address: 'a' });
    const doc = (await rowOf('support'))!;
    expect(doc.secrets).toBeUndefined();
    const after = createInboxes(store, sealer, [type], { SMTP_URL: 'smtp://new.example' });
    expect(after.load(doc).config).toEqual({ address: 'a', relay: 'smtp://new.example' });
  });

  test('cannot be moved to another inbox by whoever can write to the database', async () => {
    await inboxes.add('one', 'email', full);
    await inboxes.add('two', 'email', full);
    const { secrets } = (await rowOf('one'))!;
    const thief = { ...(await rowOf('two'))!, secrets };
    expect(() => inboxes.load(thief)).toThrow(expect.objectContaining({ code: 'seal_tampered' }));
  });

  test('stay when a change leaves them out, and go when it gives null or takes their place away', async () => {
    await inboxes.add('support', 'email', full);
    await inboxes.update('support', { config: { address: 'b@x.example', imap: { host: 'h2' } } });
    expect(inboxes.load((await rowOf('support'))!).config).toEqual({
      address: 'b@x.example',
      imap: { host: 'h2', pass: CANARY },
    });
    const without = { address: 'b', imap: { host: 'h2', pass: null } };
    expect(await problemOf(inboxes.update('support', { config: without }))).toMatchObject({
      code: 'bad_configuration',
    });
    expect((await inboxes.update('support', { config: { address: 'b' } })).secrets).toEqual([]);
    expect((await rowOf('support'))!.secrets).toBeUndefined();
  });

  test('an inbox sealed by a lost secret is still listed, so that it can be mended', async () => {
    await inboxes.add('support', 'email', full);
    const stranger = createInboxes(store, createSealer(['t'.repeat(32)]), [type], {});
    expect(await stranger.list()).toMatchObject([{ id: 'support', secrets: [] }]);
    const row = (await rowOf('support'))!;
    expect(() => stranger.load(row)).toThrow(expect.objectContaining({ code: 'seal_unknown_key' }));
    const { pass: _, ...imap } = full.imap;
    const unknown = stranger.update('support', { config: { ...full, imap } });
    await expect(unknown).rejects.toMatchObject({ code: 'seal_unknown_key' });
    const mended = { ...full, imap: { ...imap, pass: 'given-anew' } };
    expect(await stranger.update('support', { config: mended })).toMatchObject({ secrets: ['imap.pass'] });
    expect(stranger.load((await rowOf('support'))!).config).toEqual(mended);
  });
});

describe('an inbox', () => {
  test('with several mistakes is refused with all of them, and nothing is stored', async () => {
    const { code, problems } = await problemOf(
      inboxes.add('support', 'email', { imap: { host: '', pass: 'x' } }),
    );
    expect(code).toBe('bad_configuration');
    expect(problems).toEqual(['address: the address is missing', 'imap.host: name the host']);
    expect(inboxes.check('email', { imap: { host: '', pass: 'x' } })).toEqual(problems);
    expect(await inboxes.list()).toEqual([]);
  });

  test.each(['', 'Support', '-a', 'a b', 'a/b', '../x', 'a'.repeat(64), '__proto__'])(
    'cannot be called "%s"',
    async (id) => {
      expect(await problemOf(inboxes.add(id, 'email', { address: 'a' }))).toMatchObject({
        code: 'bad_inbox_id',
      });
    },
  );

  test('of an unknown kind is refused with the kinds that there are', async () => {
    const { code, problems } = await problemOf(inboxes.add('a', 'fax', {}));
    expect([code, problems[0]]).toEqual([
      'unknown_kind',
      '"fax" is no kind of inbox; there are: email, sms.',
    ]);
  });

  test('added ten times at once is there once, with the config of the one that was told so', async () => {
    const tries = Array.from({ length: 10 }, (_, i) => inboxes.add('support', 'email', { address: `a${i}` }));
    const results = await Promise.allSettled(tries);
    const won = results.filter((result) => result.status === 'fulfilled');
    expect(won).toHaveLength(1);
    expect((await rowOf('support'))!.config).toEqual(won[0]!.value.config);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'inbox_exists' });
  });

  test('that was removed is gone with its secrets, and may come back as the same kind only', async () => {
    await inboxes.add('support', 'email', full, 'Support');
    await inboxes.remove('support');
    expect(await inboxes.get('support')).toBeNull();
    expect(await inboxes.list()).toEqual([]);
    expect((await rowOf('support'))!.secrets).toBeUndefined();
    expect(await problemOf(inboxes.remove('support'))).toMatchObject({ code: 'inbox_not_found' });
    expect(await problemOf(inboxes.add('support', 'sms', { address: 'b' }))).toMatchObject({
      code: 'inbox_exists',
    });
    const { version } = (await rowOf('support'))!;
    const back = await inboxes.add('support', 'email', { address: 'b' });
    expect([back.name, back.secrets]).toEqual([undefined, []]);
    expect((await rowOf('support'))!.version).toBeGreaterThan(version);
  });

  test('changed by two at once loses neither change unseen', async () => {
    await inboxes.add('support', 'email', { address: 'a' });
    const results = await Promise.allSettled([
      inboxes.update('support', { name: 'One' }),
      inboxes.update('support', { name: 'Two' }),
      inboxes.setPaused('support', true),
    ]);
    const done = results.filter((result) => result.status === 'fulfilled').length;
    expect((await rowOf('support'))!.version).toBe(1 + done);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'inbox_changed' });
  });

  test('a config that reaches for the prototype changes nobody else', async () => {
    const config = JSON.parse(
      '{"address":"a","__proto__":{"polluted":"smtp://a:b@c"},"constructor":{"x":1}}',
    );
    expect(await problemOf(inboxes.add('support', 'email', config))).toMatchObject({
      code: 'bad_configuration',
    });
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
