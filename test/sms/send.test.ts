import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sms } from '../../channels/sms/index.ts';
import type { ChannelDeps, OutboundMessage } from '../../src/contract/index.ts';
import { fit as fitTo } from '../../src/contract/index.ts';
import { channelDeps, HOOK_URL, outboundMessage } from '../contract/channel-deps.ts';
import { type FakeTwilio, startFakeTwilio } from '../support/fake-twilio.ts';

const CUSTOMER = '+6281234567890';
const NUMBER = '+15005550006';
const SERVICE = `MG${'a'.repeat(32)}`;

let fake: FakeTwilio;
beforeAll(async () => {
  fake = await startFakeTwilio({ numbers: [NUMBER], apiKeys: { SKkey: 'key-secret' } });
});
afterAll(() => fake.close());
beforeEach(() => {
  fake.calls.length = 0;
  fake.messages.length = 0;
});

const configOf = (changes: Record<string, unknown> = {}) =>
  sms.configSchema.parse({
    accountSid: fake.accountSid,
    authToken: fake.authToken,
    from: NUMBER,
    apiBaseUrl: fake.url,
    ...changes,
  });
const toCustomer = (changes: Partial<OutboundMessage> = {}) =>
  outboundMessage({ to: [{ kind: 'phone', value: CUSTOMER }], ...changes });
function send(
  message = toCustomer(),
  changes = {},
  signal = new AbortController().signal,
  deps?: Partial<ChannelDeps>,
) {
  return sms.open(configOf(changes), channelDeps(deps).deps).send!(message, signal);
}

describe('what Twilio is asked', () => {
  test('one request with text, sender, recipient and an address for statuses that names the message', async () => {
    const result = await send(toCustomer({ text: 'Terima kasih 😀\nKami cek.' }));
    expect(fake.calls).toMatchObject([
      {
        method: 'POST',
        path: `/2010-04-01/Accounts/${fake.accountSid}/Messages.json`,
        authorization: `Basic ${Buffer.from(`${fake.accountSid}:${fake.authToken}`).toString('base64')}`,
        params: {
          To: CUSTOMER,
          From: NUMBER,
          Body: 'Terima kasih 😀\nKami cek.',
          StatusCallback: `${HOOK_URL}?m=k3v9x0q2m7`,
        },
      },
    ]);
    expect(Object.keys(fake.calls[0]!.params).toSorted()).toEqual(['Body', 'From', 'StatusCallback', 'To']);
    expect(result).toEqual({
      externalId: fake.messages[0]!.sid,
      status: 'accepted',
      detail: '1 segment, UCS-2',
    });
  });

  test('through a messaging service, and with an API key in the place of the token', async () => {
    const changes = {
      from: undefined,
      messagingServiceSid: SERVICE,
      apiKey: 'SKkey',
      apiKeySecret: 'key-secret',
    };
    await send(toCustomer(), changes);
    expect(fake.calls[0]!.params).toMatchObject({ MessagingServiceSid: SERVICE });
    expect(fake.calls[0]!.params).not.toHaveProperty('From');
    expect(fake.calls[0]!.authorization).toBe(`Basic ${Buffer.from('SKkey:key-secret').toString('base64')}`);
  });

  test('at a proxy with a path of its own, whatever the region in the environment says', async () => {
    process.env.TWILIO_REGION = 'ie1';
    try {
      await expect(send(toCustomer(), { apiBaseUrl: `${fake.url}/twilio/` })).rejects.toMatchObject({
        code: 'sender_misconfigured',
      });
      expect(fake.calls[0]!.path).toBe(`/twilio/2010-04-01/Accounts/${fake.accountSid}/Messages.json`);
    } finally {
      delete process.env.TWILIO_REGION;
    }
  });

  test('a local hook address is not given to Twilio itself, which would refuse the message for it', async () => {
    for (const [hookUrl, given] of [
      ['http://localhost:3000/hooks/sms', false],
      ['http://127.0.0.1:3000/hooks/sms', false],
      ['http://[::1]/hooks/sms', false],
      ['http://192.168.1.5/hooks/sms', false],
      ['http://desk/hooks/sms', false],
      ['https://desk.example.com/hooks/sms', true],
    ] as const) {
      let body = '';
      const fetch: ChannelDeps['fetch'] = async (url, options) => {
        expect(new URL(url).origin).toBe('https://api.twilio.com');
        body = String(options.body);
        throw new Error('enough seen');
      };
      const config = { apiBaseUrl: undefined };
      await expect(send(toCustomer(), config, undefined, { hookUrl, fetch })).rejects.toThrow();
      expect([hookUrl, new URLSearchParams(body).has('StatusCallback')]).toEqual([hookUrl, given]);
    }
  });

  test('pieces of a long reply, cut by fit(), are each short enough for Twilio', async () => {
    const cut = fitTo(
      { text: 'Wort für Wort. '.repeat(300), attachments: [] },
      sms.capabilities,
      undefined,
      new Date(),
    );
    expect(cut.ok && cut.pieces.length).toBe(3);
    for (const text of cut.ok ? cut.pieces : []) await send(toCustomer({ text }));
    expect(fake.messages.map((message) => message.body.length <= 1600)).toEqual([true, true, true]);
  });

  test('what SMS cannot carry is refused before anything is sent', async () => {
    await expect(
      send(outboundMessage({ to: [{ kind: 'email', value: 'a@b.example' }] })),
    ).rejects.toMatchObject({
      code: 'recipient_invalid',
      disposition: 'permanent',
    });
    const file = {
      name: 'a.pdf',
      type: 'application/pdf',
      size: 1,
      open: () => Promise.reject(new Error('not read')),
    };
    await expect(send(toCustomer({ attachments: [file] }))).rejects.toMatchObject({
      code: 'content_rejected',
    });
    expect(fake.calls).toEqual([]);
  });
});

describe('what Twilio answers', () => {
  test.each([
    {
      name: 'a number that is none',
      message: { to: [{ kind: 'phone' as const, value: '+12' }] },
      code: '21211',
    },
    { name: 'no text', message: { text: '' }, code: '21602' },
    { name: 'too long a text', message: { text: 'x'.repeat(1601) }, code: '21617' },
    { name: 'ourselves', message: { to: [{ kind: 'phone' as const, value: NUMBER }] }, code: '21266' },
  ])('$name: permanent, under the code of Twilio', async ({ message, code }) => {
    await expect(send(toCustomer(message))).rejects.toMatchObject({
      name: 'ChannelError',
      disposition: 'permanent',
      providerCode: code,
    });
  });

  test('a customer who has sent STOP gets nothing more until START', async () => {
    fake.optOut(CUSTOMER);
    await expect(send()).rejects.toMatchObject({ code: 'recipient_opted_out', disposition: 'permanent' });
    fake.optIn(CUSTOMER);
    await expect(send()).resolves.toMatchObject({ status: 'accepted' });
  });

  test('wrong credentials are told to the operator, without the secret, and the reply waits for him', async () => {
    const { deps, health } = channelDeps();
    const channel = sms.open(configOf({ authToken: 'wrong-token' }), deps);
    const error = await channel.send!(toCustomer(), new AbortController().signal).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: 'credentials_rejected',
      disposition: 'transient',
      providerCode: '20003',
    });
    expect(health.failing).toHaveLength(1);
    expect(JSON.stringify([error, health, String((error as Error).stack)])).not.toContain('wrong-token');
  });

  test.each([
    {
      fault: { kind: 'status', status: 429, code: 20429, retryAfter: '7' },
      disposition: 'limited',
      retryAfterMs: 7000,
    },
    { fault: { kind: 'status', status: 429, code: 20429 }, disposition: 'limited', retryAfterMs: 1000 },
    {
      fault: { kind: 'status', status: 503, code: 20503, retryAfter: '30' },
      disposition: 'transient',
      retryAfterMs: 30_000,
    },
    { fault: { kind: 'status', status: 500, code: 20500 }, disposition: 'transient' },
    { fault: { kind: 'status', status: 503, body: 'upstream down' }, disposition: 'transient' },
    { fault: { kind: 'status', status: 502, body: '<html>Bad gateway</html>' }, disposition: 'unknown' },
    { fault: { kind: 'status', status: 504, body: '' }, disposition: 'unknown' },
    { fault: { kind: 'status', status: 302, body: '' }, disposition: 'permanent' },
    { fault: { kind: 'status', status: 400, code: 29999 }, disposition: 'permanent' },
    { fault: { kind: 'garbage' }, disposition: 'unknown' },
    { fault: { kind: 'cut' }, disposition: 'unknown' },
    { fault: { kind: 'cut-before' }, disposition: 'unknown' },
  ] as const)('$fault: $disposition', async ({ fault, ...wanted }) => {
    fake.fail(fault);
    await expect(send()).rejects.toMatchObject({ name: 'ChannelError', ...wanted });
    expect(fake.calls).toHaveLength(1);
  });

  test('nobody there: certainly not sent', async () => {
    const gone = await startFakeTwilio();
    await gone.close();
    await expect(send(toCustomer(), { apiBaseUrl: gone.url })).rejects.toMatchObject({
      code: 'connection_failed',
      disposition: 'transient',
    });
  });

  test.each(['hang', 'swallow'] as const)('%s, then an abort: it may have been sent', async (kind) => {
    fake.fail({ kind });
    const abort = new AbortController();
    const sending = expect(send(toCustomer(), {}, abort.signal)).rejects.toMatchObject({
      code: 'aborted',
      disposition: 'unknown',
    });
    while (fake.calls.length === 0) await sleep(5);
    abort.abort();
    await sending;
    expect(fake.messages).toHaveLength(kind === 'swallow' ? 1 : 0);
  });
});

test('a status that Twilio posts comes back as a receipt of that very message', async () => {
  const { deps } = channelDeps();
  const channel = sms.open(configOf(), deps);
  const { externalId } = await channel.send!(toCustomer(), new AbortController().signal);
  const callback = String(fake.calls[0]!.params.StatusCallback);
  const { statusParams, signedSms } = await import('../support/fake-twilio.ts');
  const params = statusParams({
    accountSid: fake.accountSid,
    sid: externalId,
    status: 'undelivered',
    from: NUMBER,
    to: CUSTOMER,
    errorCode: 30005,
  });
  const sent = signedSms({ authToken: fake.authToken, url: callback, params });
  const path = callback.slice(callback.indexOf('/hooks'));
  const envelope = { via: 'http' as const, method: 'POST', path, headers: sent.headers };
  expect(channel.webhook!.verify(envelope, Buffer.from(sent.body))).toMatchObject({ ok: true });
  const { rawOf } = await import('../contract/describe-channel.ts');
  const { events } = await channel.normalise(rawOf({ envelope, body: Buffer.from(sent.body) }));
  expect(events).toMatchObject([
    {
      type: 'receipt',
      about: { externalIds: [externalId], token: 'k3v9x0q2m7' },
      status: 'failed',
      permanent: true,
    },
  ]);
});
