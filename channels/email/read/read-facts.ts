import {
  ADDRESSES_MAX,
  type Address,
  type MailEnvelope,
  type MessageEvent,
  SUBJECT_MAX_CHARS,
} from '../../../src/contract/index.ts';
import { domainOf, isOwn, type OwnAddresses } from '../addresses.ts';
import { decodeWords, type Headers, oneLine } from './headers.ts';
import { SUBJECT_FIELD_CHARS_MAX } from './limits.ts';
import { addressOf, mailboxOf, readAddresses } from './read-addresses.ts';
import { readClaims } from './read-claims.ts';
import { readDate } from './read-date.ts';
import { idOfReturnPath, readIds, readMessageId, readTokens } from './read-thread.ts';

/** A mail that was passed on more often goes round in circles (RFC 5321 section 6.3 asks for at least 100; few need 15). */
const HOPS_MAX = 50;

/** The author of a mail that names none. */
export const UNKNOWN_SENDER = 'unknown@invalid';

export type Facts = Pick<
  MessageEvent,
  'thread' | 'sender' | 'recipients' | 'replyTo' | 'sentAt' | 'subject' | 'inReplyTo' | 'claims'
> & {
  messageId: string | undefined;
  /** The message whose return path this mail came to. */
  returnPathToken: string | undefined;
  flags: string[];
};

export interface ReadingConfig extends OwnAddresses {
  trustedAuthserv?: string;
}

/** What the header and the envelope say. */
export function readFacts(headers: Headers, envelope: MailEnvelope, config: ReadingConfig): Facts {
  const flags: string[] = [];
  const sender = readSender(headers, envelope, flags);
  if (isOwn(sender.value, config)) flags.push('from-own-address');
  if (headers.lines.filter(({ key }) => key === 'received').length > HOPS_MAX) flags.push('too-many-hops');
  const recipients = readRecipients(headers, flags);
  const tokens = readTokens(headers, envelope, recipients, config);
  const references = readIds(headers, 'references');
  const inReplyTo = readIds(headers, 'in-reply-to');
  if (references.cut || inReplyTo.cut) flags.push('references-cut');
  if (tokens.message) {
    const answered = idOfReturnPath(tokens.message, config);
    if (![...inReplyTo.ids, ...references.ids].includes(answered)) inReplyTo.ids.unshift(answered);
  }
  const messageId = readMessageId(headers);
  if (!messageId) flags.push('message-id-missing');
  const sentAt = readDate(headers.first('date'));
  if (!sentAt) flags.push(headers.has('date') ? 'date-unreadable' : 'date-missing');
  const replyTo = readReplyTo(headers, sender, flags);
  const subject = readSubject(headers);
  const claims = readClaims(headers.lines, config.trustedAuthserv, sender.value);
  return {
    messageId,
    returnPathToken: tokens.message,
    flags,
    sender,
    recipients,
    thread: { ...(tokens.conversation ? { token: tokens.conversation } : {}), references: references.ids },
    inReplyTo: inReplyTo.ids,
    ...(replyTo.length ? { replyTo } : {}),
    ...(sentAt ? { sentAt } : {}),
    ...(subject !== undefined ? { subject } : {}),
    ...(claims ? { claims } : {}),
  };
}

/** The author stands in From and nowhere else; several of them are flagged, and the first one counts. */
function readSender(headers: Headers, envelope: MailEnvelope, flags: string[]): Address {
  const fields = headers.all('from');
  const { addresses } = readAddresses(headers, 'from');
  if (fields.length > 1 || addresses.length > 1) flags.push('from-several');
  if (addresses[0]) return addresses[0];
  flags.push(fields.length ? 'from-unreadable' : 'from-missing');
  const returnPath = envelope.from === undefined ? headers.first('return-path') : envelope.from;
  const value = mailboxOf(returnPath);
  if (value) return addressOf(value);
  flags.push('sender-unknown');
  return addressOf(UNKNOWN_SENDER, fields[0] && decodeWords(fields[0]));
}

function readRecipients(headers: Headers, flags: string[]): MessageEvent['recipients'] {
  const to = readAddresses(headers, 'to');
  const cc = readAddresses(headers, 'cc');
  const seen = new Set(to.addresses.map(({ value }) => value));
  const all = [
    ...to.addresses.map((address) => ({ ...address, role: 'to' as const })),
    ...cc.addresses
      .filter(({ value }) => !seen.has(value))
      .map((address) => ({ ...address, role: 'cc' as const })),
  ];
  if (to.cut || cc.cut || all.length > ADDRESSES_MAX) flags.push('recipients-cut');
  return all.slice(0, ADDRESSES_MAX);
}

function readReplyTo(headers: Headers, sender: Address, flags: string[]): Address[] {
  const { addresses } = readAddresses(headers, 'reply-to');
  if (addresses.every(({ value }) => value === sender.value)) return [];
  if (addresses.some(({ value }) => domainOf(value) !== domainOf(sender.value)))
    flags.push('reply-to-other-domain');
  return addresses;
}

function readSubject(headers: Headers): string | undefined {
  const value = headers.first('subject');
  if (value === undefined) return undefined;
  return oneLine(decodeWords(value.slice(0, SUBJECT_FIELD_CHARS_MAX)))
    .slice(0, SUBJECT_MAX_CHARS)
    .toWellFormed();
}
