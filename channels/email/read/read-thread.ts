import { createHash } from 'node:crypto';
import { type Address, type MailEnvelope, REFERENCES_MAX } from '../../../src/contract/index.ts';
import {
  CONVERSATION_TOKEN,
  domainOf,
  isOwn,
  MESSAGE_TOKEN,
  messageIdOf,
  type OwnAddresses,
  readPlus,
} from '../addresses.ts';
import { decodeWords, type Headers } from './headers.ts';
import { HEADER_BYTES_MAX } from './limits.ts';
import { readAddresses } from './read-addresses.ts';

const ID_CHARS_MAX = 998;

/** Ids in a field (RFC 5322 section 3.6.4), with angle brackets, as written; a blank inside comes from folding. */
export function messageIdsIn(value: string): string[] {
  const bracketed = value.match(/<[^<>]+>/g)?.map((id) => id.replace(/\s+/g, ''));
  const ids =
    bracketed ??
    value
      .split(/[\s,;]+/)
      .filter((word) => /^[^\s<>@]+@[^\s<>@]+$/.test(word))
      .map((id) => `<${id}>`);
  return ids.filter((id) => id.length > 2 && id.length <= ID_CHARS_MAX).map((id) => id.toWellFormed());
}

/** All ids of all fields of that name; of too many the first, which began the thread, and the last. */
export function readIds(headers: Headers, key: string): { ids: string[]; cut: boolean } {
  const ids = headers.all(key, HEADER_BYTES_MAX).flatMap((value) => messageIdsIn(decodeWords(value)));
  if (ids.length <= REFERENCES_MAX) return { ids, cut: false };
  return { ids: [...ids.slice(0, REFERENCES_MAX / 2), ...ids.slice(-REFERENCES_MAX / 2)], cut: true };
}

/** The mail's own id; undefined where it has none that can be used. */
export const readMessageId = (headers: Headers): string | undefined =>
  headers.all('message-id').flatMap((value) => messageIdsIn(decodeWords(value)))[0];

/** An id for a mail without one, made from its bytes. */
export const idOfBytes = (sha256: string): string => `<${sha256}@missing.invalid>`;

export interface Tokens {
  /** Of a conversation: somebody answered to a reply address. */
  conversation?: string;
  /** Of a message: something came back to a return path. */
  message?: string;
}

/** Tokens in the plus parts of our own addresses, wherever a recipient is named. */
export function readTokens(
  headers: Headers,
  envelope: MailEnvelope,
  visible: readonly Address[],
  own: OwnAddresses,
): Tokens {
  const named = [
    ...envelope.to,
    ...visible.map(({ value }) => value),
    ...['delivered-to', 'x-original-to', 'x-envelope-to', 'bcc'].flatMap((key) =>
      readAddresses(headers, key).addresses.map(({ value }) => value),
    ),
  ];
  const tokens: Tokens = {};
  for (const address of named) {
    const { plus } = readPlus(address);
    if (plus === undefined || !isOwn(address, own)) continue;
    if (CONVERSATION_TOKEN.test(plus)) tokens.conversation ??= plus;
    else if (MESSAGE_TOKEN.test(plus)) tokens.message ??= plus;
  }
  return tokens;
}

/** The Message-ID of the message whose return path this mail came to: answering machines write there (RFC 3834). */
export const idOfReturnPath = (token: string, own: OwnAddresses): string =>
  messageIdOf(token, domainOf(own.address));

/** What makes it the same mail, whichever way it came: its id (else its subject), author, date and words. */
export function dedupeKeyOf(headers: Headers, bodyHash: string): string {
  const id = readMessageId(headers);
  const parts = [
    id ?? collapse(headers.first('subject')),
    collapse(headers.first('from')),
    collapse(headers.first('date')),
    bodyHash,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

const collapse = (value: string | undefined): string => (value ?? '').replace(/\s+/g, ' ').trim();
