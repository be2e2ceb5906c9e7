import { text } from 'node:stream/consumers';
import type { Twilio } from 'twilio';
import { type ChannelDeps, ChannelError } from '../../src/contract/index.ts';
import { type SmsConfig, TWILIO_API_URL } from './config.ts';
import { fromAnswer } from './errors.ts';

const REQUEST_TIMEOUT_MS = 15_000;
const ANSWER_MAX_BYTES = 4 * 1024 * 1024;

/** What the SDK asks of its transport (twilio/lib/base/RequestClient). */
interface SdkRequest {
  method: string;
  uri: string;
  username?: string;
  password?: string;
  headers?: Record<string, string>;
  params?: object;
  data?: object;
}

export interface RestClient {
  twilio: Twilio;
  /** Header Retry-After of the last answer: the SDK's errors do not carry it. */
  retryAfter(): string | undefined;
}

/**
 * The SDK over our own transport: it obeys the signal, tells a request that has left from one that has not, retries
 * nothing, and goes to apiBaseUrl. A client serves one call; making one costs nothing.
 */
export async function openRestClient(
  config: SmsConfig,
  deps: Pick<ChannelDeps, 'fetch'>,
  signal: AbortSignal,
): Promise<RestClient> {
  // 30 MB and 200 ms that an inbox which only receives never needs.
  const { default: sdk } = await import('twilio');
  let retryAfter: string | undefined;
  const httpClient = {
    async request(request: SdkRequest) {
      const url = withParams(reroute(request.uri, config.apiBaseUrl), request.params);
      const answer = await deps.fetch(url, {
        method: request.method.toUpperCase(),
        headers: stringHeaders(request.headers),
        ...(request.data ? { body: formEncode(request.data) } : {}),
        authorization: basicAuth(request.username ?? '', request.password ?? ''),
        signal,
        maxBytes: ANSWER_MAX_BYTES,
        timeoutMs: REQUEST_TIMEOUT_MS,
        trustedOrigins: [new URL(config.apiBaseUrl).origin],
      });
      retryAfter = answer.headers['retry-after'];
      return { statusCode: answer.status, body: await text(answer.body), headers: answer.headers };
    },
  };
  const twilio = new sdk.Twilio(config.apiKey ?? config.accountSid, config.apiKeySecret ?? config.authToken, {
    accountSid: config.accountSid,
    httpClient: httpClient as unknown as NonNullable<ConstructorParameters<typeof Twilio>[2]>['httpClient'],
    autoRetry: false,
    // An empty environment: TWILIO_REGION and TWILIO_EDGE would change the host behind our back.
    env: {},
  });
  return { twilio, retryAfter: () => retryAfter };
}

/** The same path at apiBaseUrl; untouched where that is Twilio itself (whose products lie on several hosts). */
export function reroute(uri: string, apiBaseUrl: string): string {
  if (new URL(apiBaseUrl).origin === TWILIO_API_URL) return uri;
  const base = new URL(apiBaseUrl);
  const asked = new URL(uri);
  return `${base.origin}${base.pathname.replace(/\/$/, '')}${asked.pathname}${asked.search}`;
}

/** `certainlyUnsent` decides what a garbled answer means: a GET changes nothing, a POST may have. */
export function toChannelError(error: unknown, rest: RestClient | undefined): ChannelError {
  if (error instanceof ChannelError) return error;
  const { status, code } = error as { status?: unknown; code?: unknown };
  if (typeof status === 'number')
    return fromAnswer(status, typeof code === 'number' && code > 0 ? code : undefined, rest?.retryAfter());
  return new ChannelError('unknown_error', 'unknown', 'The answer of Twilio cannot be read.', {
    cause: error,
  });
}

export function basicAuth(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

function withParams(url: string, params: object | undefined): string {
  const query = params ? formEncode(params) : '';
  if (query === '') return url;
  return `${url}${url.includes('?') ? '&' : '?'}${query}`;
}

function formEncode(data: object): string {
  const form = new URLSearchParams();
  for (const [key, value] of Object.entries(data))
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== undefined && one !== null) form.append(key, String(one));
  return form.toString();
}

function stringHeaders(headers: Record<string, unknown> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
  );
}
