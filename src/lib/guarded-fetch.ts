/**
 * HTTP for URLs that strangers chose. Nothing but public addresses is reached (judged on the resolved address that
 * the socket then uses, so a name cannot change its mind in between), with caps on bytes, time and redirects.
 */
import { lookup as systemLookup } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { ChannelError, type GuardedFetch, type GuardedFetchOptions } from '../contract/index.ts';
import { isPublicAddress } from './public-address.ts';
import { forbidden, READING_METHODS, requestOnce } from './request-once.ts';

const REDIRECTS_MAX = 5;
/** Shorter than servers keep a connection, so that a request seldom meets one that is just being closed. */
const KEEP_ALIVE_MS = 4_000;
const WEB_PORTS = ['', '80', '443'];
const REDIRECT_STATUSES = [301, 302, 303, 307, 308];

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
      response.body.destroy();
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
