/** An outbound message as nodemailer wants it. Pure, save that attachments are opened when they are read. */
import { Readable } from 'node:stream';
import type { SendMailOptions } from 'nodemailer';
import {
  type Address,
  ChannelError,
  type OutboundAttachment,
  type OutboundMessage,
} from '../../src/contract/index.ts';
import { domainOf, messageIdOf, replyAddress, returnPath } from './addresses.ts';
import type { EmailConfig } from './config.ts';
import { shortenReferences } from './references.ts';

/**
 * One bare address, no syntax around it: what nodemailer would take apart (commas, brackets, quotes, line breaks)
 * could name another recipient than the one meant. Quoted local parts are refused; hardly anyone has one.
 */
const SAFE_ADDRESS = /^[^\s"(),:;<>@[\\\]\p{Cc}]+@[^\s"(),:;<>@[\\\]\p{Cc}]+$/u;
const ADDRESS_MAX_CHARS = 254;
const REPLY_PREFIXES = /^(?:\s*(?:re|aw|antw|sv|vs|odp|r|rv|回复|答复)(?:\s*\[\d+\])?\s*[:：]\s*)+/iu;
const SUBJECT_OF_NONE = 'your message';

export interface ComposedMail {
  messageId: string;
  options: SendMailOptions & { envelope: { from: string; to: string[] } };
}

/** Throws ChannelError `recipient_invalid` for an address that is none. */
export function composeMail(message: OutboundMessage, config: EmailConfig, now: Date): ComposedMail {
  const to = message.to.map(safeAddress);
  const cc = message.cc.map(safeAddress);
  const recipients = [...new Set([...to, ...cc].map((each) => each.address))];
  if (recipients.length === 0)
    throw new ChannelError('recipient_invalid', 'permanent', 'The mail has no recipient.');
  const messageId = messageIdOf(message.token, domainOf(config.address));
  const references = shortenReferences(message.references, message.inReplyTo);
  const answered = references.at(-1);
  return {
    messageId,
    options: {
      from: { name: config.name ?? '', address: config.address },
      to,
      ...(cc.length ? { cc } : {}),
      replyTo: { name: config.name ?? '', address: replyAddress(config.address, message.replyToken) },
      subject: subjectOf(message),
      date: now,
      messageId,
      ...(answered && message.inReplyTo ? { inReplyTo: answered } : {}),
      ...(references.length ? { references } : {}),
      text: message.text,
      ...(message.html === undefined ? {} : { html: message.html }),
      attachments: message.attachments.map(attach),
      envelope: { from: returnPath(config.address, message.token), to: recipients },
      // Used where the server offers DSN (RFC 3461): its reports then name the mail by our token.
      dsn: { id: message.token, return: 'headers', notify: ['failure', 'delay'] },
      headers: message.automatic ? automaticHeaders(config.address) : {},
      xMailer: false,
      disableFileAccess: true,
      disableUrlAccess: true,
    },
  };
}

function safeAddress({ kind, value, name }: Address): { name: string; address: string } {
  if (kind !== 'email' || value.length > ADDRESS_MAX_CHARS || !SAFE_ADDRESS.test(value))
    throw new ChannelError(
      'recipient_invalid',
      'permanent',
      'A recipient is no plain email address, as in "ana@example.com".',
    );
  return { name: oneLine(name ?? ''), address: value };
}

/** RFC 3834, sections 3.1.7 and 5. A reply that an agent typed carries none of them. */
const automaticHeaders = (address: string): Record<string, string> => ({
  'Auto-Submitted': 'auto-replied',
  'X-Auto-Response-Suppress': 'All',
  'X-Loop': address,
});

function subjectOf({ subject, inReplyTo, references }: OutboundMessage): string {
  const given = oneLine(subject ?? '');
  if (inReplyTo === undefined && references.length === 0) return given || SUBJECT_OF_NONE;
  return `Re: ${given.replace(REPLY_PREFIXES, '').trim() || SUBJECT_OF_NONE}`;
}

const oneLine = (words: string): string => words.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();

function attach(attachment: OutboundAttachment) {
  return {
    filename: oneLine(attachment.name) || 'attachment',
    contentType: oneLine(attachment.type) || 'application/octet-stream',
    ...(attachment.contentId ? { cid: oneLine(attachment.contentId).replace(/[<>]/g, '') } : {}),
    content: Readable.from(open(attachment), { objectMode: false }),
  };
}

/** Opened when the mail's turn comes: what is never sent is never read. */
async function* open(attachment: OutboundAttachment): AsyncGenerator<Buffer> {
  yield* await attachment.open();
}
