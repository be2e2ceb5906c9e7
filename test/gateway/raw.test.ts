import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import mongoose from 'mongoose';
import { RAW_INBOUND, RAW_MOVES, RAW_STATES, type RawDoc } from '../../src/intake/model.ts';
import { openRaw } from '../../src/intake/open-raw.ts';
import { smsArrival } from '../support/sms-arrival.ts';
import { type Json, openGateway, type TestGateway } from './open-gateway.ts';

const CARD = '4111111111111111';
let gateway: TestGateway;
let id: string;
const woken: string[] = [];

beforeAll(async () => {
  gateway = await openGateway({ with: { wake: (queue, woke) => void woken.push(`${queue} ${woke}`) } });
});
beforeEach(async () => {
  woken.length = 0;
  id = (await gateway.desk.record('support-sms')(smsArrival({ from: '+15551230300', text: `card ${CARD}` })))
    .id;
});
afterAll(() => gateway.close());

const raws = () => gateway.desk.store.collection<RawDoc>(RAW_INBOUND);
const doc = async () => (await raws().findOne({ _id: new mongoose.Types.ObjectId(id) }))!;
const rest = (state: RawDoc['state']) =>
  raws().updateOne(
    { _id: new mongoose.Types.ObjectId(id) },
    {
      $set: { state, attempts: 7, lastError: { code: 'malformed', message: 'unreadable', at: new Date() } },
      ...(state === 'processing' ? {} : { $unset: { dueAt: '' } }),
    },
  );
const admin = (method: string, path: string, body?: unknown) =>
  gateway.call(method, path, { as: 'admin', ...(body === undefined ? {} : { body }) });
const audit = async () =>
  (await admin('GET', `audit?subject=raw:${id}`)).body.items.map(({ action }: Json) => action);

test('dead letters are listed with the reason, and without a word of what was in them', async () => {
  await rest('dead');
  const answer = await admin('GET', 'raw?state=dead,quarantined&inbox=support-sms');
  const mine = answer.body.items.find((item: Json) => item.id === id);
  expect(mine).toMatchObject({ state: 'dead', attempts: 7, lastError: { code: 'malformed' }, dueAt: null });
  expect(answer.text).not.toContain(CARD);
  expect((await admin('GET', `raw/${id}`)).body).toEqual(mine);
});

test('pages go on where they ended, and end', async () => {
  await gateway.desk.record('support-sms')(smsArrival({ from: '+15551230301', text: 'x' }));
  const all = (await admin('GET', 'raw?limit=200')).body.items.map((item: Json) => item.id);
  const seen: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const { body }: Json = await admin('GET', `raw?limit=1${cursor && `&cursor=${cursor}`}`);
    seen.push(...body.items.map((item: Json) => item.id));
    cursor = body.nextCursor;
  }
  expect(seen).toEqual(all);
});

describe('a replay', () => {
  test.each(RAW_STATES.filter((state) => RAW_MOVES[state].includes('received') && state !== 'processing'))(
    'from %s begins anew and wakes a worker',
    async (state) => {
      await rest(state);
      const answer = await admin('POST', `raw/${id}/replay`);
      expect(answer).toMatchObject({
        status: 202,
        body: { state: 'received', attempts: 0, lastError: null },
      });
      expect((await doc()).dueAt).toEqual(new Date(0));
      expect(woken).toEqual([`inbound ${id}`]);
    },
  );

  test('of what a worker holds is refused: it would be processed twice at once', async () => {
    await rest('processing');
    const answer = await admin('POST', `raw/${id}/replay`);
    expect(answer).toMatchObject({ status: 409, body: { code: 'raw_processing' } });
    expect((await doc()).state).toBe('processing');
    expect(woken).toEqual([]);
  });
});

describe('the original', () => {
  test('opens for an admin only, unmasked, and leaves an audit line', async () => {
    expect((await gateway.call('GET', `raw/${id}/original`)).status).toBe(403);
    expect(await audit()).toEqual([]);
    const { body, headers } = await admin('GET', `raw/${id}/original`);
    expect(Buffer.from(body.body, 'base64').toString()).toContain(CARD);
    expect(body.envelope).toMatchObject({ via: 'http', method: 'POST' });
    expect(headers['cache-control']).toBe('no-store');
    expect((await admin('GET', `raw/${id}/original/body`)).text).toContain(CARD);
    expect(await audit()).toEqual(['raw.open', 'raw.open']);
  });

  test('can be mended where nobody could read it: the first bytes are kept, a repeat stays a repeat', async () => {
    expect((await admin('PATCH', `raw/${id}`, { text: 'x' })).body.code).toBe('raw_not_editable');
    await rest('quarantined');
    const before = await doc();
    const answer = await admin('PATCH', `raw/${id}`, { text: 'Body=mended' });
    expect(answer).toMatchObject({
      status: 200,
      body: { state: 'quarantined', size: 11, edited: { by: expect.any(String) } },
    });
    const after = await doc();
    expect(openRaw(after, gateway.desk).body.bytes!.toString()).toBe('Body=mended');
    expect(openRaw({ ...after, ...(after as Json).original }, gateway.desk).body.bytes!.toString()).toContain(
      CARD,
    );
    expect(after.contentKey).toBe(before.contentKey);
    await admin('PATCH', `raw/${id}`, { base64: Buffer.from('again').toString('base64') });
    expect(
      openRaw({ ...after, ...((await doc()) as Json).original }, gateway.desk).body.bytes!.toString(),
    ).toContain(CARD);
    expect(await audit()).toEqual(['raw.edit', 'raw.edit']);
  });

  test.each([{}, { text: 'a', base64: 'YQ==' }, { base64: '***' }])('is not mended by %j', async (body) => {
    await rest('dead');
    expect(await admin('PATCH', `raw/${id}`, body)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request' },
    });
  });
});
