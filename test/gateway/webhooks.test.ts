import { request as httpRequest } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { RAW_INBOUND, type RawDoc } from '../../src/intake/model.ts';
import { openRaw } from '../../src/intake/open-raw.ts';
import { SMS_INBOX } from '../support/desk.ts';
import { inboundParams, type SignedRequest, signedJson, signedSms } from '../support/signed-sms.ts';
import { HOOK_URL, openGateway, type TestGateway } from './open-gateway.ts';

let gateway: TestGateway;
let port: number;

beforeAll(async () => {
  gateway = await openGateway();
  await gateway.app.listen({ port: 0, host: '127.0.0.1' });
  port = (gateway.app.server.address() as { port: number }).port;
});
afterEach(() => raw().deleteMany({}));
afterAll(() => gateway.close());

const raw = () => gateway.desk.store.collection<RawDoc>(RAW_INBOUND);
const sms = (body = 'Hello', url = HOOK_URL): SignedRequest =>
  signedSms({
    authToken: SMS_INBOX.authToken,
    url,
    params: inboundParams({
      accountSid: SMS_INBOX.accountSid,
      from: '+15551230002',
      to: SMS_INBOX.from,
      body,
    }),
  });
const refused = async () => {
  const { values } = await gateway.desk.metrics.registry
    .getSingleMetric('earshot_deliveries_refused_total')!
    .get();
  return Object.fromEntries(values.map(({ labels, value }) => [`${labels.inbox} ${labels.code}`, value]));
};
const countOf = async (key: string) => (await refused())[key] ?? 0;

/** A body in chunks, with no length told before; stops writing when the answer is there. */
const chunked = (size: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        port,
        host: '127.0.0.1',
        path: '/hooks/support-sms',
        method: 'POST',
        headers: { 'content-type': 'text/plain' },
      },
      (response) => {
        response.resume().on('end', () => resolve(response.statusCode!));
      },
    );
    request.on('error', reject);
    for (let sent = 0; sent < size; sent += 65_536) request.write(Buffer.alloc(65_536, 97));
    request.end();
  });

describe('a genuine request', () => {
  test('is durable and whole before it is acknowledged, and answered as the provider wants', async () => {
    const request = sms('Grüße 👋');
    const answer = await gateway.hook(request);
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'text/xml' } });
    const [doc] = (await raw().find().toArray()) as [RawDoc];
    const stored = openRaw(doc, gateway.desk);
    expect(stored.body.bytes!.toString()).toBe(request.body);
    expect(stored.envelope).toMatchObject({ via: 'http', method: 'POST', path: '/hooks/support-sms' });
  });

  test('leaves no credential behind', async () => {
    const request = sms();
    request.headers.authorization = 'Basic c2VjcmV0';
    request.headers.cookie = 'session=1';
    await gateway.hook(request);
    const [doc] = (await raw().find().toArray()) as [RawDoc];
    const { envelope } = openRaw(doc, gateway.desk);
    const names = Object.keys((envelope as { headers: object }).headers);
    expect(names).toContain('content-type');
    expect(names).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/authorization|cookie|signature/)]),
    );
  });

  test('delivered again fifty times at once is one record, and every time acknowledged', async () => {
    const request = sms('again');
    const answers = await Promise.all(Array.from({ length: 50 }, () => gateway.hook(request)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await raw().countDocuments()).toBe(1);
  });

  test('may be JSON: no parser touches its bytes before the signature is checked', async () => {
    const body = '{ "a":1,  "a":2, "__proto__": {} }';
    const answer = await gateway.hook(signedJson({ authToken: SMS_INBOX.authToken, url: HOOK_URL, body }));
    expect(answer.status).toBe(200);
    const [doc] = (await raw().find().toArray()) as [RawDoc];
    expect(openRaw(doc, gateway.desk).body.bytes!.toString()).toBe(body);
  });

  test('to a paused inbox is recorded all the same: most providers do not come again', async () => {
    await gateway.desk.inboxes.setPaused('support-sms', true);
    await gateway.desk.registry.refresh();
    expect((await gateway.hook(sms('paused'))).status).toBe(200);
    expect(await raw().countDocuments()).toBe(1);
    await gateway.desk.inboxes.setPaused('support-sms', false);
    await gateway.desk.registry.refresh();
  });

  test('waits for MongoDB alone: with Redis away it is recorded and acknowledged', async () => {
    const lonely = await openGateway({ with: { wake: () => {} } });
    expect((await lonely.hook(sms('no redis'))).status).toBe(200);
    expect(await lonely.desk.store.collection(RAW_INBOUND).countDocuments({ state: 'received' })).toBe(1);
    await lonely.close();
  });
});

describe('what is not the provider leaves nothing behind and is counted', () => {
  test.each([
    ['a forged signature', () => ({ ...sms(), headers: { ...sms().headers, 'x-twilio-signature': 'AAAA' } })],
    ['a changed body', () => ({ ...sms(), body: sms('another').body })],
    [
      'a signature for another address',
      () => ({ ...sms('x', 'https://else.example/hooks/support-sms'), url: HOOK_URL }),
    ],
    ['another query', () => ({ ...sms(), url: `${HOOK_URL}?m=1` })],
    ['a truncated body', () => ({ ...sms(), body: sms().body.slice(0, -5) })],
    ['no signature', () => ({ ...sms(), headers: {} })],
  ])('%s', async (_, make) => {
    const before = Object.values(await refused()).reduce((a, b) => a + b, 0);
    const answer = await gateway.hook(make());
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.body.code).toEqual(expect.any(String));
    expect(await raw().countDocuments()).toBe(0);
    expect(Object.values(await refused()).reduce((a, b) => a + b, 0)).toBe(before + 1);
  });

  test('an inbox that does not exist', async () => {
    const before = await countOf('- inbox_unknown');
    const answer = await gateway.hook(sms('x', 'https://desk.example/hooks/nobody'));
    expect(answer).toMatchObject({ status: 404, body: { code: 'inbox_unknown' } });
    expect(await countOf('- inbox_unknown')).toBe(before + 1);
  });

  test('a body that is too large, announced: refused unread, and the sender gets to read why', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/hooks/support-sms`, {
      method: 'POST',
      body: Buffer.alloc(4e6),
    });
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ code: 'body_too_large' });
    expect(await countOf('support-sms body_too_large')).toBe(1);
    expect(await raw().countDocuments()).toBe(0);
  });

  test('a body that is too large, in chunks that tell no length', async () => {
    expect(await chunked(4e6)).toBe(413);
    expect(await raw().countDocuments()).toBe(0);
  });
});
