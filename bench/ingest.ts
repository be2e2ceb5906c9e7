/**
 * How fast a signed Twilio webhook becomes a ticket, beside the floor (floor.ts) in the same run: the same writes with
 * no logic, in company as Earshot writes them, and (`alone`) one document at a time as an ordinary worker does.
 * `npm run bench` · `--count N` messages of the closed loop · `--rounds N` · `--only earshot|floor|alone` · `--rates 200,600`
 */

import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import mongoose from 'mongoose';
import { openServices } from '../src/embedded/index.ts';
import { freePort } from '../src/embedded/ports.ts';
import { type Contestant, HOOK, type Stores, startEarshot, startFloor } from './contestants.ts';
import { closedLoop, openLoop, percentile, prepareSms, type Sent } from './load.ts';
import { costOf, watchPeak } from './process-cost.ts';

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '12000' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    rates: { type: 'string', default: '200,600' },
  },
});
const CLOSED_CONNECTIONS = 64;
const OPEN_RATES = options.rates.split(',').filter(Boolean).map(Number);
const NAMES = ['alone', 'floor', 'earshot'] as const;
type Name = (typeof NAMES)[number];
const OPEN_SECONDS = 15;
const WARM_UP = 500;
const DRAIN_MS = 120_000;
/** How long the change stream may lag behind what is stored. */
const SEEN_MS = 10_000;
const cacheDir =
  process.env.EARSHOT_CACHE ??
  path.join(process.env.XDG_CACHE_HOME ?? `${process.env.HOME}/.cache`, 'earshot');

const dataDir = await realpath(await mkdtemp(path.join(tmpdir(), 'earshot-bench-')));
const services = await openServices({ dataDir, cacheDir, log: () => {} });
const client = await new mongoose.mongo.MongoClient(services.mongodbUri).connect();
const storePids = await findStorePids();

/** One document at a time holds no steady rate worth comparing: it runs the closed loop alone. */
const ratesOf = (name: Name) => (name === 'alone' ? [] : OPEN_RATES);

interface Closed {
  perSecond: number;
  ackPerSecond: number;
  cpu: Record<string, number>;
  peakMb: number;
}
interface Open {
  rate: number;
  ackP50: number;
  ackP99: number;
  ticketP50: number;
  ticketP99: number;
}

try {
  const { version } = await client.db().admin().serverInfo();
  console.log(
    `Node ${process.version}, MongoDB ${version}, ${cpus().length} × ${cpus()[0]!.model}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
  );
  const closed = { earshot: [] as Closed[], floor: [] as Closed[], alone: [] as Closed[] };
  const open = { earshot: [] as Open[], floor: [] as Open[], alone: [] as Open[] };
  const names = NAMES.filter((name) => !options.only || options.only === name);
  for (let round = 1; round <= Number(options.rounds); round++) {
    for (const name of names) {
      await withContestant(name, async (contestant, db) => {
        await warmUp(contestant, db);
        const result = await runClosed(contestant, db, Number(options.count));
        closed[name].push(result);
        console.log(`round ${round} ${name.padEnd(7)} closed loop: ${line(result)}`);
        for (const rate of ratesOf(name)) {
          const at = await runOpen(contestant, db, rate);
          open[name].push(at);
          console.log(
            `round ${round} ${name.padEnd(7)} ${rate}/s: acknowledged p50 ${ms(at.ackP50)} p99 ${ms(at.ackP99)}, ticket p50 ${ms(at.ticketP50)} p99 ${ms(at.ticketP99)}`,
          );
        }
      });
    }
  }
  console.log('\nmedian of the rounds');
  for (const name of names) {
    const per = median(closed[name].map((r) => r.perSecond));
    console.log(`${name.padEnd(7)} ${per.toFixed(0)} messages/s to tickets`);
    for (const rate of ratesOf(name)) {
      const runs = open[name].filter((r) => r.rate === rate);
      const of = (field: keyof Open) => ms(median(runs.map((r) => r[field])));
      console.log(
        `${name.padEnd(7)} at ${rate}/s: acknowledged p50 ${of('ackP50')} p99 ${of('ackP99')}, request to ticket p50 ${of('ticketP50')} p99 ${of('ticketP99')}`,
      );
    }
  }
  if (names.length === 2) {
    const ratios = closed.earshot.map((r, i) => r.perSecond / closed.floor[i]!.perSecond);
    console.log(
      `earshot / floor: ${median(ratios).toFixed(2)} (${ratios.map((r) => r.toFixed(2)).join(', ')})`,
    );
  }
} finally {
  await client.close();
  await services.close();
  await rm(dataDir, { recursive: true, force: true });
}

async function withContestant(
  name: Name,
  run: (contestant: Contestant, db: mongoose.mongo.Db) => Promise<void>,
): Promise<void> {
  const database = `bench_${name}`;
  await client.db(database).dropDatabase();
  const uri = new URL(services.mongodbUri);
  uri.pathname = `/${database}`;
  const stores: Stores = { mongodbUri: uri.href, redisUrl: services.redisUrl };
  const port = await freePort();
  const contestant =
    name === 'earshot'
      ? await startEarshot(stores, port, path.join(dataDir, 'earshot'))
      : await startFloor(stores, port, name);
  try {
    await run(contestant, client.db(database));
  } finally {
    await contestant.stop();
  }
}

async function warmUp(contestant: Contestant, db: mongoose.mongo.Db): Promise<void> {
  const before = await countInbound(db);
  const prepared = prepareSms(WARM_UP, contestant.port, contestant.publicUrl, HOOK);
  mustAllBeTaken(await closedLoop(contestant.port, prepared, CLOSED_CONNECTIONS));
  await drained(db, before + WARM_UP);
}

async function runClosed(contestant: Contestant, db: mongoose.mongo.Db, count: number): Promise<Closed> {
  const before = await countInbound(db);
  const prepared = prepareSms(count, contestant.port, contestant.publicUrl, HOOK);
  const pids = { [contestant.name]: contestant.pid, ...storePids, load: process.pid };
  const costs = async () =>
    Object.fromEntries(
      await Promise.all(Object.entries(pids).map(async ([n, pid]) => [n, (await costOf(pid)).cpuMs])),
    );
  const stopWatching = watchPeak(contestant.pid);
  const cpuBefore = await costs();
  const start = performance.now();
  const sent = await closedLoop(contestant.port, prepared, CLOSED_CONNECTIONS);
  const acknowledged = performance.now();
  await drained(db, before + count);
  const end = performance.now();
  const cpuAfter = await costs();
  mustAllBeTaken(sent);
  await mustBeExact(
    db,
    prepared.map(({ sid }) => sid),
  );
  return {
    perSecond: count / ((end - start) / 1000),
    ackPerSecond: count / ((acknowledged - start) / 1000),
    cpu: Object.fromEntries(Object.keys(pids).map((n) => [n, (cpuAfter[n] - cpuBefore[n]) / count])),
    peakMb: stopWatching(),
  };
}

async function runOpen(contestant: Contestant, db: mongoose.mongo.Db, rate: number): Promise<Open> {
  const before = await countInbound(db);
  const prepared = prepareSms(rate * OPEN_SECONDS, contestant.port, contestant.publicUrl, HOOK);
  const seen = new Map<string, number>();
  // From before the first request, however long the stream takes to open.
  const { operationTime } = await db.command({ hello: 1 });
  const changes = db
    .collection('tickets')
    .watch([{ $match: { operationType: 'insert' } }, { $project: { operationType: 1, documentKey: 1 } }], {
      batchSize: 500,
      startAtOperationTime: operationTime,
    });
  changes.on('change', (change) => {
    if (change.operationType === 'insert') seen.set(String(change.documentKey._id), performance.now());
  });
  await delay(300);
  const sent = await openLoop(contestant.port, prepared, rate);
  await drained(db, before + prepared.length);
  const deadline = performance.now() + SEEN_MS;
  while (seen.size < prepared.length && performance.now() < deadline) await delay(20);
  await changes.close();
  mustAllBeTaken(sent);
  const ticketOf = await mustBeExact(
    db,
    prepared.map(({ sid }) => sid),
  );
  const acks = sent.map((one) => one.answeredAt - one.scheduledAt);
  const tickets = sent.map((one) => seen.get(ticketOf.get(one.sid)!)! - one.scheduledAt);
  return {
    rate,
    ackP50: percentile(acks, 0.5),
    ackP99: percentile(acks, 0.99),
    ticketP50: percentile(tickets, 0.5),
    ticketP99: percentile(tickets, 0.99),
  };
}

function countInbound(db: mongoose.mongo.Db): Promise<number> {
  return db.collection('messages').estimatedDocumentCount();
}

async function drained(db: mongoose.mongo.Db, wanted: number): Promise<void> {
  const deadline = performance.now() + DRAIN_MS;
  for (;;) {
    if ((await countInbound(db)) >= wanted) return;
    if (performance.now() > deadline)
      throw new Error(`only ${await countInbound(db)} of ${wanted} became messages`);
    await delay(10);
  }
}

/** A run that lost or doubled one message has no figure. Answers the ticket of each message. */
async function mustBeExact(db: mongoose.mongo.Db, sids: string[]): Promise<Map<string, string>> {
  const messages = await db
    .collection('messages')
    .find({ externalId: { $in: sids } }, { projection: { externalId: 1, ticket: 1 } })
    .toArray();
  const tickets = new Set(messages.map((message) => String(message.ticket)));
  if (messages.length !== sids.length || tickets.size !== sids.length)
    throw new Error(`${sids.length} sent, ${messages.length} messages in ${tickets.size} tickets: void`);
  return new Map(messages.map((message) => [message.externalId, String(message.ticket)]));
}

function mustAllBeTaken(sent: Sent[]): void {
  const refused = sent.filter(({ status }) => status < 200 || status > 299);
  if (refused.length > 0) throw new Error(`${refused.length} webhooks were answered ${refused[0]!.status}`);
}

async function findStorePids(): Promise<Record<string, number>> {
  const file = JSON.parse(await readFile(path.join(dataDir, 'services.json'), 'utf8')) as Record<
    string,
    { pid: number }
  >;
  return Object.fromEntries(Object.entries(file).map(([name, { pid }]) => [name, pid]));
}

function line({ perSecond, ackPerSecond, cpu, peakMb }: Closed): string {
  const spent = Object.entries(cpu).map(([name, value]) => `${name} ${value.toFixed(2)}`);
  return `${perSecond.toFixed(0)} tickets/s (${ackPerSecond.toFixed(0)} acknowledged/s), CPU ms a message: ${spent.join(', ')}; peak ${peakMb.toFixed(0)} MB`;
}

function median(values: number[]): number {
  return percentile(values, 0.5);
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
