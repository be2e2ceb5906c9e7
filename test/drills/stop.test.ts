import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '../support/until.ts';
import { callApi, deliverMail, inParallel, insist, postSms } from './clients.ts';
import { gatherCrowd, pick, seeded } from './crowd.ts';
import { type Drill, openDrill, unfinished } from './drill.ts';
import { readDesk, wrongMarks, wrongThreads } from './oracle.ts';

const MESSAGES = 500;
const REPLIES = 40;
const STOPS = 4;
const SENDERS_AT_ONCE = 16;
const SEED = 20_261_124;
const ENDS_WITHIN_MS = 20_000;
const TEST_MS = 120_000;

let drill: Drill;
beforeAll(async () => {
  drill = await openDrill(1);
}, TEST_MS);
afterAll(() => drill?.close(), TEST_MS);

test(
  'asked to end under load, Earshot finishes what it has in hands, exits with 0, and nothing is lost or left unsure',
  async () => {
    const random = seeded(SEED);
    const crowd = gatherCrowd(drill, random, MESSAGES);
    const port = drill.ports[0]!;
    let taken = 0;
    const endings: { code: number | null; ms: number }[] = [];

    const restarts = async () => {
      for (let stop = 1; stop <= STOPS; stop++) {
        await until(() => taken >= (stop / (STOPS + 1)) * MESSAGES, 'the next stop', TEST_MS);
        const since = performance.now();
        const code = await drill.running[0]!.kill('SIGTERM');
        endings.push({ code, ms: Math.round(performance.now() - since) });
        await drill.start(0);
      }
    };
    await Promise.all([
      restarts(),
      inParallel(crowd, SENDERS_AT_ONCE, async ({ sms, mail }) => {
        await insist(() => (sms ? postSms(port, sms) : deliverMail(drill.smtpPort, mail!.from, mail!.raw)));
        taken += 1;
        await delay(random() * 100);
      }),
      inParallel(Array.from({ length: REPLIES }), 4, async (_, i) => {
        await until(() => taken > (i / REPLIES) * MESSAGES, 'the moment to answer', TEST_MS);
        const ticket = await until(async () => {
          const { answer } = await insist(() => callApi(drill, port, 'GET', 'tickets?channel=sms'));
          return answer.body.items.length > 0 && pick(random, answer.body.items as { id: string }[]).id;
        }, 'a ticket to answer');
        const key = { 'idempotency-key': `answer ${i}` };
        await insist(() =>
          callApi(drill, port, 'POST', `tickets/${ticket}/replies`, { text: `Answer ${i}.` }, key),
        );
      }),
    ]);
    await until(async () => (await unfinished(drill)) === 0, 'everything comes to rest');

    process.stderr.write(
      `stop: ${STOPS} stops under load, exit codes ${endings.map(({ code }) => code).join(' ')}, ` +
        `after ${endings.map(({ ms }) => ms).join(', ')} ms\n`,
    );
    expect(endings.map(({ code }) => code)).toEqual(endings.map(() => 0));
    expect(Math.max(...endings.map(({ ms }) => ms))).toBeLessThan(ENDS_WITHIN_MS);
    const found = await readDesk(drill.store);
    const threadOf = new Map(crowd.map(({ mark, thread }) => [mark, thread]));
    expect(wrongMarks(found, threadOf.keys())).toEqual([]);
    expect(wrongThreads(found, threadOf)).toEqual([]);
    expect(found.raws).toHaveLength(MESSAGES);
    // No crash, so nothing that anybody would have to be unsure of.
    expect(found.replies.map(({ state }) => state)).toEqual(
      Array.from({ length: REPLIES }, () => 'accepted'),
    );
    const seen = drill.twilio.messages.filter(({ direction }) => direction === 'outbound-api');
    expect(new Set(seen.map(({ body }) => body)).size).toBe(REPLIES);
    expect(seen).toHaveLength(REPLIES);
  },
  TEST_MS,
);
