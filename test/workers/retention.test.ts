import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import mongoose from 'mongoose';
import { editRaw } from '../../src/intake/edit-raw.ts';
import { RAW_INBOUND, type RawDoc } from '../../src/intake/model.ts';
import { BODY_INLINE_MAX } from '../../src/intake/record.ts';
import { createAudit } from '../../src/store/audit.ts';
import { startRetention } from '../../workers/retain.ts';
import { type Desk, openDesk, SMS_INBOX } from '../support/desk.ts';
import { testServices } from '../support/services.ts';
import { smsArrival } from '../support/sms-arrival.ts';
import { until } from '../support/until.ts';

const DAY_MS = 24 * 3_600_000;
const RETENTION_DAYS = 90;
let desk: Desk;
let later = 0;

beforeEach(async () => {
  later = 0;
  desk = await openDesk(testServices(), { work: false, now: () => new Date(Date.now() + later) });
  await desk.inboxes.add('sms-en', 'sms', SMS_INBOX);
});
afterEach(() => desk.close());

const raws = () => desk.store.collection<RawDoc>(RAW_INBOUND);
const record = async (body: Buffer) => {
  const { id } = await desk.record('sms-en')({ ...smsArrival({ from: '+6281200000001', text: '' }), body });
  return new mongoose.Types.ObjectId(id);
};
async function retainUntil(left: number): Promise<void> {
  const retention = startRetention(desk, RETENTION_DAYS);
  await until(async () => (await raws().countDocuments()) === left, 'old deliveries are gone');
  await retention.close();
}

test('a delivery that still has work to do outlives its time', async () => {
  const waiting = await record(Buffer.from('waits'));
  const rested = await record(Buffer.from('rests'));
  await raws().updateOne({ _id: rested }, { $set: { state: 'done' }, $unset: { dueAt: '' } });
  later = (RETENTION_DAYS + 1) * DAY_MS;
  await retainUntil(1);
  expect((await raws().find().toArray()).map(({ _id }) => _id)).toEqual([waiting]);
});

test('the original of an edited delivery leaves with it, big as it may be', async () => {
  const id = await record(randomBytes(BODY_INLINE_MAX + 1));
  await raws().updateOne({ _id: id }, { $set: { state: 'dead' }, $unset: { dueAt: '' } });
  const actor = new mongoose.Types.ObjectId();
  const edited = await editRaw(
    { ...desk, audit: createAudit(desk.store) },
    id,
    Buffer.from('Body=short'),
    actor,
  );
  expect(edited.ok).toBe(true);
  later = (RETENTION_DAYS + 1) * DAY_MS;
  await retainUntil(0);
  expect(await desk.store.collection('blobUsers').countDocuments()).toBe(0);
});
