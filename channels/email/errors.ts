/**
 * What a failed SMTP send means. A pure table: the server's reply counts before the library's code, since nodemailer
 * says EENVELOPE of a bad address (550) and of a full disk (452) alike.
 */
import { ChannelError, type ChannelErrorCode, type Disposition } from '../../src/contract/index.ts';

/**
 * How far the mail had got. before-end: its last byte had not been handed to the connection, so the server cannot
 * have it (RFC 5321, section 4.1.1.4: nothing is delivered before the final dot). after-end: it may have it.
 */
export type SendPhase = 'before-end' | 'after-end';

/** The fields of nodemailer's errors that are read here. */
export interface SmtpFailure {
  message?: string;
  code?: string;
  command?: string;
  response?: string;
  responseCode?: number;
}

const MINUTE_MS = 60_000;
const BUSY_RETRY_MS = MINUTE_MS;
/** Greylisting lets the same mail in after 5 minutes at most servers. */
const GREYLIST_RETRY_MS = 5 * MINUTE_MS;
/** A wrong password is mended by a person; replies wait for that rather than fail. */
const CREDENTIALS_RETRY_MS = 15 * MINUTE_MS;
const FULL_MAILBOX_RETRY_MS = 60 * MINUTE_MS;
const QUOTA_RETRY_MS = 60 * MINUTE_MS;
/** "554 5.7.1 Relay access denied" has the status of any policy, but means that we may not send through this server. */
const RELAYING =
  /\brelay(ing)?\b.{0,40}\b(denied|prohibited|not (permitted|allowed))|unable to relay|not permitted to relay/i;

interface Meaning {
  code: ChannelErrorCode;
  disposition: Disposition;
  say: string;
  retryAfterMs?: number;
}

const CREDENTIALS: Meaning = {
  code: 'credentials_rejected',
  disposition: 'transient',
  say: 'The mail server refuses our login. Check user and password of "smtp"; the mail waits.',
  retryAfterMs: CREDENTIALS_RETRY_MS,
};
const RECIPIENT_INVALID: Meaning = {
  code: 'recipient_invalid',
  disposition: 'permanent',
  say: 'The address does not exist. Ask the customer for another one.',
};
const SENDER_MISCONFIGURED: Meaning = {
  code: 'sender_misconfigured',
  disposition: 'permanent',
  say: 'The mail server does not accept mail from our address. Check what it, SPF and DKIM allow.',
};
const UNREACHABLE: Meaning = {
  code: 'recipient_unreachable',
  disposition: 'permanent',
  say: "The customer's mailbox takes no mail. Use another channel.",
};
const TOO_LARGE: Meaning = {
  code: 'content_too_large',
  disposition: 'permanent',
  say: 'The mail is larger than the server accepts. Send smaller attachments.',
};
const MAILBOX_FULL: Meaning = {
  code: 'recipient_mailbox_full',
  disposition: 'transient',
  say: "The customer's mailbox is full; the mail is tried again.",
  retryAfterMs: FULL_MAILBOX_RETRY_MS,
};
const REJECTED: Meaning = {
  code: 'content_rejected',
  disposition: 'permanent',
  say: 'The server refuses the mail by its policy. Read its answer, change the text or ask its operator.',
};
const BUSY: Meaning = {
  code: 'rate_limited',
  disposition: 'limited',
  say: 'The server asks us to wait.',
  retryAfterMs: BUSY_RETRY_MS,
};
const TEMPORARY: Meaning = {
  code: 'provider_unavailable',
  disposition: 'transient',
  say: 'The server cannot take the mail now; it is tried again.',
};

/** An enhanced status code (RFC 3463) at the head of a reply, or of the reply to an enhanced question within it. */
const ENHANCED = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/;
/** The table by enhanced status; the first line whose pattern fits counts. */
const BY_ENHANCED: readonly (readonly [RegExp, Meaning])[] = [
  [/^4\.7\.8$/, CREDENTIALS],
  [/^4\.7\./, { ...BUSY, retryAfterMs: GREYLIST_RETRY_MS }],
  [/^[45]\.2\.2$/, MAILBOX_FULL],
  [/^4\.(3\.2|4\.5|5\.3)$/, BUSY],
  [/^4\./, TEMPORARY],
  [/^5\.1\.[78]$/, SENDER_MISCONFIGURED],
  [/^5\.1\./, RECIPIENT_INVALID],
  [/^5\.(2\.3|3\.4)$/, TOO_LARGE],
  // Gmail's daily quota.
  [/^5\.4\.5$/, { ...BUSY, retryAfterMs: QUOTA_RETRY_MS }],
  [/^5\.[234]\./, UNREACHABLE],
  [/^5\.7\.[89]$/, CREDENTIALS],
  [/^5\.7\.2\d$/, SENDER_MISCONFIGURED],
  [/^5\.[567]\./, REJECTED],
];

/** The table by library code, for failures without a reply. */
const BY_CODE: Readonly<Record<string, Meaning>> = {
  EAUTH: CREDENTIALS,
  ENOAUTH: CREDENTIALS,
  EOAUTH2: CREDENTIALS,
  ECONNECTION: connection('connection_failed', 'The connection to the mail server ended.'),
  ESOCKET: connection(
    'connection_failed',
    'The mail server cannot be reached. Check "smtp.host" and "smtp.port".',
  ),
  EDNS: connection('connection_failed', 'The name of the mail server is not found. Check "smtp.host".'),
  ETLS: connection(
    'connection_failed',
    'No TLS with the mail server. Check "smtp.secure" and its certificate.',
  ),
  EPROXY: connection('connection_failed', 'The proxy to the mail server failed.'),
  EPROTOCOL: connection('provider_unavailable', 'The mail server answered with something that is not SMTP.'),
  ETIMEDOUT: connection('timed_out', 'The mail server did not answer in time.'),
  EABORT: connection('aborted', 'Sending was cut off by us.'),
  ESTREAM: {
    code: 'media_unavailable',
    disposition: 'transient',
    say: 'An attachment could not be read; the mail is tried again.',
  },
  EENVELOPE: RECIPIENT_INVALID,
  EMESSAGE: TOO_LARGE,
  EMAXRECIPIENTS: {
    code: 'recipient_invalid',
    disposition: 'permanent',
    say: 'The mail has too many recipients.',
  },
  ECONFIG: badConfiguration('The "smtp" settings are not valid.'),
  EREQUIRETLS: badConfiguration('The mail server does not offer the TLS that was asked for.'),
  EFILEACCESS: REJECTED,
  EURLACCESS: REJECTED,
};

/** Codes after which nobody knows whether the server took the mail, once its last byte had left. */
const MAY_HAVE_ARRIVED: readonly string[] = [
  'ECONNECTION',
  'ESOCKET',
  'ETLS',
  'EPROTOCOL',
  'ETIMEDOUT',
  'EABORT',
];

/** Pure. `providerCode` holds the reply code and the enhanced status, as the server wrote them. */
export function describeSmtpError(failure: SmtpFailure, phase: SendPhase): ChannelError {
  const meaning = failure.responseCode
    ? meaningOfReply(failure.responseCode, failure)
    : meaningWithoutReply(failure, phase);
  const providerCode = codeOfReply(failure) ?? failure.code;
  return new ChannelError(meaning.code, meaning.disposition, sentence(meaning.say, failure), {
    ...(meaning.retryAfterMs === undefined ? {} : { retryAfterMs: meaning.retryAfterMs }),
    ...(providerCode === undefined ? {} : { providerCode }),
    cause: failure,
  });
}

/** "550 5.1.1" of "550 5.1.1 No such user"; undefined without a reply. */
export function codeOfReply({ responseCode, response }: SmtpFailure): string | undefined {
  if (!responseCode) return undefined;
  const enhanced = ENHANCED.exec(response ?? '')?.[1];
  return enhanced ? `${responseCode} ${enhanced}` : String(responseCode);
}

function meaningOfReply(reply: number, { code, command, response = '' }: SmtpFailure): Meaning {
  const atLogin = code === 'EAUTH' || command?.startsWith('AUTH') || [530, 534, 535, 538].includes(reply);
  // A temporary answer to a login says nothing about the password.
  if (atLogin) return reply < 500 ? TEMPORARY : CREDENTIALS;
  if (reply === 421) return BUSY;
  const enhanced = ENHANCED.exec(response)?.[1];
  // The session was in a wrong state; a new one may pass.
  if (reply === 503) return TEMPORARY;
  if (reply >= 500 && RELAYING.test(response)) return SENDER_MISCONFIGURED;
  // Before MAIL FROM a 5xx is about our connection, not about the mail: no reply is lost for a blocked address.
  if (reply >= 500 && ['CONN', 'EHLO', 'HELO', 'STARTTLS', 'RSET'].includes(command ?? ''))
    return {
      code: 'permission_denied',
      disposition: 'transient',
      say: 'The mail server refuses our connection. Ask its operator; the mail waits.',
      retryAfterMs: CREDENTIALS_RETRY_MS,
    };
  const known = enhanced && BY_ENHANCED.find(([pattern]) => pattern.test(enhanced));
  if (known) return known[1];
  if ([450, 451, 452].includes(reply)) return { ...BUSY, retryAfterMs: GREYLIST_RETRY_MS };
  if (reply < 500) return TEMPORARY;
  if (reply === 552) return /quota|full/i.test(response) ? MAILBOX_FULL : TOO_LARGE;
  if (command === 'MAIL FROM') return SENDER_MISCONFIGURED;
  if (command === 'RCPT TO') return reply === 554 ? REJECTED : RECIPIENT_INVALID;
  return REJECTED;
}

function meaningWithoutReply(failure: SmtpFailure, phase: SendPhase): Meaning {
  const code = failure.code ?? '';
  const known = BY_CODE[code];
  if (phase === 'after-end' && (!known || MAY_HAVE_ARRIVED.includes(code)))
    return {
      code: known?.code ?? 'unknown_error',
      disposition: 'unknown',
      say: 'The connection ended after the mail had left, before the server confirmed it. It may have arrived.',
    };
  return known ?? { code: 'unknown_error', disposition: 'transient', say: 'The mail could not be sent.' };
}

function connection(code: ChannelErrorCode, say: string): Meaning {
  return { code, disposition: 'transient', say };
}

function badConfiguration(say: string): Meaning {
  return { code: 'bad_configuration', disposition: 'permanent', say };
}

const REPLY_MAX_CHARS = 300;

function sentence(say: string, { response }: SmtpFailure): string {
  return response ? `${say} (${response.replace(/\s+/g, ' ').slice(0, REPLY_MAX_CHARS)})` : say;
}
