/**
 * Is this request genuinely Twilio's? https://www.twilio.com/docs/usage/webhooks/webhooks-security
 *
 * The signature covers the public URL and, for a form, every parameter; for any other body the URL carries
 * bodySHA256, the hash of the raw bytes. The URL is PUBLIC_URL plus the request's own query, never the Host header:
 * whoever sends the request chooses that.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import webhooks from 'twilio/lib/webhooks/webhooks.js';
import type { HttpEnvelope, Verdict } from '../../src/contract/index.ts';
import { parseForm } from './parse-form.ts';

/** Ten media URLs and 1,600 escaped characters are under 32 KiB; a JSON body has some room. */
export const MAX_BODY_BYTES = 256 * 1024;

export interface Expected {
  authToken: string;
  accountSid: string;
  /** PUBLIC_URL + /hooks/:inbox, as entered at Twilio. */
  hookUrl: string;
}

type Status = Extract<Verdict, { ok: false }>['status'];

export function verify(expected: Expected, request: HttpEnvelope, body: Buffer): Verdict {
  if (!expected.authToken) return refuse(403, 'secret_missing', 'This inbox has no authToken to check with.');
  const method = request.method.toUpperCase();
  if (method !== 'POST' && method !== 'GET')
    return refuse(405, 'method_not_allowed', 'Twilio sends POST or GET.');
  const signature = request.headers['x-twilio-signature'];
  if (!signature) return refuse(403, 'signature_missing', 'The header X-Twilio-Signature is missing.');

  const queryStart = request.path.indexOf('?');
  const query = queryStart === -1 ? '' : request.path.slice(queryStart + 1);
  const url = queryStart === -1 ? expected.hookUrl : `${expected.hookUrl}?${query}`;
  const bodyHash = new URLSearchParams(query).get('bodySHA256');
  if (bodyHash !== null) return verifyHashedBody(expected, signature, url, bodyHash, body);
  if (method === 'GET') return verifyQuery(expected, signature, url, query, body);
  return verifyForm(expected, signature, url, request.headers['content-type'] ?? '', body);
}

function verifyForm(
  expected: Expected,
  signature: string,
  url: string,
  contentType: string,
  body: Buffer,
): Verdict {
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  if (type.endsWith('json'))
    return refuse(403, 'body_not_signed', 'A JSON body needs bodySHA256 in the signed URL.');
  if (type !== '' && type !== 'application/x-www-form-urlencoded')
    return refuse(415, 'content_type_unsupported', 'Twilio sends forms or JSON.');
  const form = parseForm(body);
  if (!form.wellFormed) return refuse(400, 'malformed_form', 'The form is truncated or wrongly encoded.');
  if (!isSigned(expected, signature, url, form.params)) return FORGED;
  if (isForeign(expected, form.params.get('AccountSid')?.[0])) return FOREIGN;
  return { ok: true, signedPart: signedString(url, form.params) };
}

function verifyQuery(
  expected: Expected,
  signature: string,
  url: string,
  query: string,
  body: Buffer,
): Verdict {
  if (body.length > 0) return refuse(403, 'body_not_signed', 'The body of a GET request is not signed.');
  if (!isSigned(expected, signature, url, NO_PARAMS)) return FORGED;
  if (isForeign(expected, parseForm(query).params.get('AccountSid')?.[0])) return FOREIGN;
  return { ok: true, signedPart: url };
}

function verifyHashedBody(
  expected: Expected,
  signature: string,
  url: string,
  bodyHash: string,
  body: Buffer,
): Verdict {
  if (!isSigned(expected, signature, url, NO_PARAMS)) return FORGED;
  const actual = Buffer.from(createHash('sha256').update(body).digest('hex'));
  const claimed = Buffer.from(bodyHash.toLowerCase());
  if (actual.length !== claimed.length || !timingSafeEqual(actual, claimed))
    return refuse(403, 'body_hash_mismatch', 'The body is not the one whose hash was signed.');
  if (isForeign(expected, accountOf(body))) return FOREIGN;
  return { ok: true, signedPart: url };
}

const NO_PARAMS: ReadonlyMap<string, string[]> = new Map();

/** The SDK compares in constant time and tries the URL with and without port and with its query re-encoded. */
function isSigned(
  expected: Expected,
  signature: string,
  url: string,
  params: ReadonlyMap<string, string[]>,
): boolean {
  // Without a prototype a parameter named __proto__ is one like any other.
  const record: Record<string, string | string[]> = Object.create(null);
  for (const [key, values] of params) record[key] = values.length === 1 ? values[0]! : values;
  return webhooks.validateRequest(expected.authToken, signature, url, record);
}

/** What the signature is made over: the same for each of Twilio's attempts, so it names the delivery. */
function signedString(url: string, params: ReadonlyMap<string, string[]>): string {
  let signed = url;
  for (const key of [...params.keys()].sort())
    for (const value of [...new Set(params.get(key))].sort()) signed += key + value;
  return signed;
}

function accountOf(body: Buffer): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    const account = (parsed as { AccountSid?: unknown } | null)?.AccountSid;
    return typeof account === 'string' ? account : undefined;
  } catch {
    return parseForm(body).params.get('AccountSid')?.[0];
  }
}

/** A token is an account's own, yet a message of another account has no business in this inbox. */
function isForeign(expected: Expected, accountSid: string | undefined): boolean {
  return accountSid !== undefined && accountSid !== expected.accountSid;
}

const refuse = (status: Status, code: string, reason: string): Verdict => ({
  ok: false,
  status,
  code,
  reason,
});

const FORGED = refuse(
  403,
  'signature_invalid',
  'The signature does not fit this URL, these parameters and this authToken. Check PUBLIC_URL and the token.',
);
const FOREIGN = refuse(403, 'account_mismatch', 'The request is about another account than the inbox.');
