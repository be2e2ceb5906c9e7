import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { RAW_INBOUND } from '../../src/intake/model.ts';
import { SMS_INBOX } from '../support/desk.ts';
import { startThrowawayServices, type ThrowawayServices } from '../support/services.ts';
import { inboundParams, signedSms } from '../support/signed-sms.ts';
import { until } from '../support/until.ts';
import { HOOK_URL, openGateway, type TestGateway } from './open-gateway.ts';

/** What a provider is promised. */
const ANSWER_MS = 5_000;

let services: ThrowawayServices;
let gateway: TestGateway;

beforeAll(async () => {
  services = await startThrowawayServices();
  const uri = services.mongodbUri('outage');
  gateway = await openGateway({ services: { mongodbUri: () => uri, redisUrl: services.redisUrl } });
});
afterAll(async () => {
  await gateway.close().catch(() => {});
  await services.close();
});

const hook = (body: string) =>
  gateway.hook(
    signedSms({
      authToken: SMS_INBOX.authToken,
      url: HOOK_URL,
      params: inboundParams({
        accountSid: SMS_INBOX.accountSid,
        from: '+15551230009',
        to: SMS_INBOX.from,
        body,
      }),
    }),
  );
const ready = () => gateway.call('GET', '/readyz');

async function expectRefusal(): Promise<void> {
  const start = performance.now();
  const answer = await hook('while it is away');
  expect(performance.now() - start).toBeLessThan(ANSWER_MS);
  expect(answer).toMatchObject({
    status: 503,
    headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
    body: { code: 'store_unavailable' },
  });
}

test('with Redis away messages are taken in, and /readyz says what is wrong without taking us off the net', async () => {
  await services.stopRedis();
  expect((await hook('redis is away')).status).toBe(200);
  const answer = await ready();
  expect(answer).toMatchObject({ status: 200, body: { status: 'degraded', problems: [] } });
  expect(answer.body.warnings).toEqual([expect.stringContaining('Redis')]);
  expect((await gateway.call('GET', '/metrics')).text).toContain('earshot_work_waiting{queue="inbound"} 1');
  await services.startRedis();
  await until(async () => (await ready()).body.status === 'ok', 'Redis is back');
});

test('with MongoDB frozen or gone, webhooks hear 503 in time, nobody is let in, and /readyz says so', async () => {
  await services.pauseMongo();
  await expectRefusal();
  await services.resumeMongo();
  // The frozen write may have happened: the repeat of the provider finds it, so both are one.
  await until(async () => (await hook('while it is away')).status === 200, 'MongoDB goes on');
  const raws = () => gateway.desk.store.collection(RAW_INBOUND);
  const before = await raws().countDocuments();

  await services.killMongo();
  await expectRefusal();
  const answer = await ready();
  expect(answer).toMatchObject({ status: 503, body: { status: 'unavailable' } });
  expect(answer.body.problems).toEqual([expect.stringContaining('MongoDB')]);
  expect(await gateway.call('GET', '/healthz')).toMatchObject({ status: 200 });
  expect(await gateway.call('GET', 'tickets')).toMatchObject({
    status: 503,
    body: { code: 'store_unavailable' },
  });

  await services.startMongo();
  await until(async () => (await ready()).status === 200, 'MongoDB is back');
  expect((await hook('after it')).status).toBe(200);
  expect(await raws().countDocuments()).toBe(before + 1);
});
