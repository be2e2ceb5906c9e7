import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Queue } from 'bullmq';
import { type EarshotProcess, startEarshot } from '../support/earshot.ts';
import { runCli } from '../support/run-cli.ts';
import { testServices } from '../support/services.ts';
import { inboundParams, signedSms } from '../support/signed-sms.ts';

const accountSid = `AC${'5'.repeat(32)}`;
const authToken = 'token';
const NUMBER = '+15005550006';
/** Of a command whose Redis does not answer. */
const ENDS_WITHIN_MS = 10_000;

let earshot: EarshotProcess;
let queue: Queue;
let id: string;
beforeAll(async () => {
  const { mongodbUri, redisUrl } = testServices();
  const uri = mongodbUri();
  // No worker takes the wake-ups away, and no sweep repairs what is missing.
  earshot = await startEarshot({ mongodbUri: uri, redisUrl, roles: ['gateway'] });
  const database = new URL(uri).pathname.slice(1);
  queue = new Queue('inbound', {
    connection: { url: redisUrl },
    prefix: `earshot-${database}`,
    skipVersionCheck: true,
  });
  await earshot.addInbox('sms', 'texts', { accountSid, authToken, from: NUMBER });
  const params = inboundParams({ accountSid, from: '+14155550123', to: NUMBER, body: 'Hello' });
  const request = signedSms({ authToken, url: `${earshot.url}/hooks/texts`, params });
  expect((await earshot.hook('texts', request)).status).toBe(200);
  const list = await earshot.cli(['raw', 'list', '--state', 'received', '--json']);
  [{ id }] = JSON.parse(list.stdout);
});
afterAll(async () => {
  await queue?.close();
  await earshot?.close();
});

test('what is to be processed again does not wait for a sweep: the wake-up is sent by the time the command ends', async () => {
  await queue.drain();
  expect(await queue.getJob(id)).toBeUndefined();
  expect((await earshot.cli(['replay', id])).code).toBe(0);
  expect(await queue.getJob(id)).toMatchObject({ id, data: { v: 1, id } });
});

test('with Redis away it is made due all the same, and the command does not hang', async () => {
  const since = performance.now();
  const env = { ...earshot.env, REDIS_URL: 'redis://127.0.0.1:1' };
  const { code, stdout } = await runCli(['replay', id, '--json'], { env });
  expect([code, JSON.parse(stdout)]).toEqual([0, { id, inbox: 'texts', state: 'received' }]);
  expect(performance.now() - since).toBeLessThan(ENDS_WITHIN_MS);
});
