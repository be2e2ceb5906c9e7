/**
 * HTTP for URLs that strangers chose. Nothing but public addresses is reached (judged on the resolved address that
 * the socket then uses, so a name cannot change its mind in between), with caps on bytes, time and redirects.
 */
import { lookup as systemLookup } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import {
  ChannelError,
  type Disposition,
  type GuardedFetch,
  type GuardedFetchOptions,
  type GuardedResponse,
} from '../contract/index.ts';
import { isPublicAddress } from './public-address.ts';

const REDIRECTS_MAX = 5;
const IDLE_TIMEOUT_MS = 15_000;
/** Shorter than servers keep a connection, so that a request seldom meets one that is just being closed. */
const KEEP_ALIVE_MS = 4_000;
const HEADERS_MAX_BYTES = 64 * 1024;
const WEB_PORTS = ['', '80', '443'];
const REDIRECT_STATUSES = [301, 302, 303, 307, 308];
const READING_METHODS = ['GET', 'HEAD'];

export interface ResolvedAddress {
  address: string;
  family: number;
}
export type Resolve = (hostname: string) => Promise<ResolvedAddress[]>;

const resolveBySystem: Resolve = (hostname) => systemLookup(hostname, { all: true });

/** Sockets to trusted places are kept apart: a request without that trust must never ride on one. */
function createAgents() {
  const options = { keepAlive: true, timeout: KEEP_ALIVE_MS, maxSockets: 64, scheduling: 'lifo' as const };
  return { http: new http.Agent(options), https: new https.Agent(options) };
}

/** `resolve` gives all addresses of a name; one of them that is not public makes the name forbidden. */
export function createGuardedFetch(resolve: Resolve = resolveBySystem): GuardedFetch {
  const open = createAgents();
  const trusted = createAgents();

  return async function guardedFetch(url, options) {
    const deadline = AbortSignal.timeout(options.timeoutMs);
    const method = (options.method ?? 'GET').toUpperCase();
    let target = parseTarget(url);
    let authorization = options.authorization;
    let trust = isTrusted(target, options);
    for (let redirects = 0; ; redirects++) {
      if (!trust) refuseForbidden(target);
      const response = await requestOnce({
        target,
        method,
        options,
        authorization,
        deadline,
        agent: (trust ? trusted : open)[target.protocol === 'https:' ? 'https' : 'http'],
        lookup: trust ? trustingLookup(resolve) : guardingLookup(resolve),
        publicOnly: !trust,
      });
      const location = response.headers.location;
      if (!location || !REDIRECT_STATUSES.includes(response.status) || !READING_METHODS.includes(method))
        return response;
      response.body.on('error', () => {}).destroy();
      if (redirects === REDIRECTS_MAX)
        throw new ChannelError('media_unavailable', 'permanent', `More than ${REDIRECTS_MAX} redirects.`);
      const next = parseTarget(location, target);
      if (target.protocol === 'https:' && next.protocol === 'http:')
        throw forbidden('A redirect from https to http is not followed.');
      if (next.origin !== target.origin) authorization = undefined;
      // A stranger must not be able to send us to a trusted place: trust ends with the first step outside.
      trust &&= isTrusted(next, options);
      target = next;
    }
  };
}

function parseTarget(url: string, base?: URL): URL {
  let target: URL;
  try {
    // Decimal, octal and hexadecimal forms of an IPv4 host become dotted ones here (WHATWG URL, section 3.5).
    target = new URL(url, base);
  } catch {
    throw forbidden('This is no URL.');
  }
  if (target.protocol !== 'https:' && target.protocol !== 'http:')
    throw forbidden('Only http and https are fetched.');
  if (target.username || target.password)
    throw forbidden('A URL with a user name or password is not fetched.');
  return target;
}

function isTrusted(target: URL, options: GuardedFetchOptions): boolean {
  return options.trustedOrigins?.includes(target.origin) ?? false;
}

function refuseForbidden(target: URL): void {
  if (!WEB_PORTS.includes(target.port)) throw forbidden('Only the ports 80 and 443 are reached.');
  const host = target.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) && !isPublicAddress(host)) throw forbidden('The address is not on the public internet.');
}

function guardingLookup(resolve: Resolve): LookupFunction {
  return lookupWith(async (hostname) => {
    const addresses = await resolve(hostname);
    if (!addresses.every((one) => isPublicAddress(one.address)))
      throw forbidden('The name leads to an address that is not on the public internet.');
    return addresses;
  });
}

const trustingLookup = (resolve: Resolve): LookupFunction => lookupWith(resolve);

function lookupWith(resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const first = addresses[0];
        if (!first) callback(new Error(`No address for ${hostname}`), '', 0);
        else if (options.all) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error) => callback(error, '', 0),
    );
  };
}

interface OneRequest {
  target: URL;
  method: string;
  options: GuardedFetchOptions;
  authorization: string | undefined;
  deadline: AbortSignal;
  agent: http.Agent;
  lookup: LookupFunction;
  publicOnly: boolean;
}

function requestOnce(one: OneRequest): Promise<GuardedResponse> {
  const { target, method, options, deadline } = one;
  const { promise, resolve, reject } = Promise.withResolvers<GuardedResponse>();
  /** From here on the far side may have acted on it, unless it only reads. */
  let left = false;
  const fate = (): Disposition => (left && !READING_METHODS.includes(method) ? 'unknown' : 'transient');
  const request = (target.protocol === 'https:' ? https : http).request(target, {
    method,
    headers: requestHeaders(one),
    agent: one.agent,
    lookup: one.lookup,
    maxHeaderSize: HEADERS_MAX_BYTES,
    timeout: Math.min(IDLE_TIMEOUT_MS, options.timeoutMs),
  });

  const onAbort = () => request.destroy(new ChannelError('aborted', fate(), 'The request was called off.'));
  const onDeadline = () => request.destroy(timedOut(fate()));
  const settleSignals = () => {
    options.signal.removeEventListener('abort', onAbort);
    deadline.removeEventListener('abort', onDeadline);
  };
  options.signal.addEventListener('abort', onAbort, { once: true });
  deadline.addEventListener('abort', onDeadline, { once: true });
  if (options.signal.aborted) onAbort();
  else if (deadline.aborted) onDeadline();

  request.on('timeout', onDeadline);
  request.on('close', settleSignals);
  request.on('error', (error) => reject(connectionError(error, fate())));
  request.on('socket', (socket) => {
    if (request.reusedSocket) {
      left = true;
      return;
    }
    socket.once('connect', () => {
      if (one.publicOnly && !isPublicAddress(socket.remoteAddress ?? ''))
        request.destroy(forbidden('The address is not on the public internet.'));
      else if (target.protocol === 'http:') left = true;
    });
    socket.once('secureConnect', () => {
      left = true;
    });
  });
  request.on('response', (response) => {
    const declared = Number(response.headers['content-length']);
    if (declared > options.maxBytes && method !== 'HEAD') {
      request.destroy(tooLarge(options.maxBytes));
      return;
    }
    resolve({
      status: response.statusCode ?? 0,
      headers: joinHeaders(response.headers),
      body: capped(response, options.maxBytes, request, fate),
    });
  });
  request.end(options.body);
  return promise;
}

function requestHeaders({ options, authorization }: OneRequest): Record<string, string> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = value;
  // These are ours to set: they could carry credentials onwards or name another host.
  for (const name of ['host', 'authorization', 'cookie', 'connection', 'content-length'])
    delete headers[name];
  if (authorization) headers.authorization = authorization;
  if (options.body !== undefined) headers['content-length'] = String(Buffer.byteLength(options.body));
  return headers;
}

/** The body as it comes, ended with an error at the first byte too many. Errors of the request end it too. */
function capped(
  response: http.IncomingMessage,
  maxBytes: number,
  request: http.ClientRequest,
  fate: () => Disposition,
): Readable {
  const body = new PassThrough();
  let seen = 0;
  let complete = false;
  response.on('data', (chunk: Buffer) => {
    seen += chunk.length;
    if (seen > maxBytes) {
      body.destroy(tooLarge(maxBytes));
      return;
    }
    if (!body.write(chunk)) response.pause();
  });
  body.on('drain', () => response.resume());
  response.on('end', () => {
    complete = true;
    body.end();
  });
  const fail = (error: Error | undefined) => {
    if (!complete && !body.destroyed)
      body.destroy(connectionError(error ?? new Error('closed early'), fate()));
  };
  // A request destroyed while its answer is being read gives its error to the answer, not to itself.
  response.on('error', fail);
  request.on('error', fail);
  response.on('close', () => fail(response.errored ?? undefined));
  body.on('close', () => {
    if (!complete) request.destroy();
  });
  return body;
}

function joinHeaders(headers: http.IncomingHttpHeaders): Record<string, string> {
  const joined: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) joined[name] = Array.isArray(value) ? value.join(', ') : value;
  return joined;
}

const forbidden = (message: string): ChannelError =>
  new ChannelError('address_forbidden', 'permanent', message);
const tooLarge = (maxBytes: number): ChannelError =>
  new ChannelError('media_too_large', 'permanent', `More than ${maxBytes} bytes.`);
const timedOut = (disposition: Disposition): ChannelError =>
  new ChannelError('timed_out', disposition, 'The other side did not answer in time.');

function connectionError(error: Error, disposition: Disposition): ChannelError {
  if (error instanceof ChannelError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  return new ChannelError(
    'connection_failed',
    disposition,
    'The connection to the other side could not be made, or broke.',
    { ...(code ? { providerCode: code } : {}), cause: error },
  );
}
