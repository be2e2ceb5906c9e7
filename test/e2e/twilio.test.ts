import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type EarshotProcess, type HookRequest, startEarshot } from '../support/earshot.ts';
import { type FakeTwilio, startFakeTwilio } from '../support/fake-twilio.ts';
import { freePort } from '../support/free-port.ts';
import { testServices } from '../support/services.ts';
import { signedSms, statusParams } from '../support/signed-sms.ts';
import { until } from '../support/until.ts';
import { type Agent, agentOf } from './agent.ts';
import { OUR_NUMBER, sentBodies, smsConfig, writeSms } from './customer-sms.ts';
import { FORGERIES, genuineSms } from './forged-sms.ts';
import { metric } from './metrics.ts';
import { type ReverseProxy, startReverseProxy } from './reverse-proxy.ts';

const INBOX = 'sms-en';
const FORGERY_TARGET = 'sms-forged';
const UNREACHED = 'sms-storage';
const PICTURE = Buffer.from('89504e470d0a1a0a00000000', 'hex');

let twilio: FakeTwilio;
/** Before Earshot, and before Twilio's API. */
let border: ReverseProxy;
let front: ReverseProxy;
let earshot: EarshotProcess;
let agent: Agent;

beforeAll(async () => {
  const services = testServices();
  [twilio, border, front] = await Promise.all([startFakeTwilio(), startReverseProxy(), startReverseProxy()]);
  front.routes.push(
    { prefix: '/2010-04-01', target: twilio.url },
    { prefix: '/storage', target: twilio.storageUrl, strip: true, headers: { authorization: undefined } },
  );
  front.rewrites.push([twilio.storageUrl, `${front.url}/storage`]);
  const port = await freePort();
  border.routes.push({
    prefix: '/support',
    target: `http://127.0.0.1:${port}`,
    strip: true,
    headers: {
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'elsewhere.example',
      'x-forwarded-for': '203.0.113.7',
    },
  });
  earshot = await startEarshot({
    mongodbUri: services.mongodbUri(),
    redisUrl: services.redisUrl,
    port,
    env: { PUBLIC_URL: `${border.url}/support` },
  });
  agent = agentOf(earshot);
  await Promise.all([
    earshot.addInbox('sms', INBOX, smsConfig(twilio, front.url)),
    earshot.addInbox('sms', FORGERY_TARGET, smsConfig(twilio, front.url)),
    earshot.addInbox('sms', UNREACHED, smsConfig(twilio)),
  ]);
});
afterAll(async () => {
  await earshot?.close();
  for (const each of [twilio, border, front]) await each?.close();
});

const hookUrl = (inbox: string) => `${earshot.env.PUBLIC_URL}/hooks/${inbox}`;

describe('what is not genuine is refused in words, counted, and leaves nothing behind', () => {
  const address = () => ({
    hookUrl: hookUrl(FORGERY_TARGET),
    behindProxy: `${earshot.url}/hooks/${FORGERY_TARGET}`,
  });
  test.each(Object.entries(FORGERIES))('%s', async (_name, { status, code, request }) => {
    const count = () => metric(earshot, 'earshot_deliveries_refused_total', { inbox: FORGERY_TARGET, code });
    const before = await count();
    const answer = await earshot.hook(FORGERY_TARGET, request(twilio, address()));
    expect(answer).toMatchObject({ status, body: { code, status } });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body.detail.length).toBeGreaterThan(10);
    expect(await count()).toBe(before + 1);
  });

  test('nothing of it was stored', async () => {
    expect(await agent.raw(`?inbox=${FORGERY_TARGET}`)).toEqual([]);
    expect(await agent.tickets(`?inbox=${FORGERY_TARGET}`)).toEqual([]);
    expect(await metric(earshot, 'earshot_deliveries_received_total', { inbox: FORGERY_TARGET })).toBe(0);
  });

  test('the command line judges as the server does', async () => {
    const judge = async ({ headers = {}, body = '' }: HookRequest) => {
      const config = JSON.stringify(smsConfig(twilio));
      const args = [
        'verify',
        'sms',
        '--config',
        config,
        '--url',
        hookUrl(FORGERY_TARGET),
        '--method',
        'POST',
      ];
      for (const [name, value] of Object.entries(headers)) args.push('--header', `${name}: ${value}`);
      const { stdout } = await earshot.cli(args, body);
      return JSON.parse(stdout);
    };
    const [good, ...bad] = await Promise.all([
      judge(genuineSms(twilio, address())),
      ...['signed with another token', 'too large', 'without a signature', 'of another account'].map((name) =>
        judge(FORGERIES[name]!.request(twilio, address())),
      ),
    ]);
    expect(good).toEqual({ ok: true });
    for (const verdict of bad) expect(verdict).toEqual({ ok: false, reason: expect.stringMatching(/.{10}/) });
  });
});

test('through a proxy with another host and path a genuine message comes in, and only once', async () => {
  const from = '+15551230002';
  const { headers, body } = twilio
    .receive({ from, to: OUR_NUMBER, body: 'where is my order?' })
    .signedFor(hookUrl(INBOX));
  const post = () => fetch(hookUrl(INBOX), { method: 'POST', headers, body });
  const first = await post();
  expect([first.status, await first.text()]).toEqual([200, expect.stringContaining('<Response/>')]);
  const { id: ticket } = await agent.ticketAbout('where is my order?');
  await agent.settled();
  const before = await agent.messages(ticket);

  const again = await Promise.all(Array.from({ length: 20 }, post));
  expect(again.map(({ status }) => status)).toEqual(Array(20).fill(200));
  await agent.settled();
  expect(await agent.messages(ticket)).toEqual(before);
  expect(await agent.tickets(`?q=${encodeURIComponent(from)}`)).toHaveLength(1);
  expect(await metric(earshot, 'earshot_deliveries_repeated_total', { inbox: INBOX })).toBe(20);
  expect((await agent.raw(`?inbox=${INBOX}`))[0]).toMatchObject({ state: 'done', repeats: 20 });
});

test('status callbacks raise the status of a reply; a forged one does not', async () => {
  await writeSms(earshot, twilio, INBOX, { from: '+15551230003', body: 'is it delivered?' });
  const { id: ticket } = await agent.ticketAbout('is it delivered?');
  const reply = await agent.send(ticket, { text: 'Soon.' });
  const { externalId } = await agent.becomes(reply.id, 'accepted');
  expect(externalId).toMatch(/^SM/);
  const params = statusParams({
    accountSid: twilio.accountSid,
    sid: externalId,
    status: 'failed',
    from: OUR_NUMBER,
    to: '+15551230003',
  });
  const callback = twilio.messages.find(({ sid }) => sid === externalId)!.statusCallback!;
  expect(callback).toContain(hookUrl(INBOX));
  const forged = signedSms({ authToken: 'another-token', url: callback, params });
  expect((await fetch(callback, { method: 'POST', headers: forged.headers, body: forged.body })).status).toBe(
    403,
  );

  for (const status of ['sent', 'delivered']) {
    expect((await twilio.postStatus(externalId, status)).status).toBe(200);
    await agent.becomes(reply.id, status);
  }
  expect((await twilio.postStatus(externalId, 'sent')).status).toBe(200);
  await agent.settled();
  expect((await agent.message(reply.id)).status).toBe('delivered');
  expect((await agent.steps(reply.id)).map(({ step }) => step)).toEqual([
    'queued',
    'sending',
    'accepted',
    'sent',
    'delivered',
  ]);
});

test('a reply that the carrier refuses is failed with its code, and opens the ticket again', async () => {
  await writeSms(earshot, twilio, INBOX, { from: '+15551230004', body: 'hello from a landline' });
  const { id: ticket } = await agent.ticketAbout('hello from a landline');
  const reply = await agent.send(ticket, { text: 'Hello.' });
  const { externalId } = await agent.becomes(reply.id, 'accepted');
  await earshot.api('PATCH', `tickets/${ticket}`, { status: 'pending' });
  await twilio.postStatus(externalId, 'undelivered', 30006);
  expect((await agent.becomes(reply.id, 'failed')).error).toMatchObject({ providerCode: '30006' });
  await until(async () => (await agent.activities(ticket)).includes('reply.failed'), 'the agent is told');
  expect((await agent.ticket(ticket)).status).toBe('open');
});

describe('pictures', () => {
  const withPicture = async (inbox: string, from: string, body: string) => {
    const media = [{ bytes: PICTURE, type: 'image/png' }];
    const { params } = twilio.receive({ from, to: OUR_NUMBER, body, media });
    // Twilio names its own host whatever apiBaseUrl says; the stand-in is reached in its place.
    params.MediaUrl0 = params.MediaUrl0!.replace(twilio.url, 'https://api.twilio.com');
    const signed = signedSms({ authToken: twilio.authToken, url: hookUrl(inbox), params });
    expect((await earshot.hook(inbox, { headers: signed.headers, body: signed.body })).status).toBe(200);
    const { id: ticket } = await agent.ticketAbout(body);
    const [{ id }] = await agent.messages(ticket);
    return until(async () => {
      const [attachment] = (await agent.message(id)).attachments;
      return (attachment?.available || attachment?.error) && { id, attachment };
    }, 'the picture has been asked for');
  };

  test('are fetched with the account’s login, through a redirect, and handed to agents as files', async () => {
    const { id, attachment } = await withPicture(INBOX, '+15551230005', 'look at this');
    expect(attachment).toMatchObject({ type: 'image/png', size: PICTURE.length, available: true });
    const answer = await fetch(`${earshot.url}/api/v1/messages/${id}/attachments/0`, {
      headers: { authorization: `Bearer ${earshot.token}` },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('image/png');
    expect(answer.headers.get('content-disposition')).toMatch(/^attachment/);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(PICTURE);
    const asked = twilio.calls.filter(({ path }) => path.includes('/Media/'));
    expect(asked.at(-1)?.authorization).toMatch(/^Basic /);
    expect(
      (await earshot.api('GET', `/api/v1/messages/${id}/attachments/0`, undefined, { authorization: '' }))
        .status,
    ).toBe(401);
  });

  test('are not fetched from an address inside our own network, and the agent is told', async () => {
    const { attachment } = await withPicture(UNREACHED, '+15551230006', 'look at that');
    expect(attachment).toMatchObject({ available: false, error: expect.stringMatching(/.{10}/) });
  });
});

test('after STOP an answer is refused, and after START it goes', async () => {
  const from = '+15551230007';
  await writeSms(earshot, twilio, INBOX, { from, body: 'question before stop' });
  const { id: ticket } = await agent.ticketAbout('question before stop');
  await writeSms(earshot, twilio, INBOX, { from, body: 'STOP' });
  await agent.settled();
  const refused = await agent.reply(ticket, { text: 'But wait!' });
  expect(refused).toMatchObject({ status: 409, body: { code: 'recipient_opted_out' } });
  await writeSms(earshot, twilio, INBOX, { from, body: 'START' });
  await agent.settled();
  await agent.becomes((await agent.send(ticket, { text: 'Welcome back.' })).id, 'accepted');
  expect(sentBodies(twilio, from)).toEqual(['Welcome back.']);
});
