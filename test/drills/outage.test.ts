import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { RAW_INBOUND, type RawDoc } from '../../src/intake/model.ts';
import { until } from '../support/until.ts';
import { type Drill, openDrill, unfinished } from './drill.ts';
import { type Load, startLoad, type Told } from './load.ts';
import { readDesk, wrongMarks } from './oracle.ts';

const AWAY_MS = 20_000;
/** Load before and after the harm. */
const LEAD_MS = 3_000;
/** What a provider is promised while MongoDB is away. */
const REFUSED_WITHIN_MS = 2_000;
/** A machine with two cores that runs clients, servers and stores may stumble: never for more than a few. */
const LATE_SHARE_MAX = 0.05;
/** What is promised once Redis is back. */
const CAUGHT_UP_WITHIN_MS = 10_000;
/** A look (2 s), the lease of one that was cut off while asking Twilio (15 s), and as long again to ask and file. */
const THERE_WITHIN_MS = 45_000;
const MONGO_KILLS = 3;
/** Of thousands that may be wrong. */
const WRONG_SHOWN = 5;
const TEST_MS = 180_000;

let drill: Drill;
beforeAll(async () => {
  drill = await openDrill(2);
}, TEST_MS);
afterAll(() => drill?.close(), TEST_MS);

const report = (line: string) => process.stderr.write(`outage: ${line}\n`);
const longest = (told: Told[]) => Math.round(Math.max(...told.map(({ ms }) => ms)));
const asked = (load: Load, kind: Told['kind'], from: number, to: number) =>
  load.told.filter((one) => one.kind === kind && one.at > from && one.at < to);
const statuses = (told: Told[]) => [...new Set(told.map(({ status }) => status))].toSorted();
const tally = (told: Told[]) =>
  [...Map.groupBy(told, ({ status }) => status)]
    .map(([status, all]) => `${all.length} × ${status}`)
    .join(', ');

/** Everything that was sent, acknowledged or not, is a message exactly once, in a ticket. */
async function expectAllThere(load: Load): Promise<void> {
  await until(
    async () => {
      const { byMark } = await readDesk(drill.store);
      return [...load.marks].every((mark) => byMark.has(mark));
    },
    'every SMS that Twilio knows and every mail is there',
    THERE_WITHIN_MS,
  ).catch(() => {});
  await until(async () => (await unfinished(drill)) === 0, 'everything comes to rest');
  const found = await readDesk(drill.store);
  const wrong = wrongMarks(found, load.marks);
  expect([wrong.length, wrong.slice(0, WRONG_SHOWN)]).toEqual([0, []]);
  expect(new Set(found.raws.map(({ state }) => state))).toEqual(new Set(['done']));
}

test(
  'with MongoDB away for 20 s nothing is acknowledged, and what was refused is fetched from Twilio afterwards',
  async () => {
    const load = startLoad(drill, 'mongo');
    await delay(LEAD_MS);
    await drill.services.stopMongo();
    const goneAt = performance.now();
    await delay(AWAY_MS);
    const backAt = performance.now();
    await drill.services.startMongo();
    const takenAgain = () =>
      Math.min(
        ...['sms', 'mail'].map((kind) =>
          load.told.findLastIndex((one) => one.kind === kind && one.status < 300 && one.at > backAt),
        ),
      );
    await until(() => takenAgain() >= 0, 'webhooks and mails are taken again');
    const firstAfter = load.told.find((one) => one.kind === 'sms' && one.status === 200 && one.at > backAt)!;
    await delay(LEAD_MS);
    await load.stop();

    const webhooks = asked(load, 'sms', goneAt, backAt - REFUSED_WITHIN_MS);
    const mails = asked(load, 'mail', goneAt, backAt - REFUSED_WITHIN_MS);
    report(
      `MongoDB away: webhooks ${tally(webhooks)}, longest ${longest(webhooks)} ms; ` +
        `mails ${tally(mails)}, longest ${longest(mails)} ms; first webhook taken ` +
        `${Math.round(firstAfter.at + firstAfter.ms - backAt)} ms after mongod was started`,
    );
    expect(statuses(webhooks)).toEqual([503]);
    expect(webhooks.filter(({ retryAfter }) => !/^\d+$/.test(retryAfter ?? ''))).toEqual([]);
    const late = webhooks.filter(({ ms }) => ms > REFUSED_WITHIN_MS);
    expect(late.length / webhooks.length).toBeLessThan(LATE_SHARE_MAX);
    expect(statuses(mails)).toEqual([451]);
    await expectAllThere(load);
    report(`all of it is there ${Math.round(performance.now() - backAt)} ms after mongod was started`);
  },
  TEST_MS,
);

test(
  'with Redis away for 20 s everything is acknowledged, and all of it is ticketed within 10 s of its return',
  async () => {
    const load = startLoad(drill, 'redis');
    await delay(LEAD_MS);
    await drill.services.stopRedis();
    const goneAt = performance.now();
    await delay(AWAY_MS);
    await drill.services.startRedis();
    const [backAt, back] = [performance.now(), new Date()];
    const waiting = () =>
      drill.store
        .collection<RawDoc>(RAW_INBOUND)
        .countDocuments({ dueAt: { $exists: true }, recordedAt: { $lt: back } });
    const backlog = await waiting();
    await until(async () => (await waiting()) === 0, 'the backlog is worked off', CAUGHT_UP_WITHIN_MS);
    const caughtUpMs = performance.now() - backAt;
    await load.stop();

    const webhooks = asked(load, 'sms', goneAt, backAt);
    const mails = asked(load, 'mail', goneAt, backAt);
    report(
      `Redis away: webhooks ${tally(webhooks)}, longest ${longest(webhooks)} ms; ` +
        `mails ${tally(mails)}, longest ${longest(mails)} ms; ` +
        `backlog of ${backlog} ticketed ${Math.round(caughtUpMs)} ms after its return`,
    );
    expect(statuses(load.told)).toEqual([200, 250]);
    await expectAllThere(load);
  },
  TEST_MS,
);

test(
  'what was acknowledged before mongod is killed is there exactly once, however often it is killed',
  async () => {
    const load = startLoad(drill, 'kill');
    let startedAt = 0;
    for (let kill = 0; kill < MONGO_KILLS; kill++) {
      await delay(LEAD_MS + Math.random() * 1_000);
      await drill.services.killMongo();
      startedAt = performance.now();
      await drill.services.startMongo();
    }
    await delay(LEAD_MS);
    await load.stop();
    const webhooks = load.told.filter(({ kind }) => kind === 'sms');
    report(
      `mongod killed ${MONGO_KILLS} times: webhooks ${tally(webhooks)}, longest ${longest(webhooks)} ms`,
    );
    await expectAllThere(load);
    report(
      `all of it is there ${Math.round(performance.now() - startedAt)} ms after mongod was started last`,
    );
  },
  TEST_MS,
);
