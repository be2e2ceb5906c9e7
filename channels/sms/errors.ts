/**
 * Twilio's error codes and what follows from each: https://www.twilio.com/docs/api/errors. Codes of 20xxx and 21xxx
 * answer a request; those of 30xxx come later, with a status callback. A code that is not here is judged by the HTTP
 * status; at delivery it counts as permanent, since Twilio itself has given up.
 */
import { ChannelError, type ChannelErrorCode, type Disposition } from '../../src/contract/index.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const CREDENTIALS_RETRY_MS = 15 * MINUTE_MS;
const RETRY_AFTER_MAX_MS = 24 * 60 * MINUTE_MS;

export interface ErrorRow {
  code: ChannelErrorCode;
  disposition: Disposition;
  /** What it means and what to do, in one sentence for the agent. */
  meaning: string;
  retryAfterMs?: number;
}

const row = (code: ChannelErrorCode, disposition: Disposition, meaning: string): ErrorRow => ({
  code,
  disposition,
  meaning,
});
const refused = (code: ChannelErrorCode, meaning: string): ErrorRow => row(code, 'permanent', meaning);
const later = (code: ChannelErrorCode, meaning: string): ErrorRow => row(code, 'transient', meaning);
/** An operator mends that; replies wait for it rather than fail, and the inbox is shown as failing. */
const mend = (meaning: string): ErrorRow => ({
  code: 'credentials_rejected',
  disposition: 'transient',
  meaning,
  retryAfterMs: CREDENTIALS_RETRY_MS,
});
const wait = (meaning: string, retryAfterMs: number): ErrorRow => ({
  code: 'rate_limited',
  disposition: 'limited',
  meaning,
  retryAfterMs,
});

export const TWILIO_ERRORS: Readonly<Record<number, ErrorRow>> = Object.freeze({
  10001: mend('The Twilio account is not active.'),
  14107: wait('More than 30 messages between two numbers in 30 seconds.', 30 * SECOND_MS),
  20003: mend('Twilio rejects the account SID, token or API key of this inbox.'),
  20005: mend('The Twilio account is suspended or closed.'),
  20006: refused('permission_denied', 'The Twilio credentials may not send messages.'),
  20008: mend('These are test credentials of Twilio, which send nothing.'),
  20403: refused('permission_denied', 'Twilio forbids this request to the account.'),
  20404: refused('sender_misconfigured', 'Twilio knows no such account or resource; check accountSid.'),
  20429: wait('Too many requests to Twilio at a time.', SECOND_MS),
  20500: later('provider_unavailable', 'Twilio has an internal error.'),
  20503: later('provider_unavailable', 'Twilio is not available at the moment.'),
  21201: refused('recipient_invalid', 'The message names no recipient.'),
  21211: refused('recipient_invalid', 'The number of the recipient is not valid.'),
  21212: refused('sender_misconfigured', 'The number that this inbox sends from is not valid.'),
  21214: refused('recipient_unreachable', 'The number of the recipient cannot be reached.'),
  21217: refused('recipient_invalid', 'The number of the recipient does not look like one.'),
  21219: refused('recipient_unreachable', 'A trial account of Twilio writes to verified numbers only.'),
  21265: refused('recipient_invalid', 'Twilio sends no messages to short codes.'),
  21266: refused('recipient_invalid', 'Sender and recipient are the same number.'),
  21267: refused('sender_misconfigured', 'A trial account of Twilio may not use an alphanumeric sender.'),
  21268: refused('recipient_invalid', 'Premium and information numbers take no messages.'),
  21408: refused(
    'permission_denied',
    'SMS to this country is switched off in the Twilio console (geo permissions).',
  ),
  21601: refused('sender_misconfigured', 'The number of this inbox cannot send SMS.'),
  21602: refused('content_rejected', 'The message has no text.'),
  21603: refused('sender_misconfigured', 'Twilio wants a number to send from.'),
  21604: refused('recipient_invalid', 'The message names no recipient.'),
  21606: refused(
    'sender_misconfigured',
    'The number of this inbox cannot send SMS, or belongs to another account.',
  ),
  21608: refused('recipient_unreachable', 'A trial account of Twilio writes to verified numbers only.'),
  21609: refused('bad_configuration', 'Twilio cannot use our status address; check PUBLIC_URL.'),
  21610: refused('recipient_opted_out', 'The customer has sent STOP; only START from him lifts that.'),
  21611: wait('The queue of the sending number at Twilio is full.', 10 * MINUTE_MS),
  21612: refused('recipient_unreachable', 'Twilio has no route from this sender to this number.'),
  21614: refused('recipient_invalid', 'The number of the recipient is not a mobile number.'),
  21617: refused('content_too_large', 'The text is longer than 1,600 characters.'),
  21619: refused('content_rejected', 'The message has neither text nor media.'),
  21635: refused('recipient_invalid', 'The number of the recipient is a landline.'),
  21657: refused('sender_misconfigured', 'The sender id of this inbox is not valid.'),
  21658: refused('content_too_large', 'A parameter of the message is longer than Twilio takes.'),
  21659: refused('sender_misconfigured', 'The number of this inbox is not one of Twilio.'),
  21660: refused('sender_misconfigured', 'The number of this inbox belongs to another Twilio account.'),
  21661: refused('sender_misconfigured', 'The number of this inbox cannot send SMS.'),
  21701: refused('sender_misconfigured', 'The messaging service of this inbox does not exist.'),
  21703: refused('sender_misconfigured', 'The messaging service has no number that can send this message.'),
  21704: refused('sender_misconfigured', 'The messaging service has no numbers.'),
  21705: refused('sender_misconfigured', 'The messaging service of this inbox is not valid.'),
  21730: later('provider_unavailable', 'Twilio is being maintained.'),
  30001: wait('The queue at Twilio has overflowed.', MINUTE_MS),
  30002: refused('credentials_rejected', 'The Twilio account was suspended.'),
  30003: later('recipient_unreachable', 'The phone is switched off or out of reach.'),
  30004: refused('recipient_unreachable', 'The phone or its carrier blocks this message.'),
  30005: refused('recipient_unreachable', 'The carrier does not know this number (any more).'),
  30006: refused('recipient_unreachable', 'The number is a landline, or its carrier takes no SMS.'),
  30007: refused('content_rejected', 'The carrier filtered the message as unwanted.'),
  30008: later('unknown_error', 'The carrier gave no reason.'),
  30010: refused('content_rejected', 'The message costs more than the limit that was set.'),
  30017: later('provider_unavailable', 'The network of the carrier is congested.'),
  30018: refused('sender_misconfigured', 'This country wants the sender id to be registered first.'),
  30019: refused('content_too_large', 'The content is larger than the carrier takes.'),
  30022: wait('The rate of the registered campaign (A2P 10DLC) is used up.', MINUTE_MS),
  30023: wait('The daily cap of the registered brand (A2P 10DLC) is used up.', 60 * MINUTE_MS),
  30024: refused('sender_misconfigured', 'The number of this inbox is not provisioned at the carrier.'),
  30027: wait("T-Mobile's daily limit for this brand is used up.", 60 * MINUTE_MS),
  30032: refused('sender_misconfigured', 'The toll-free number of this inbox is not verified.'),
  30033: refused('sender_misconfigured', 'The registered campaign (A2P 10DLC) is suspended.'),
  30034: refused('sender_misconfigured', 'The number of this inbox is not registered for A2P 10DLC.'),
  30035: later('sender_misconfigured', 'The number of this inbox is still being registered for A2P 10DLC.'),
  30036: later('recipient_unreachable', 'The message outlived its validity before it could be delivered.'),
  30037: refused('permission_denied', 'Outbound messages are switched off for this account.'),
  30038: refused('content_rejected', 'Twilio took the text for a one-time passcode.'),
  30040: refused('sender_misconfigured', 'This country wants the sender id to be registered first.'),
  30041: refused('sender_misconfigured', 'This country wants the sender to be registered first.'),
  30042: refused(
    'sender_misconfigured',
    'The sender id is blocked: too generic, or with characters not allowed.',
  ),
  30410: row('provider_unavailable', 'unknown', 'The carrier did not answer; the message may have arrived.'),
  30450: later('recipient_unreachable', 'The number is blocked from receiving this message for a while.'),
  30453: later('recipient_unreachable', 'The number cannot be reached for a while.'),
  30454: wait('The account has used up its number of messages.', 60 * MINUTE_MS),
  30485: later('recipient_unreachable', 'The number cannot be reached for a while.'),
  30500: later('provider_unavailable', 'Twilio had an internal error with this message.'),
  63017: wait('The account sends more than its channel allows.', SECOND_MS),
});

/** Of the answer to a request: the code where it is known, else the HTTP status. */
export function fromAnswer(status: number, twilioCode?: number, retryAfter?: string): ChannelError {
  const { code, disposition, meaning, retryAfterMs } = rowOf(status, twilioCode);
  const asked = parseRetryAfter(retryAfter) ?? retryAfterMs;
  return new ChannelError(code, disposition, meaning, {
    providerCode: twilioCode ? String(twilioCode) : `HTTP ${status}`,
    ...(disposition === 'limited' || disposition === 'transient' ? { retryAfterMs: asked } : {}),
  });
}

function rowOf(status: number, twilioCode: number | undefined): ErrorRow {
  const known = twilioCode === undefined ? undefined : TWILIO_ERRORS[twilioCode];
  if (known) return known;
  if (status === 429) return wait('Too many requests to Twilio at a time.', SECOND_MS);
  if (status === 401) return mend('Twilio rejects the credentials of this inbox.');
  if (status === 403) return refused('permission_denied', 'Twilio forbids this request.');
  if (status === 404)
    return refused('sender_misconfigured', 'Twilio knows no such account; check accountSid.');
  if (status === 408 || status === 425)
    return later('provider_unavailable', 'Twilio did not take the request in time.');
  // A gateway that lost its answer may have passed the request on before.
  if (status === 502 || status === 504)
    return row('provider_unavailable', 'unknown', 'A gateway at Twilio lost the answer.');
  if (status >= 500) return later('provider_unavailable', 'Twilio has an internal error.');
  if (status >= 400) return refused('content_rejected', 'Twilio refuses the message.');
  return refused('bad_configuration', 'The answer is none of Twilio; check apiBaseUrl.');
}

/** Seconds or an HTTP date (RFC 9110, section 10.2.3); the date form is rare and left to the default. */
function parseRetryAfter(value: string | undefined): number | undefined {
  const seconds = value === undefined || value.trim() === '' ? Number.NaN : Number(value);
  if (!Number.isFinite(seconds) || seconds < 0) return undefined;
  return Math.min(seconds * SECOND_MS, RETRY_AFTER_MAX_MS);
}

/** Of a failure reported after the message was accepted. `reason` is absent where we know no better words. */
export function describeDelivery(code: string): { permanent: boolean; reason?: string } {
  const known = /^\d{1,6}$/.test(code) ? TWILIO_ERRORS[Number(code)] : undefined;
  return known
    ? { permanent: known.disposition === 'permanent', reason: known.meaning }
    : { permanent: true };
}
