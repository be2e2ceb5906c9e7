import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { MESSAGES } from '../../src/conversations/model.ts';
import { RAW_INBOUND, type RawDoc } from '../../src/intake/model.ts';
import { until } from '../support/until.ts';
import { type Answer, callApi, insist, postSms } from './clients.ts';
import { phoneOf, smsOf } from './crowd.ts';
import { type Drill, openDrill, unfinished } from './drill.ts';
import { readDesk, wrongMarks } from './oracle.ts';

const SAME_SMS = 50;
const SAME_REPLY = 20;
const PAIRS = 50;
const PAIR_GAP_MS = 20;
const TEST_MS = 120_000;

let drill: Drill;
let customers = 0;
beforeAll(async () => {
  drill = await openDrill(2);
}, TEST_MS);
afterAll(() => drill?.close(), TEST_MS);

const newCustomer = () => phoneOf(customers++);
const atRest = () => until(async () => (await unfinished(drill)) === 0, 'everything comes to rest');
/** One and the same request, many times at once, in turn to each process. */
const atOnce = (times: number, send: (port: number) => Promise<Answer>) =>
  Promise.all(Array.from({ length: times }, (_, i) => send(drill.ports[i % drill.ports.length]!)));
const statuses = (answers: Answer[]) => [...new Set(answers.map(({ status }) => status))];

async function counts(): Promise<Record<string, number>> {
  const { messages, raws, tickets, contacts, replies } = await readDesk(drill.store);
  const notes = await drill.store.collection(MESSAGES).countDocuments();
  return { messages, raws: raws.length, tickets: tickets.size, contacts, replies: replies.length, notes };
}

test('an SMS that Twilio posts 50 times at once to two processes is one message in one ticket', async () => {
  const before = await counts();
  const sms = smsOf(drill, newCustomer(), 'Sent once, delivered often: mark-same.');
  const answers = await atOnce(SAME_SMS, (port) => postSms(port, sms));
  expect(statuses(answers)).toEqual([200]);
  await atRest();
  expect(await counts()).toEqual({
    ...before,
    messages: before.messages! + 1,
    raws: before.raws! + 1,
    tickets: before.tickets! + 1,
    contacts: before.contacts! + 1,
    notes: before.notes! + 1,
  });
  const repeated = await drill.store.collection<RawDoc>(RAW_INBOUND).findOne({ repeats: SAME_SMS - 1 });
  expect(repeated).toMatchObject({ state: 'done' });
});

test('a reply that an agent posts 20 times at once with one key is sent once', async () => {
  const { answer } = await insist(() => callApi(drill, drill.ports[0]!, 'GET', 'tickets?limit=1'));
  const path = `tickets/${answer.body.items[0].id}/replies`;
  const body = { text: 'Once is enough.' };
  const key = { 'idempotency-key': 'reply once' };
  const answers = await atOnce(SAME_REPLY, (port) => callApi(drill, port, 'POST', path, body, key));
  expect(statuses(answers)).toEqual([202]);
  expect(new Set(answers.map((one) => one.body.id)).size).toBe(1);
  await atRest();
  const again = await callApi(drill, drill.ports[1]!, 'POST', path, body, key);
  expect(again).toMatchObject({ status: 202, body: { id: answers[0]!.body.id, status: 'accepted' } });
  const posts = drill.twilio.calls.filter(({ params }) => params.Body === body.text);
  expect(posts).toHaveLength(1);
});

test('two first messages of a new customer, 20 ms apart at two processes, are always one ticket with both', async () => {
  const wrong: string[] = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    const from = newCustomer();
    const marks = [`mark-${pair}-first`, `mark-${pair}-second`];
    const [first, second] = marks.map((mark) => smsOf(drill, from, `My parcel, ${mark}`));
    const [one, other] = pair % 2 === 0 ? drill.ports : drill.ports.toReversed();
    const answers = await Promise.all([
      postSms(one!, first!),
      delay(PAIR_GAP_MS).then(() => postSms(other!, second!)),
    ]);
    expect(statuses(answers)).toEqual([200]);
    await atRest();
    const found = await readDesk(drill.store);
    wrong.push(...wrongMarks(found, marks));
    const tickets = marks.flatMap((mark) => found.byMark.get(mark)!.map(({ ticket }) => ticket));
    if (new Set(tickets).size !== 1) wrong.push(`pair ${pair} lies in two tickets`);
  }
  expect(wrong).toEqual([]);
  const { contacts, tickets } = await counts();
  expect([contacts, tickets]).toEqual([customers, customers]);
});

test('a genuine webhook repeated after a restart and with Redis emptied is answered 2xx and changes nothing', async () => {
  const sms = smsOf(drill, newCustomer(), 'Old news: mark-old.');
  expect((await postSms(drill.ports[0]!, sms)).status).toBe(200);
  await atRest();
  const before = await counts();
  await drill.running[0]!.kill('SIGTERM');
  await drill.running[1]!.kill('SIGKILL');
  const redis = new Redis(drill.services.redisUrl);
  await redis.flushall();
  redis.disconnect();
  await Promise.all([drill.start(0), drill.start(1)]);
  expect(statuses(await atOnce(SAME_REPLY, (port) => postSms(port, sms)))).toEqual([200]);
  await atRest();
  // Whatever a repeat had set going would have gone through together with this one.
  expect((await postSms(drill.ports[1]!, smsOf(drill, newCustomer(), 'News: mark-new.'))).status).toBe(200);
  await until(async () => (await readDesk(drill.store)).byMark.has('mark-new'), 'the new one is filed');
  await atRest();
  expect(await counts()).toEqual({
    ...before,
    messages: before.messages! + 1,
    raws: before.raws! + 1,
    tickets: before.tickets! + 1,
    contacts: before.contacts! + 1,
    notes: before.notes! + 1,
  });
});
