import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sms } from '../../channels/sms/index.ts';
import type { ChannelDeps } from '../../src/contract/index.ts';
import { createGuardedFetch } from '../../src/lib/guarded-fetch.ts';
import { channelDeps } from '../contract/channel-deps.ts';
import { rawOf } from '../contract/describe-channel.ts';
import { type FakeTwilio, startFakeTwilio } from '../support/fake-twilio.ts';

const PICTURE = Buffer.from('89504e470d0a1a0a', 'hex');
const never = new AbortController().signal;

let fake: FakeTwilio;
beforeAll(async () => {
  fake = await startFakeTwilio();
});
afterAll(() => fake.close());

/** Twilio's storage is a public place; the fake's is not, so it has to be trusted by name here. */
const fetchWithStorage: ChannelDeps['fetch'] = (url, options) =>
  createGuardedFetch()(url, {
    ...options,
    trustedOrigins: [...(options.trustedOrigins ?? []), fake.storageUrl],
  });

function open(fetch: ChannelDeps['fetch'] = fetchWithStorage, changes: Record<string, unknown> = {}) {
  const { accountSid, authToken, url: apiBaseUrl } = fake;
  const config = sms.configSchema.parse({
    accountSid,
    authToken,
    from: '+15005550006',
    apiBaseUrl,
    ...changes,
  });
  return sms.open(config, channelDeps({ fetch }).deps);
}

async function remoteOfPicture(): Promise<Record<string, string>> {
  const media = [{ bytes: PICTURE, type: 'image/png' }];
  const { params } = fake.receive({ from: '+6281234567890', to: '+15005550006', body: 'look', media });
  const body = Buffer.from(new URLSearchParams(params).toString());
  const { events } = await open().normalise(
    rawOf({ envelope: { via: 'http', method: 'POST', path: '/hooks/sms', headers: {} }, body }),
  );
  return events[0]?.type === 'message' ? events[0].attachments[0]!.remote! : {};
}

test('a picture comes through the login and the redirect, and the storage never sees the login', async () => {
  const bytes = await open().fetchMedia!(await remoteOfPicture(), never);
  expect(await buffer(bytes)).toEqual(PICTURE);
  expect(fake.calls.at(-1)?.authorization).toMatch(/^Basic /);
  expect(fake.storageCalls).toMatchObject([{ authorization: undefined }]);
});

test('a redirect into a private network is not followed', async () => {
  await expect(open(createGuardedFetch()).fetchMedia!(await remoteOfPicture(), never)).rejects.toMatchObject({
    name: 'ChannelError',
    code: 'address_forbidden',
    disposition: 'permanent',
  });
});

test('our login is given to Twilio alone, by https or at apiBaseUrl', async () => {
  const asked: [string, string | undefined][] = [];
  const fetch: ChannelDeps['fetch'] = async (url, { authorization }) => {
    asked.push([url, authorization && 'login']);
    throw new Error('enough seen');
  };
  const urls = [
    'https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1',
    'https://api.dublin.ie1.twilio.com/x',
    'http://api.twilio.com/x',
    'https://evil-twilio.com/x',
    'https://api.twilio.com.evil.example/x',
    'https://example.com/x',
  ];
  for (const url of urls)
    await expect(open(fetch, { apiBaseUrl: undefined }).fetchMedia!({ url }, never)).rejects.toThrow();
  expect(asked).toEqual(urls.map((url, n) => [url, n < 2 ? 'login' : undefined]));
  asked.length = 0;
  await expect(open(fetch).fetchMedia!({ url: urls[0]! }, never)).rejects.toThrow();
  expect(asked).toEqual([[`${fake.url}/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1`, 'login']]);
});

test.each([
  {
    name: 'a file that is gone',
    path: '/Messages/MM0/Media/ME0',
    code: 'media_unavailable',
    disposition: 'permanent',
  },
  {
    name: 'a refused login, which an operator mends',
    path: '',
    changes: { authToken: 'wrong' },
    code: 'credentials_rejected',
    disposition: 'transient',
  },
])('$name: $code, $disposition', async ({ path, changes, code, disposition }) => {
  const url = `${fake.url}/2010-04-01/Accounts/${fake.accountSid}${path}`;
  await expect(open(fetchWithStorage, changes).fetchMedia!({ url }, never)).rejects.toMatchObject({
    name: 'ChannelError',
    code,
    disposition,
  });
});

test.each([{}, { url: '' }, { url: 'no url' }])('an attachment without an address: %j', async (remote) => {
  await expect(open().fetchMedia!(remote as Record<string, string>, never)).rejects.toMatchObject({
    code: 'media_unavailable',
  });
});
