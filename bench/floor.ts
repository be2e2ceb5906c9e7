/**
 * The floor: the same durable writes, in the same company, with no logic at all. One HTTP request is one raw record
 * (majority-acknowledged and journaled, before the 204), one BullMQ job, and one contact, address, conversation,
 * ticket and message; then the raw record is marked done, durably. No signature, no parsing, no sealing, no dedupe,
 * no threads, no states. Whoever does what Earshot promises cannot be faster than this with these parts. With `alone` as
 * last argument the same without company: one document at a time.
 */
import http from 'node:http';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { createBatcher, type Outcome } from '../src/lib/batch.ts';

const [mongodbUri, redisUrl, port, company] = process.argv.slice(2) as [string, string, string, string];
/** `alone`: one document at a time, as an ordinary worker writes. */
const alone = company === 'alone';
const DURABLE = { writeConcern: { w: 'majority' as const, j: true } };
const FAST = { writeConcern: { w: 1 } };
const RECORDS = alone ? { maxItems: 1, maxInFlight: 100 } : { maxItems: 100, maxInFlight: 3 };
const WAKES = alone ? { maxItems: 1, maxInFlight: 100 } : { maxItems: 200, maxInFlight: 2 };
const FILES = alone ? { maxItems: 1, maxInFlight: 50 } : { maxItems: 64, maxInFlight: 2 };

const connection = await mongoose.createConnection(mongodbUri, { maxPoolSize: 40 }).asPromise();
const db = connection.db!;
await db.collection('rawInbound').createIndex({ key: 1 }, { unique: true });
await db.collection('identities').createIndex({ value: 1 }, { unique: true });
await db.collection('conversations').createIndex({ threadKey: 1 }, { unique: true });
await db.collection('messages').createIndex({ dedupeKey: 1 }, { unique: true });
await db.collection('messages').createIndex({ ticket: 1, createdAt: 1 });
await db.collection('tickets').createIndex({ number: 1 }, { unique: true });
await db.collection('tickets').createIndex({ status: 1, _id: -1 });

const redis = () => new Redis(redisUrl, { maxRetriesPerRequest: null });
const queue = new Queue('floor', { connection: redis() });
const done = <T>(items: T[]): Outcome<void>[] => items.map(() => ({ ok: true, value: undefined }));

interface Raw {
  _id: mongoose.Types.ObjectId;
  key: string;
  body: Buffer;
  state: string;
  at: Date;
}
const record = createBatcher<Raw, void>(async (raws) => {
  await db.collection<Raw>('rawInbound').insertMany(raws, { ordered: false, ...DURABLE });
  return done(raws);
}, RECORDS);
const wake = createBatcher<string, void>(async (ids) => {
  await queue.addBulk(
    ids.map((id) => ({ name: 'wake', data: { v: 1, id }, opts: { jobId: id, removeOnComplete: true } })),
  );
  return done(ids);
}, WAKES);
let number = 0;
const file = createBatcher<string, void>(async (ids) => {
  const raws = await db
    .collection<Raw>('rawInbound')
    .find({ _id: { $in: ids.map((id) => new mongoose.Types.ObjectId(id)) } })
    .toArray();
  const rows = raws.map((raw) => {
    const text = raw.body.toString();
    const ids = {
      contact: new mongoose.Types.ObjectId(),
      conversation: new mongoose.Types.ObjectId(),
      ticket: new mongoose.Types.ObjectId(),
    };
    return {
      raw,
      text,
      sid: /MessageSid=(\w+)/.exec(text)![1]!,
      from: /From=([^&]+)/.exec(text)![1]!,
      ...ids,
    };
  });
  const insert = (collection: string, docs: object[]) =>
    db.collection(collection).insertMany(docs, { ordered: false, ...FAST });
  await insert(
    'identities',
    rows.map(({ from, contact }) => ({ value: from, contact })),
  );
  await insert(
    'contacts',
    rows.map(({ contact, raw }) => ({ _id: contact, createdAt: raw.at })),
  );
  await insert(
    'conversations',
    rows.map(({ conversation, from, contact, ticket }) => ({
      _id: conversation,
      threadKey: from,
      contact,
      ticket,
    })),
  );
  await insert(
    'tickets',
    rows.map(({ ticket, contact, text, raw }) => ({
      _id: ticket,
      number: number++,
      status: 'open',
      contact,
      subject: text.slice(0, 100),
      createdAt: raw.at,
    })),
  );
  await insert(
    'messages',
    rows.map(({ raw, text, sid, from, conversation, ticket, contact }) => ({
      dedupeKey: sid,
      externalId: sid,
      direction: 'in',
      text,
      from,
      conversation,
      ticket,
      contact,
      createdAt: raw.at,
    })),
  );
  await db
    .collection('rawInbound')
    .updateMany({ _id: { $in: raws.map((raw) => raw._id) } }, { $set: { state: 'done' } }, DURABLE);
  return done(ids);
}, FILES);

new Worker('floor', async (job) => file(job.data.id), { connection: redis(), concurrency: 192 }).on(
  'failed',
  (_, error) => console.error(error.message),
);

http
  .createServer({ keepAliveTimeout: 72_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', async () => {
      const body = Buffer.concat(chunks);
      const _id = new mongoose.Types.ObjectId();
      await record({ _id, key: body.toString('latin1'), body, state: 'received', at: new Date() });
      wake(_id.toHexString()).catch(() => {});
      response.writeHead(204).end();
    });
  })
  .listen(Number(port), '127.0.0.1', () => console.log('listening'));
