/** One HTTP request of guarded-fetch, without redirects: capped, timed, and clear about whether it may have been acted on. */
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import {
  ChannelError,
  type Disposition,
  type GuardedFetchOptions,
  type GuardedResponse,
} from '../contract/index.ts';
import { isPublicAddress } from './public-address.ts';

const IDLE_TIMEOUT_MS = 15_000;
const HEADERS_MAX_BYTES = 64 * 1024;
/** Methods that change nothing at the other side: cut, they can be asked again. */
export const READING_METHODS: readonly string[] = ['GET', 'HEAD'];

export interface OneRequest {
  target: URL;
  method: string;
  options: GuardedFetchOptions;
  authorization: string | undefined;
  deadline: AbortSignal;
  agent: http.Agent;
  lookup: LookupFunction;
  publicOnly: boolean;
}

export function requestOnce(one: OneRequest): Promise<GuardedResponse> {
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
  // It may fail before anyone reads it; whoever reads later still gets the error. Unheard, it would end the process.
  body.on('error', () => {});
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

export const forbidden = (message: string): ChannelError =>
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
