import type { MessageEvent } from '../../../src/contract/index.ts';
import { domainOf } from '../addresses.ts';
import { type HeaderLine, headersOf } from './headers.ts';

type Claims = NonNullable<MessageEvent['claims']>;
const FIELDS_MAX = 10;

/**
 * What our own border says of SPF, DKIM and DMARC (RFC 8601): only fields under its authserv-id, the topmost ones,
 * down to the Received that the border wrote itself. Whatever stands below came with the mail, and may be forged.
 */
export function readClaims(
  lines: readonly HeaderLine[],
  trustedAuthserv: string | undefined,
  sender: string,
): Claims | undefined {
  if (!trustedAuthserv) return undefined;
  const claims: Claims = {};
  let fields = 0;
  for (const line of lines) {
    if (fields > 0 && line.key === 'received') break;
    if (line.key !== 'authentication-results') continue;
    const value = withoutComments(headersOf([line]).first(line.key) ?? '');
    const [id = '', ...results] = value.split(';');
    if (id.trim().split(/\s+/)[0]?.toLowerCase() !== trustedAuthserv.toLowerCase()) continue;
    if (++fields > FIELDS_MAX) break;
    for (const result of results) take(claims, result, sender);
  }
  return Object.keys(claims).length ? claims : undefined;
}

function take(claims: Claims, result: string, sender: string): void {
  const match = /^\s*(spf|dkim|dmarc)(?:\s*\/\s*\d+)?\s*=\s*([a-z]{1,16})\b/i.exec(result);
  if (!match) return;
  const method = match[1]!.toLowerCase() as keyof Claims;
  const verdict = match[2]!.toLowerCase();
  const from = /\bheader\.from\s*=\s*"?([^\s;"]+)/i.exec(result)?.[1]?.toLowerCase();
  // A verdict on another domain than that of the author says nothing about the author.
  if (
    method === 'dmarc' &&
    from !== undefined &&
    from !== domainOf(sender) &&
    domainOf(from) !== domainOf(sender)
  )
    return;
  if (claims[method] === undefined || (method === 'dkim' && verdict === 'pass')) claims[method] = verdict;
}

function withoutComments(value: string): string {
  let depth = 0;
  let out = '';
  for (const char of value) {
    if (char === '(') depth++;
    else if (char === ')') depth = Math.max(0, depth - 1);
    else if (depth === 0) out += char;
  }
  return out;
}
