import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { until } from '../support/until.ts';
import { callApi, deliverMail, inParallel, insist, postSms } from './clients.ts';
import { type CrowdMessage, gatherCrowd, pick, type Random, seeded } from './crowd.ts';
import { type Drill, openDrill, unfinished } from './drill.ts';
import { readDesk, wrongMarks, wrongThreads } from './oracle.ts';

const MESSAGES = 1_000;
const REPLIES = 80;
const KILLS = 20;
const PROCESSES = 2;
const SENDERS_AT_ONCE = 24;
const AGENTS_AT_ONCE = 4;
/** A kill comes so long after the message that it is tied to, at most: at any moment of what is under way. */
const KILL_JITTER_MS = 400;
/** So many messages may be under way beyond those that the next kill is tied to. */
const AHEAD = 40;
/** A lease of a reply (15 s), two sweeps, and a machine under load. */
const REST_WITHIN_MS = 60_000;
const TEST_MS = 240_000;

let drill: Drill;
beforeAll(async () => {
  drill = await openDrill(PROCESSES);
}, TEST_MS);
afterAll(() => drill?.close(), TEST_MS);

/** What has been acknowledged so far, which is what kills are tied to: so a slow machine has the same storm. */
interface Progress {
  taken: number;
  kills: number;
}

/** Moments of the storm as numbers of acknowledged messages, in order. */
const momentsOf = (random: Random) =>
  Array.from({ length: KILLS }, () => Math.floor(random() * MESSAGES)).toSorted((a, b) => a - b);

/** Kills the process of a slot at each moment that it takes from the list, and starts it anew. */
async function storm(slot: number, moments: number[], progress: Progress, random: Random): Promise<void> {
  for (;;) {
    const moment = moments.shift();
    if (moment === undefined) return;
    await until(() => progress.taken >= moment, `message ${moment} is taken`, TEST_MS);
    await delay(random() * KILL_JITTER_MS);
    await drill.running[slot]!.kill('SIGKILL');
    progress.kills += 1;
    await drill.start(slot);
  }
}

async function send(message: CrowdMessage, random: Random): Promise<number> {
  const { attempts } = await insist(() =>
    message.sms
      ? postSms(pick(random, drill.ports), message.sms)
      : deliverMail(drill.smtpPort, message.mail!.from, message.mail!.raw),
  );
  return attempts;
}

async function answerSomebody(index: number, random: Random): Promise<void> {
  const port = () => pick(random, drill.ports);
  const ticket = await until(async () => {
    const { answer } = await insist(() => callApi(drill, port(), 'GET', 'tickets?channel=sms&limit=200'));
    const { items } = answer.body as { items: { id: string }[] };
    return items.length > 0 && pick(random, items).id;
  }, 'a ticket to answer');
  const body = { text: `Dear customer, answer-${String(index).padStart(3, '0')} is yours.` };
  await insist(() =>
    callApi(drill, port(), 'POST', `tickets/${ticket}/replies`, body, {
      'idempotency-key': `answer ${index}`,
    }),
  );
}

test(
  'killed twenty times and with Redis emptied once, no message is lost, doubled or misplaced, and no reply is sent twice',
  async () => {
    const seed = Number(process.env.STORM_SEED ?? randomInt(2 ** 31));
    process.stderr.write(`storm: seed ${seed} (STORM_SEED=${seed} repeats it)\n`);
    const random = seeded(seed);
    const crowd = gatherCrowd(drill, random, MESSAGES);
    const moments = momentsOf(random);
    const kills = [...moments];
    const progress: Progress = { taken: 0, kills: 0 };
    const startedAt = performance.now();
    let repeats = 0;

    const redis = new Redis(drill.services.redisUrl);
    const flushed = until(() => progress.taken >= MESSAGES / 2, 'half of it', TEST_MS)
      .then(() => redis.flushall())
      .finally(() => redis.disconnect());
    await Promise.all([
      ...Array.from({ length: PROCESSES }, (_, slot) => storm(slot, moments, progress, random)),
      flushed,
      inParallel(crowd, SENDERS_AT_ONCE, async (message, i) => {
        const due = () => kills.filter((moment) => moment < i - AHEAD).length;
        await until(() => progress.kills >= due(), 'the kills before it', TEST_MS);
        repeats += (await send(message, random)) - 1;
        progress.taken += 1;
      }),
      inParallel(Array.from({ length: REPLIES }), AGENTS_AT_ONCE, async (_, i) => {
        const moment = (i / REPLIES) * MESSAGES;
        await until(() => progress.taken >= moment, 'the moment to answer', TEST_MS);
        await answerSomebody(i, random);
      }),
    ]);
    const stormMs = performance.now() - startedAt;
    await until(async () => (await unfinished(drill)) === 0, 'everything comes to rest', REST_WITHIN_MS);
    const restMs = performance.now() - startedAt - stormMs;

    const found = await readDesk(drill.store);
    const threadOf = new Map(crowd.map(({ mark, thread }) => [mark, thread]));
    expect(progress.kills).toBe(KILLS);
    expect(wrongMarks(found, threadOf.keys())).toEqual([]);
    expect(wrongThreads(found, threadOf)).toEqual([]);
    expect(found.messages).toBe(MESSAGES);
    expect(found.raws).toHaveLength(MESSAGES);
    expect(new Set(found.raws.map(({ state }) => state))).toEqual(new Set(['done']));
    const threads = new Set(threadOf.values()).size;
    expect([found.tickets.size, found.conversations]).toEqual([threads, threads]);
    expect(found.contacts).toBe(found.identities);

    const seen = drill.twilio.messages.filter(({ direction }) => direction === 'outbound-api');
    const seenTimes = Map.groupBy(seen, ({ body }) => body);
    expect([...seenTimes].filter(([, all]) => all.length > 1)).toEqual([]);
    expect(found.replies).toHaveLength(REPLIES);
    const states = Map.groupBy(found.replies, ({ state }) => state);
    const unconfirmed = states.get('unconfirmed') ?? [];
    const accepted = states.get('accepted') ?? [];
    expect(accepted.length + unconfirmed.length).toBe(REPLIES);
    expect(accepted.filter(({ text }) => !seenTimes.has(text))).toEqual([]);
    await until(async () => (await drill.jobs()) === 0, 'no wake-up is left');

    process.stderr.write(
      `storm: ${MESSAGES} messages in ${threads} tickets, ${KILLS} kills in ${Math.round(stormMs / 1000)} s, ` +
        `at rest ${Math.round(restMs / 1000)} s later; ${repeats} repeated deliveries; ` +
        `${REPLIES} replies, of them ${unconfirmed.length} unconfirmed ` +
        `(${unconfirmed.filter(({ text }) => seenTimes.has(text)).length} of those had left)\n`,
    );
  },
  TEST_MS,
);
