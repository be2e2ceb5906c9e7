import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fromAnswer, TWILIO_ERRORS } from '../../channels/sms/errors.ts';
import { sms } from '../../channels/sms/index.ts';
import type { HttpEnvelope } from '../../src/contract/index.ts';
import {
  inboundParams,
  type SignedRequest,
  signedGet,
  signedJson,
  signedSms,
  statusParams,
} from '../support/signed-sms.ts';
import { HOOK_URL, outboundMessage } from './channel-deps.ts';
import { describeChannel } from './describe-channel.ts';

const accountSid = `AC${'7'.repeat(32)}`;
const authToken = 'b1946ac92492d2347c6235b4d2611184';
const config = { accountSid, authToken, apiKey: 'SKabc', apiKeySecret: 'sk-secret-9', from: '+15005550006' };
const sid = 'SM00000000000000000000000000000001';

const inbound = {
  accountSid,
  sid,
  from: '+6281234567890',
  to: '+15005550006',
  body: 'Halo 😀, tagihan saya 50% + €5?',
};
const media = [
  {
    url: `https://api.twilio.com/2010-04-01/Accounts/${accountSid}/Messages/${sid}/Media/ME1`,
    type: 'image/jpeg',
  },
];
const status = { accountSid, sid, from: '+15005550006', to: '+6281234567890' };

const form = (url: string, params: Record<string, string>) => signedSms({ authToken, url, params });
const requests: { name: string; sent: SignedRequest }[] = [
  { name: 'a message as a form', sent: form(HOOK_URL, inboundParams(inbound)) },
  { name: 'an MMS', sent: form(HOOK_URL, inboundParams({ ...inbound, media })) },
  {
    name: 'a status with our token in the query',
    sent: form(`${HOOK_URL}?m=k3v9x0q2m7`, statusParams({ ...status, status: 'delivered' })),
  },
  {
    name: 'a message as JSON',
    sent: signedJson({
      authToken,
      url: HOOK_URL,
      body: JSON.stringify({ ...inboundParams(inbound), NumMedia: 0 }),
    }),
  },
  { name: 'a message by GET', sent: signedGet({ authToken, url: HOOK_URL, params: inboundParams(inbound) }) },
];

function envelopeOf(sent: SignedRequest): HttpEnvelope {
  const { pathname, search } = new URL(sent.url);
  return { via: 'http', method: sent.method, path: pathname + search, headers: sent.headers };
}

const bare: HttpEnvelope = { via: 'http', method: 'POST', path: '/hooks/line-1', headers: {} };
const bodyOf = (params: Record<string, string>) => Buffer.from(new URLSearchParams(params).toString());

describeChannel(sms, {
  config,
  invalidConfigs: [
    { name: 'nothing', config: {} },
    { name: 'no sender', config: { accountSid, authToken } },
    { name: 'no token', config: { accountSid, from: '+15005550006' } },
    { name: 'an API key without its secret', config: { ...config, apiKeySecret: undefined } },
    { name: 'a key in place of the account', config: { ...config, accountSid: 'SK123' } },
    { name: 'a base that is no web address', config: { ...config, apiBaseUrl: 'file:///etc/passwd' } },
    { name: 'a number without its country', config: { ...config, from: '0812-3456' } },
  ],
  webhook: {
    genuine: requests.map(({ name, sent }) => ({
      name,
      request: envelopeOf(sent),
      body: Buffer.from(sent.body),
    })),
    proof: 'x-twilio-signature',
    covers: ['url', 'body'],
    withoutSecret: { ...config, authToken: '', apiBaseUrl: 'https://api.twilio.com' },
  },
  deliveries: [
    ...requests.map(({ name, sent }) => ({
      name,
      envelope: envelopeOf(sent),
      body: Buffer.from(sent.body),
      events: [name.startsWith('a status') ? ('receipt' as const) : ('message' as const)],
    })),
    {
      name: 'STOP',
      envelope: bare,
      body: bodyOf(inboundParams({ ...inbound, body: ' stop\n' })),
      events: ['consent'],
    },
    {
      name: 'YES',
      envelope: bare,
      body: bodyOf(inboundParams({ ...inbound, body: 'Yes' })),
      events: ['consent', 'message'],
    },
    {
      name: 'a JSON batch with a stranger in it',
      envelope: bare,
      body: Buffer.from(
        JSON.stringify([
          inboundParams(inbound),
          7,
          { what: 'ever' },
          statusParams({ ...status, status: 'sent' }),
        ]),
      ),
      events: ['message', 'ignored', 'ignored', 'receipt'],
    },
    {
      name: 'a message of WhatsApp',
      envelope: bare,
      body: bodyOf(
        inboundParams({ ...inbound, from: 'whatsapp:+6281234567890', to: 'whatsapp:+15005550006' }),
      ),
      events: ['ignored'],
    },
    {
      name: 'something unknown',
      envelope: bare,
      body: bodyOf({ EventType: 'onMessageAdded' }),
      events: ['ignored'],
    },
    { name: 'nothing at all', envelope: bare, body: Buffer.alloc(0), events: ['ignored'] },
    {
      name: 'no text',
      envelope: bare,
      body: Buffer.from([0, 255, 38, 61, 254, 37, 200]),
      events: ['ignored'],
    },
  ],
  unreadable: [
    {
      name: 'JSON that is none',
      envelope: bare,
      body: Buffer.from('{"MessageSid": "SM1", '),
      code: 'malformed',
    },
    { name: 'a body far too big', envelope: bare, body: Buffer.alloc(300_000, 'a'), code: 'too_complex' },
  ],
  errors: {
    documented: Object.keys(TWILIO_ERRORS),
    classify: (code) => fromAnswer(400, Number(code)),
  },
  async hangingSend() {
    const server = createServer();
    const reached = once(server, 'request');
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const apiBaseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return {
      config: { ...config, apiBaseUrl },
      message: outboundMessage({ to: [{ kind: 'phone', value: '+6281234567890' }] }),
      reached,
      close: async () => {
        server.closeAllConnections();
        server.close();
      },
    };
  },
});
