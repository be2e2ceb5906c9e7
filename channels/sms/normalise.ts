/**
 * What a webhook of Twilio's says: https://www.twilio.com/docs/messaging/guides/webhook-request (messages) and
 * .../guides/track-outbound-message-status (status callbacks). New parameters appear without notice.
 */
import {
  type Address,
  type Attachment,
  type InboundEvent,
  NO_PARTS,
  type Normalised,
  type RawInbound,
  type ReceiptEvent,
} from '../../src/contract/index.ts';
import { describeDelivery } from './errors.ts';
import { consentOf, isAlsoAnAnswer } from './keywords.ts';
import { mediaName } from './media-name.ts';
import { type Params, readDelivery } from './read-params.ts';

/** Goes up whenever the same bytes are read differently. */
export const PARSER_VERSION = 1;

/** Twilio sends ten at most; a lying NumMedia must not make us count for ever. */
const MEDIA_MAX = 50;
const SID_MAX_CHARS = 200;
const ADDRESS_MAX_CHARS = 512;
const REASON_MAX_CHARS = 2000;
const CODE_MAX_CHARS = 64;

const TOKEN_PATTERN = /^[a-z0-9]{1,256}$/;
/** `whatsapp:+49…`, `rcs:agent`, `messenger:…`: Twilio's other channels, each an inbox of its own kind. */
const OTHER_CHANNEL = /^([a-z]{2,20}):/i;

const RECEIPT_STATUS: Readonly<Record<string, ReceiptEvent['status']>> = {
  accepted: 'accepted',
  scheduled: 'accepted',
  queued: 'accepted',
  sending: 'accepted',
  sent: 'sent',
  partially_delivered: 'sent',
  delivered: 'delivered',
  read: 'read',
  undelivered: 'failed',
  failed: 'failed',
  canceled: 'failed',
};
const INBOUND_STATUSES = ['received', 'receiving'];

export async function normalise(raw: RawInbound): Promise<Normalised> {
  const { elements, query } = await readDelivery(raw);
  return { events: elements.flatMap((params) => eventsOf(params, query)), parts: NO_PARTS };
}

function eventsOf(params: Params | undefined, query: Params): InboundEvent[] {
  if (!params) return [ignored('A batch element that holds no parameters')];
  const sid = params.get('MessageSid') || params.get('SmsSid') || params.get('SmsMessageSid');
  if (!sid) return [ignored('Neither a message nor a status: MessageSid is missing')];
  if (sid.length > SID_MAX_CHARS) return [ignored('The MessageSid is longer than any of Twilio')];
  const status = (params.get('MessageStatus') || params.get('SmsStatus') || 'received').toLowerCase();
  return INBOUND_STATUSES.includes(status) ? messageOf(sid, params) : [receiptOf(sid, status, params, query)];
}

function messageOf(sid: string, params: Params): InboundEvent[] {
  const from = params.get('From') ?? '';
  const to = params.get('To') ?? '';
  const sender = phone(from);
  if (typeof sender === 'string') return [ignored(`From: ${sender}`)];
  const recipient = to === '' ? undefined : phone(to);
  if (typeof recipient === 'string') return [ignored(`To: ${recipient}`)];

  const text = params.get('Body') ?? '';
  const attachments = attachmentsOf(params);
  const consent = consentOf(text, params.get('OptOutType'));
  const events: InboundEvent[] = [];
  // Its own key: where the message is kept too, neither must count as a repetition of the other.
  if (consent) events.push({ type: 'consent', sender, consent, dedupeKey: `${sid}:consent`, text });
  if (consent && attachments.length === 0 && !isAlsoAnAnswer(text)) return events;
  events.push({
    type: 'message',
    externalId: sid,
    dedupeKey: sid,
    // One conversation a sender: which of our numbers was written to is a matter of the inbox.
    thread: { key: sender.value, references: [] },
    sender,
    recipients: recipient ? [{ ...recipient, role: 'to' }] : [],
    text,
    attachments,
    inReplyTo: [],
    automation: 'none',
    ...contextOf(params, attachments.length),
  });
  return events;
}

/** The address, or why it is none of this channel's. */
function phone(value: string): Address | string {
  if (value === '') return 'the number is missing';
  const prefix = OTHER_CHANNEL.exec(value)?.[1];
  if (prefix) return `an address of ${prefix.toLowerCase()}, which is no SMS`;
  if (value.length > ADDRESS_MAX_CHARS) return 'longer than any number';
  return { kind: 'phone', value };
}

function attachmentsOf(params: Params): Attachment[] {
  const attachments: Attachment[] = [];
  for (let index = 0; index < MEDIA_MAX; index++) {
    const url = params.get(`MediaUrl${index}`);
    if (!url) break;
    const type = (params.get(`MediaContentType${index}`) || 'application/octet-stream').slice(0, 128);
    attachments.push({ name: mediaName(url, type, index), type, remote: { url } });
  }
  return attachments;
}

function contextOf(params: Params, mediaFound: number): { context?: Record<string, unknown> } {
  const context: Record<string, unknown> = {};
  const place = compact({
    city: params.get('FromCity'),
    state: params.get('FromState'),
    zip: params.get('FromZip'),
    country: params.get('FromCountry'),
  });
  if (place) context.senderPlace = place;
  const segments = Number(params.get('NumSegments'));
  if (Number.isInteger(segments) && segments > 1) context.segments = segments;
  const mediaSaid = Number(params.get('NumMedia'));
  if (Number.isInteger(mediaSaid) && mediaSaid > mediaFound) context.flags = ['media-missing'];
  return Object.keys(context).length > 0 ? { context } : {};
}

function compact(values: Record<string, string | undefined>): Record<string, string> | undefined {
  const entries = Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

function receiptOf(sid: string, twilioStatus: string, params: Params, query: Params): InboundEvent {
  const status = Object.hasOwn(RECEIPT_STATUS, twilioStatus) ? RECEIPT_STATUS[twilioStatus] : undefined;
  if (!status) return ignored(`An unknown status: ${twilioStatus.slice(0, 40)}`);
  const token = query.get('m') ?? '';
  const recipient = phone(params.get('To') ?? '');
  const code = params.get('ErrorCode')?.slice(0, CODE_MAX_CHARS);
  return {
    type: 'receipt',
    about: { externalIds: [sid], ...(TOKEN_PATTERN.test(token) ? { token } : {}) },
    status,
    ...(typeof recipient === 'string' ? {} : { recipient }),
    ...(status === 'failed' ? failureOf(twilioStatus, code, params.get('ErrorMessage')) : {}),
  };
}

function failureOf(
  twilioStatus: string,
  code: string | undefined,
  theirWords: string | undefined,
): Partial<ReceiptEvent> {
  if (twilioStatus === 'canceled') return { permanent: true, reason: 'The message was cancelled at Twilio.' };
  if (!code || code === '0')
    return { reason: (theirWords || `Twilio says: ${twilioStatus}`).slice(0, REASON_MAX_CHARS) };
  const { permanent, reason } = describeDelivery(code);
  return {
    code,
    permanent,
    reason: reason ?? (theirWords || `Error ${code} of Twilio`).slice(0, REASON_MAX_CHARS),
  };
}

const ignored = (reason: string): InboundEvent => ({ type: 'ignored', reason });
