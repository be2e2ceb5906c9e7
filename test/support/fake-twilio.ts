/**
 * The far side of Twilio's API, as strict as the real one where it matters to us: credentials, required and valid
 * parameters, opted-out numbers, pages, media behind credentials and a redirect. What it lets happen besides: answers
 * that fail, hang, or are cut after the message was taken. Alone: `node test/support/fake-twilio.ts --port 9999`.
 */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { inboundParams, newSid, signedSms, statusParams } from './signed-sms.ts';
import { json, NOT_FOUND, paramsOf, refuse } from './twilio-answers.ts';
import { refusalOf } from './twilio-rules.ts';
import { createStorage } from './twilio-storage.ts';
import { describeMessage, listMessages, type StoredMessage } from './twilio-store.ts';

export { signedSms, statusParams } from './signed-sms.ts';

export interface Call {
  method: string;
  path: string;
  query: Record<string, string>;
  authorization: string | undefined;
  /** Form parameters, repeated ones as a list. */
  params: Record<string, string | string[]>;
  at: number;
}

/**
 * What the next creating requests meet. `status`: refused so. `hang`: nothing is taken, no answer comes. `cut`: taken
 * in, then the connection breaks. `swallow`: taken in, no answer ever. `garbage`: taken in, a 201 that is no JSON. `pass`: nothing, it is the one after that meets something.
 */
export type Fault =
  | { kind: 'status'; status: number; code?: number; retryAfter?: string; body?: string }
  | { kind: 'hang' | 'cut' | 'swallow' | 'garbage' | 'cut-before' | 'pass' };

export interface FakeTwilioOptions {
  port?: number;
  accountSid?: string;
  authToken?: string;
  apiKeys?: Record<string, string>;
  /** Numbers of the account: others as From are refused (21606). Default: any. */
  numbers?: string[];
  /** Statuses posted to StatusCallback by itself, one after another, as soon as a message is taken. */
  autoStatus?: string[];
}

export const FAKE_ACCOUNT_SID = `AC${'0123456789abcdef'.repeat(2)}`;
export const FAKE_AUTH_TOKEN = 'fake-auth-token-12345';

export type FakeTwilio = Awaited<ReturnType<typeof startFakeTwilio>>;

export async function startFakeTwilio(options: FakeTwilioOptions = {}) {
  const accountSid = options.accountSid ?? FAKE_ACCOUNT_SID;
  const authToken = options.authToken ?? FAKE_AUTH_TOKEN;
  const keys: Record<string, string> = { ...options.apiKeys, [accountSid]: authToken };
  const calls: Call[] = [];
  const messages: StoredMessage[] = [];
  const optedOut = new Set<string>();
  const faults: Fault[] = [];
  const media = new Map<string, { bytes: Buffer; type: string }>();
  /** Requests for stored bytes, with the credentials that they should not carry. */
  const storageCalls: { path: string; authorization: string | undefined }[] = [];
  const root = `/2010-04-01/Accounts/${accountSid}`;

  const storage = createStorage(media, storageCalls);
  const api = http.createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) refuse(response, { status: 500, code: 20500, message: String(error) });
    });
  });

  async function answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<unknown> {
    const body = await text(request);
    const url = new URL(request.url ?? '/', 'http://fake');
    if (url.pathname.startsWith('/_fake/')) return control(url.pathname, body, response);
    const call: Call = {
      method: request.method ?? '',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      authorization: request.headers.authorization,
      params: paramsOf(new URLSearchParams(body)),
      at: Date.now(),
    };
    calls.push(call);
    if (!isKnown(request.headers.authorization))
      return refuse(response, { status: 401, code: 20003, message: 'Authenticate' });
    const route = url.pathname.startsWith(root) ? url.pathname.slice(root.length) : undefined;
    if (route === '/Messages.json' && request.method === 'POST')
      return create(request.headers['content-type'] ?? '', call.params, response);
    if (request.method !== 'GET' || route === undefined) return refuse(response, NOT_FOUND);
    if (route === '.json')
      return json(response, 200, {
        sid: accountSid,
        friendly_name: 'Fake account',
        status: 'active',
        type: 'Full',
      });
    if (route === '/Messages.json')
      return json(response, 200, listMessages(messages, `${root}/Messages.json`, url));
    return oneMessage(route, response);
  }

  function create(contentType: string, params: Call['params'], response: http.ServerResponse): unknown {
    const fault = faults.shift();
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'cut-before') return response.destroy();
    if (fault?.kind === 'status') {
      const headers: Record<string, string> = fault.retryAfter ? { 'retry-after': fault.retryAfter } : {};
      if (fault.body !== undefined) return response.writeHead(fault.status, headers).end(fault.body);
      const code = fault.code ?? fault.status + 20_000;
      return refuse(response, { status: fault.status, code, message: `Fault ${code}` }, headers);
    }
    const refusal = refusalOf(contentType, params, { numbers: options.numbers, optedOut });
    if (refusal) return refuse(response, refusal);
    const message = store('outbound-api', params);
    for (const status of options.autoStatus ?? [])
      setImmediate(() => void postStatus(message.sid, status).catch(() => {}));
    if (fault?.kind === 'swallow') return;
    if (fault?.kind === 'cut') return response.destroy();
    if (fault?.kind === 'garbage')
      return response.writeHead(201, { 'content-type': 'text/html' }).end('<html>Created</html>');
    json(response, 201, describeMessage(accountSid, message));
  }

  function oneMessage(route: string, response: http.ServerResponse): unknown {
    const [, sid, list, mediaSid] =
      /^\/Messages\/(\w+?)(?:\.json|(\/Media\.json)|\/Media\/(\w+))$/.exec(route) ?? [];
    const message = messages.find((one) => one.sid === sid);
    if (!message) return refuse(response, NOT_FOUND);
    if (list)
      return json(response, 200, {
        media_list: message.media.map((one) => ({ sid: one.sid, content_type: one.type, parent_sid: sid })),
        next_page_uri: null,
        page_size: 50,
      });
    if (!mediaSid) return json(response, 200, describeMessage(accountSid, message));
    if (!media.has(mediaSid)) return refuse(response, NOT_FOUND);
    response.writeHead(307, { location: `${storageUrl}/${mediaSid}?X-Signature=abc` }).end();
  }

  function store(direction: StoredMessage['direction'], params: Call['params'], sid?: string): StoredMessage {
    const one = (name: string): string | undefined => {
      const value = params[name];
      return Array.isArray(value) ? value[0] : value;
    };
    const message: StoredMessage = {
      sid: sid ?? newSid('SM'),
      accountSid,
      direction,
      status: direction === 'inbound' ? 'received' : one('MessagingServiceSid') ? 'accepted' : 'queued',
      from: one('From'),
      to: one('To') ?? '',
      body: one('Body') ?? '',
      messagingServiceSid: one('MessagingServiceSid'),
      statusCallback: one('StatusCallback'),
      media: [],
      date: new Date(),
    };
    messages.push(message);
    return message;
  }

  /** Posts a status callback for a message that was taken, signed for its StatusCallback. */
  async function postStatus(sid: string, status: string, errorCode?: number): Promise<Response> {
    const message = messages.find((one) => one.sid === sid);
    if (!message?.statusCallback) throw new Error(`No message ${sid} with a StatusCallback`);
    message.status = status;
    const params = statusParams({
      accountSid,
      sid,
      status,
      from: message.from ?? '+15005550006',
      to: message.to,
      errorCode,
      messagingServiceSid: message.messagingServiceSid,
    });
    const request = signedSms({ authToken, url: message.statusCallback, params });
    return fetch(request.url, { method: 'POST', headers: request.headers, body: request.body });
  }

  /** A customer's message as Twilio keeps it, and the webhook that it makes; whether that is posted is the test's. */
  function receive(sms: {
    from: string;
    to: string;
    body: string;
    date?: Date;
    messagingServiceSid?: string;
    media?: { bytes: Buffer; type: string }[];
  }) {
    const sid = newSid(sms.media?.length ? 'MM' : 'SM');
    const message = store('inbound', { From: sms.from, To: sms.to, Body: sms.body }, sid);
    message.messagingServiceSid = sms.messagingServiceSid;
    if (sms.date) message.date = sms.date;
    for (const one of sms.media ?? []) {
      const mediaSid = newSid('ME');
      media.set(mediaSid, one);
      message.media.push({ sid: mediaSid, type: one.type });
    }
    const params = inboundParams({
      accountSid,
      ...sms,
      sid,
      media: message.media.map((one) => ({
        url: `${url}${root}/Messages/${sid}/Media/${one.sid}`,
        type: one.type,
      })),
    });
    return {
      message,
      params,
      signedFor: (hookUrl: string) => signedSms({ authToken, url: hookUrl, params }),
    };
  }

  /** For a fake that runs as a process of its own. */
  function control(path: string, body: string, response: http.ServerResponse): unknown {
    if (path === '/_fake/calls') return json(response, 200, calls);
    if (path === '/_fake/messages') return json(response, 200, messages);
    if (path === '/_fake/faults') faults.push(...(JSON.parse(body) as Fault[]));
    else if (path === '/_fake/optout') optedOut.add(body.trim());
    else return refuse(response, NOT_FOUND);
    json(response, 200, {});
  }

  function isKnown(authorization: string | undefined): boolean {
    const [user = '', password] = Buffer.from(authorization?.split(' ')[1] ?? '', 'base64')
      .toString()
      .split(/:(.*)/s);
    return /^Basic /.test(authorization ?? '') && Object.hasOwn(keys, user) && keys[user] === password;
  }

  storage.listen(0, '127.0.0.1');
  api.listen(options.port ?? 0, '127.0.0.1');
  await Promise.all([once(storage, 'listening'), once(api, 'listening')]);
  const storageUrl = `http://127.0.0.1:${(storage.address() as AddressInfo).port}`;
  const url = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;

  return {
    url,
    storageUrl,
    accountSid,
    authToken,
    calls,
    storageCalls,
    messages,
    optOut: (number: string) => optedOut.add(number),
    optIn: (number: string) => optedOut.delete(number),
    /** Faults are used up one a creating request, in order. */
    fail: (...next: Fault[]) => faults.push(...next),
    postStatus,
    receive,
    async close(): Promise<void> {
      for (const server of [api, storage]) {
        server.closeAllConnections();
        if (server.listening) await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, 'auto-status': { type: 'boolean', default: false } },
  });
  const fake = await startFakeTwilio({
    port: Number(values.port ?? 0),
    ...(values['auto-status'] ? { autoStatus: ['sent', 'delivered'] } : {}),
  });
  process.stdout.write(
    `${JSON.stringify({ url: fake.url, accountSid: fake.accountSid, authToken: fake.authToken })}\n`,
  );
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void fake.close());
}
