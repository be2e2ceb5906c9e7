import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { GuardedFetchOptions } from '../../src/contract/index.ts';
import { createGuardedFetch, type ResolvedAddress } from '../../src/lib/guarded-fetch.ts';

/** Far below the timeouts that would end it otherwise, yet enough for a busy machine. */
const PROMPT_MS = 2_000;

/** A server that counts what reaches it: for a refused address that must be nothing. */
let server: http.Server;
let other: http.Server;
let origin: string;
let otherOrigin: string;
const seen: { path: string; headers: http.IncomingHttpHeaders; method: string; body: string }[] = [];
const seenByOther: http.IncomingHttpHeaders[] = [];

beforeAll(async () => {
  server = http.createServer(async (request, response) => {
    const path = request.url ?? '/';
    seen.push({ path, headers: request.headers, method: request.method ?? '', body: await text(request) });
    const to = new URL(path, origin).searchParams.get('to');
    if (to)
      response
        .writeHead(Number(new URL(path, origin).searchParams.get('status') ?? 302), { location: to })
        .end();
    else if (path === '/loop') response.writeHead(302, { location: '/loop' }).end();
    else if (path === '/endless') endless(response);
    else if (path === '/declared')
      response.writeHead(200, { 'content-length': '5000' }).end(Buffer.alloc(5000));
    else if (path === '/stall') response.writeHead(200).write('first');
    else if (path === '/never') return;
    else if (path === '/cut') response.destroy();
    else if (path === '/cut-late') {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    } else if (path === '/bomb')
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(5_000_000)));
    else response.writeHead(200, { 'set-cookie': ['a=1', 'b=2'] }).end('hello');
  });
  other = http.createServer((request, response) => {
    seenByOther.push(request.headers);
    response.writeHead(200).end('elsewhere');
  });
  for (const one of [server, other]) {
    one.listen(0, '127.0.0.1');
    await once(one, 'listening');
  }
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  otherOrigin = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
});

afterAll(async () => {
  for (const one of [server, other]) {
    one.closeAllConnections();
    one.close();
    await once(one, 'close');
  }
});

function endless(response: http.ServerResponse): void {
  response.writeHead(200);
  const chunk = Buffer.alloc(64 * 1024);
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
}

const options = (changes: Partial<GuardedFetchOptions> = {}): GuardedFetchOptions => ({
  signal: new AbortController().signal,
  maxBytes: 1024,
  timeoutMs: 5000,
  ...changes,
});
const trusting = (changes: Partial<GuardedFetchOptions> = {}) =>
  options({ trustedOrigins: [origin], ...changes });
const fetch = createGuardedFetch();
/** A resolver that answers every name with these addresses. */
const leadingTo = (...addresses: string[]) =>
  createGuardedFetch(async () =>
    addresses.map((address): ResolvedAddress => ({ address, family: net.isIP(address) })),
  );

describe('addresses that no stranger may make us reach', () => {
  const urls = [
    // IPv4 literals, in every notation that a URL parser takes
    'http://127.0.0.1/',
    'http://127.0.0.1:80/',
    'http://127.1/',
    'http://127.255.255.254/',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0x7f.0.0.1/',
    'http://0177.0.0.1/',
    'http://017700000001/',
    'http://0x7f.1/',
    'http://127.0.0.1./',
    'http://%31%32%37.0.0.1/',
    'http://①②⑦.⓪.⓪.①/',
    'http://127。0。0。1/',
    'http://0/',
    'http://0.0.0.0/',
    'http://0.1.2.3/',
    'http://10.0.0.1/',
    'http://10.255.255.255/',
    'http://172.16.0.1/',
    'http://172.31.255.255/',
    'http://192.168.1.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://2852039166/',
    'http://0xa9fea9fe/',
    'http://100.64.0.1/',
    'http://100.127.255.255/',
    'http://192.0.0.1/',
    'http://192.0.2.1/',
    'http://192.88.99.1/',
    'http://198.18.0.1/',
    'http://198.19.255.255/',
    'http://198.51.100.7/',
    'http://203.0.113.7/',
    'http://224.0.0.1/',
    'http://239.255.255.255/',
    'http://240.0.0.1/',
    'http://255.255.255.255/',
    // IPv6 literals
    'http://[::1]/',
    'http://[::]/',
    'http://[0:0:0:0:0:0:0:1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://[::ffff:8.8.8.8]/',
    'http://[::127.0.0.1]/',
    'http://[::ffff:0:127.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[64:ff9b::8.8.8.8]/',
    'http://[64:ff9b:1::1]/',
    'http://[100::1]/',
    'http://[fc00::1]/',
    'http://[fd12:3456:789a::1]/',
    'http://[fe80::1]/',
    'http://[fec0::1]/',
    'http://[ff02::1]/',
    'http://[2001::1]/',
    'http://[2001:0:7f00:1::]/',
    'http://[2001:10::1]/',
    'http://[2001:db8::1]/',
    'http://[2002:7f00:1::]/',
    'http://[3fff::1]/',
    'http://[5f00::1]/',
    // Not the web at all
    'file:///etc/passwd',
    'ftp://example.com/x',
    'gopher://example.com/',
    'data:text/plain,hello',
    'javascript:alert(1)',
    'unix:/var/run/docker.sock',
    '//example.com/x',
    '/etc/passwd',
    '',
    'http://',
    'http://exa mple.com/',
    // Credentials and ports
    'http://user@example.com/',
    'http://user:pass@example.com/',
    'http://example.com@127.0.0.1/',
    'http://example.com:22/',
    'http://example.com:6379/',
    'https://example.com:27017/',
  ];

  test.each(urls.map((url) => ({ url })))('$url', async ({ url }) => {
    const before = seen.length;
    const wouldConnect = createGuardedFetch(async () => {
      throw new Error('A name was asked for.');
    });
    await expect(wouldConnect(url, options())).rejects.toMatchObject({
      name: 'ChannelError',
      code: 'address_forbidden',
      disposition: 'permanent',
    });
    expect(seen.length).toBe(before);
  });

  test.each(
    [
      '127.0.0.1',
      '::1',
      '10.1.2.3',
      '169.254.169.254',
      '::ffff:10.0.0.1',
      'fd00::1',
      '0.0.0.0',
      'fe80::1%lo',
      'what',
    ].map((address) => ({ address })),
  )('a name that leads to $address', async ({ address }) => {
    await expect(leadingTo(address)('http://innocent.example/', options())).rejects.toMatchObject({
      code: 'address_forbidden',
    });
  });

  test('a name with one public and one private address: whoever mixes them means harm', async () => {
    await expect(
      leadingTo('93.184.216.34', '127.0.0.1')('http://innocent.example/', options()),
    ).rejects.toMatchObject({
      code: 'address_forbidden',
    });
  });

  test('localhost by its own name, with and without a dot', async () => {
    await expect(fetch('http://localhost/', options())).rejects.toMatchObject({ code: 'address_forbidden' });
    await expect(fetch('http://LOCALHOST./', options())).rejects.toMatchObject({ name: 'ChannelError' });
  });

  test('a name is asked once and its address pinned, so a second answer cannot lead elsewhere', async () => {
    const asked: string[] = [];
    const port = (server.address() as AddressInfo).port;
    const rebinding = createGuardedFetch(async (hostname) => {
      asked.push(hostname);
      return [{ address: asked.length === 1 ? '127.0.0.1' : '10.0.0.1', family: 4 }];
    });
    const trustedOrigins = [`http://rebind.example:${port}`];
    const answer = await rebinding(`http://rebind.example:${port}/`, options({ trustedOrigins }));
    expect(await text(answer.body)).toBe('hello');
    expect(asked).toEqual(['rebind.example']);
  });
});

describe('trust', () => {
  test('an origin of the operator may lie on a private address; another port of the same host may not', async () => {
    expect(await text((await fetch(`${origin}/`, trusting())).body)).toBe('hello');
    await expect(fetch(`${otherOrigin}/`, trusting())).rejects.toMatchObject({ code: 'address_forbidden' });
  });

  test('a connection made with trust is not ridden by a request without it', async () => {
    const port = (server.address() as AddressInfo).port;
    const guarded = leadingTo('127.0.0.1');
    const url = `http://shared.example:${port}/`;
    await text((await guarded(url, options({ trustedOrigins: [new URL(url).origin] }))).body);
    await expect(guarded(url, options())).rejects.toMatchObject({ code: 'address_forbidden' });
  });

  test('a trusted place that redirects to a private one is not followed', async () => {
    const before = seenByOther.length;
    await expect(fetch(`${origin}/?to=${otherOrigin}/`, trusting())).rejects.toMatchObject({
      code: 'address_forbidden',
    });
    await expect(fetch(`${origin}/?to=http://169.254.169.254/`, trusting())).rejects.toMatchObject({
      code: 'address_forbidden',
    });
    await expect(fetch(`${origin}/?to=file:///etc/passwd`, trusting())).rejects.toMatchObject({
      code: 'address_forbidden',
    });
    expect(seenByOther.length).toBe(before);
  });
});

describe('redirects', () => {
  const both = () => options({ trustedOrigins: [origin, otherOrigin], authorization: 'Basic c2VjcmV0' });

  test('credentials go to the first host and not on to the next', async () => {
    const answer = await fetch(`${origin}/?to=${otherOrigin}/`, both());
    expect(await text(answer.body)).toBe('elsewhere');
    expect(seen.at(-1)?.headers.authorization).toBe('Basic c2VjcmV0');
    expect(seenByOther.at(-1)?.authorization).toBeUndefined();
  });

  test('credentials given as a header are not sent at all: they could not be taken back', async () => {
    await text(
      (await fetch(`${origin}/`, trusting({ headers: { Authorization: 'x', Cookie: 'y', Host: 'z' } }))).body,
    );
    expect(seen.at(-1)?.headers.authorization).toBeUndefined();
    expect(seen.at(-1)?.headers.cookie).toBeUndefined();
    expect(seen.at(-1)?.headers.host).toBe(new URL(origin).host);
  });

  test('a loop ends after five steps', async () => {
    const before = seen.length;
    await expect(fetch(`${origin}/loop`, trusting())).rejects.toMatchObject({ code: 'media_unavailable' });
    expect(seen.length - before).toBe(6);
  });

  test('a POST is not repeated elsewhere: its redirect is the answer', async () => {
    const answer = await fetch(`${origin}/?status=307&to=/`, trusting({ method: 'POST', body: 'a=1' }));
    expect(answer.status).toBe(307);
    answer.body.destroy();
    expect(seen.at(-1)?.body).toBe('a=1');
  });
});

describe('limits', () => {
  test('an endless body ends at the cap, and the connection with it', async () => {
    const answer = await fetch(`${origin}/endless`, trusting({ maxBytes: 200_000 }));
    await expect(text(answer.body)).rejects.toMatchObject({
      code: 'media_too_large',
      disposition: 'permanent',
    });
  });

  test('a body that says it is too large is refused before it is read', async () => {
    await expect(fetch(`${origin}/declared`, trusting({ maxBytes: 4999 }))).rejects.toMatchObject({
      code: 'media_too_large',
    });
    const answer = await fetch(`${origin}/declared`, trusting({ maxBytes: 5000 }));
    expect((await text(answer.body)).length).toBe(5000);
  });

  test('a compressed body is not blown up', async () => {
    const answer = await fetch(`${origin}/bomb`, trusting({ maxBytes: 20_000 }));
    expect((await answer.body.toArray()).reduce((sum, chunk) => sum + chunk.length, 0)).toBeLessThan(20_000);
    expect(seen.at(-1)?.headers['accept-encoding']).toBe('identity');
  });

  test.each(['/never', '/stall'])('silence ends with the time allowed: %s', async (path) => {
    const started = performance.now();
    const reading = fetch(`${origin}${path}`, trusting({ timeoutMs: 200 })).then((answer) =>
      text(answer.body),
    );
    await expect(reading).rejects.toMatchObject({ code: 'timed_out', disposition: 'transient' });
    expect(performance.now() - started).toBeLessThan(200 + PROMPT_MS);
  });

  test.each(['/never', '/stall'])('an abort is prompt: %s', async (path) => {
    const abort = new AbortController();
    const before = seen.length;
    const reading = fetch(`${origin}${path}`, trusting({ signal: abort.signal })).then((answer) =>
      text(answer.body),
    );
    const failed = expect(reading).rejects.toMatchObject({ code: 'aborted' });
    while (seen.length === before) await sleep(5);
    const aborted = performance.now();
    abort.abort();
    await failed;
    expect(performance.now() - aborted).toBeLessThan(PROMPT_MS);
  });

  test('a body that fails before anyone reads it ends no process, and tells whoever reads it later', async () => {
    const abort = new AbortController();
    const answer = await fetch(`${origin}/stall`, trusting({ signal: abort.signal }));
    abort.abort();
    await new Promise((resolve) => answer.body.once('close', resolve));
    await expect(text(answer.body)).rejects.toMatchObject({ code: 'aborted' });
    await expect(pipeline(answer.body, new PassThrough())).rejects.toMatchObject({ code: 'aborted' });
  });

  test('a signal that has long been aborted opens no connection', async () => {
    const before = seen.length;
    await expect(fetch(`${origin}/`, trusting({ signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'aborted',
      disposition: 'transient',
    });
    expect(seen.length).toBe(before);
  });
});

describe('what a broken connection means', () => {
  test('nobody listens: certainly not sent', async () => {
    const closed = net.createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const gone = `http://127.0.0.1:${(closed.address() as AddressInfo).port}`;
    closed.close();
    await once(closed, 'close');
    await expect(
      fetch(gone, options({ method: 'POST', body: 'x', trustedOrigins: [gone] })),
    ).rejects.toMatchObject({
      code: 'connection_failed',
      disposition: 'transient',
      providerCode: 'ECONNREFUSED',
    });
  });

  test('a name that does not exist: certainly not sent', async () => {
    const unknown = createGuardedFetch(async () => {
      throw Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
    });
    await expect(unknown('https://nowhere.example/', options({ method: 'POST' }))).rejects.toMatchObject({
      code: 'connection_failed',
      disposition: 'transient',
    });
  });

  test.each([
    { path: '/cut', method: 'POST', disposition: 'unknown' },
    { path: '/cut', method: 'GET', disposition: 'transient' },
    { path: '/cut-late', method: 'POST', disposition: 'unknown' },
  ])('$method $path, cut by the other side: $disposition', async ({ path, method, disposition }) => {
    const reading = fetch(`${origin}${path}`, trusting({ method })).then((answer) => text(answer.body));
    await expect(reading).rejects.toMatchObject({ code: 'connection_failed', disposition });
  });

  test('a POST that is answered too late may have been sent', async () => {
    await expect(
      fetch(`${origin}/never`, trusting({ method: 'POST', body: 'x', timeoutMs: 100 })),
    ).rejects.toMatchObject({ code: 'timed_out', disposition: 'unknown' });
  });

  test('connections are kept for the next request', async () => {
    for (let n = 0; n < 3; n++) await text((await fetch(`${origin}/`, trusting())).body);
    const connections = await new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
    expect(connections).toBeLessThan(6);
  });
});
