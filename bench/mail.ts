/**
 * How fast a mailbox becomes tickets: `--count` mails of about 15 KB, each of another customer, wait in a real Dovecot;
 * the clock runs from the moment the inbox is added until the last one is a message. `npm run bench:mail`
 */
import { execFile } from 'node:child_process';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import mongoose from 'mongoose';
import { openServices } from '../src/embedded/index.ts';
import { freePort } from '../src/embedded/ports.ts';
import { startDovecot } from '../test/support/dovecot.ts';
import { startEarshot } from './contestants.ts';
import { costOf, watchPeak } from './process-cost.ts';

const { values: options } = parseArgs({ options: { count: { type: 'string', default: '10000' } } });
const COUNT = Number(options.count);
const BODY_BYTES = 14_500;
const PATIENCE_MS = 300_000;
const USER = 'support@desk.example';
const cacheDir =
  process.env.EARSHOT_CACHE ??
  path.join(process.env.XDG_CACHE_HOME ?? `${process.env.HOME}/.cache`, 'earshot');

const dataDir = await realpath(await mkdtemp(path.join(tmpdir(), 'earshot-bench-')));
const services = await openServices({ dataDir, cacheDir, log: () => {} });
const client = await new mongoose.mongo.MongoClient(services.mongodbUri).connect();
const dovecot = await startDovecot({ [USER]: 'secret' });

try {
  for (let i = 0; i < COUNT; i++) await dovecot.deliver(USER, mail(i));
  const database = 'bench_mail';
  const uri = new URL(services.mongodbUri);
  uri.pathname = `/${database}`;
  const data = path.join(dataDir, 'earshot');
  const stores = { mongodbUri: uri.href, redisUrl: services.redisUrl };
  const earshot = await startEarshot(stores, await freePort(), data);
  const messages = client.db(database).collection('messages');
  const stopWatching = watchPeak(earshot.pid);
  const config = {
    address: USER,
    imap: { host: '127.0.0.1', port: dovecot.port, secure: false, user: USER, pass: 'secret' },
  };
  const cpuBefore = await costOf(earshot.pid);
  const start = performance.now();
  await promisify(execFile)(
    path.join(import.meta.dirname, '../script/earshot'),
    ['inbox', 'add', 'email', '--id', 'mail', '--config', JSON.stringify(config), '--json'],
    {
      env: { ...process.env, MONGODB_URI: stores.mongodbUri, REDIS_URL: stores.redisUrl, EARSHOT_DATA: data },
    },
  );
  let first: number | undefined;
  for (;;) {
    const done = await messages.estimatedDocumentCount();
    if (done > 0) first ??= performance.now();
    if (done >= COUNT) break;
    if (performance.now() - start > PATIENCE_MS) throw new Error(`only ${done} of ${COUNT} became messages`);
    await delay(20);
  }
  const end = performance.now();
  const cpuAfter = await costOf(earshot.pid);
  const tickets = await client.db(database).collection('tickets').countDocuments();
  if (tickets !== COUNT) throw new Error(`${tickets} tickets of ${COUNT} mails: void`);
  console.log(
    `${COUNT} mails: ${(COUNT / ((end - first!) / 1000)).toFixed(0)}/s from the first ticket to the last, ` +
      `${((end - start) / 1000).toFixed(1)} s from adding the inbox; ` +
      `${((cpuAfter.cpuMs - cpuBefore.cpuMs) / COUNT).toFixed(2)} ms CPU a mail; peak ${stopWatching().toFixed(0)} MB`,
  );
  await earshot.stop();
} finally {
  await dovecot.dispose();
  await client.close();
  await services.close();
  await rm(dataDir, { recursive: true, force: true });
}

function mail(i: number): Buffer {
  const line = `Payment ${i} of Rp 250.000 failed but my balance went down. Please check order INV-${i}.\r\n`;
  return Buffer.from(
    [
      `From: Customer ${i} <customer${i}@mail.example>`,
      `To: ${USER}`,
      `Subject: Payment ${i} failed`,
      `Message-ID: <${i}.bench@mail.example>`,
      'Date: Tue, 24 Nov 2026 10:00:00 +0700',
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=utf-8',
      '',
      line.repeat(Math.ceil(BODY_BYTES / line.length)),
    ].join('\r\n'),
  );
}
