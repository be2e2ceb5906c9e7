/** Webhooks as Twilio makes them, signed by Twilio's own SDK. */
import { createHash, randomBytes } from 'node:crypto';
import webhooks from 'twilio/lib/webhooks/webhooks.js';

export type Params = Record<string, string | string[]>;

export interface SignedRequest {
  url: string;
  method: 'POST' | 'GET';
  headers: Record<string, string>;
  body: string;
}

/** A form POST to `url`, which is the address that Twilio was told (query included). */
export function signedSms(options: { authToken: string; url: string; params: Params }): SignedRequest {
  const form = new URLSearchParams();
  for (const [key, value] of Object.entries(options.params))
    for (const one of Array.isArray(value) ? value : [value]) form.append(key, one);
  return {
    url: options.url,
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
      'user-agent': 'TwilioProxy/1.1',
      'i-twilio-idempotency-token': randomBytes(16).toString('hex'),
      'x-twilio-signature': webhooks.getExpectedTwilioSignature(
        options.authToken,
        options.url,
        options.params,
      ),
    },
    body: form.toString(),
  };
}

/** A JSON POST: the URL carries the hash of the body, the signature covers the URL. */
export function signedJson(options: { authToken: string; url: string; body: string }): SignedRequest {
  const hash = createHash('sha256').update(options.body).digest('hex');
  const url = `${options.url}${options.url.includes('?') ? '&' : '?'}bodySHA256=${hash}`;
  return {
    url,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-twilio-signature': webhooks.getExpectedTwilioSignature(options.authToken, url, {}),
    },
    body: options.body,
  };
}

/** A GET, where every parameter is in the signed URL. */
export function signedGet(options: { authToken: string; url: string; params: Params }): SignedRequest {
  const query = new URLSearchParams(options.params as Record<string, string>).toString();
  const url = `${options.url}${options.url.includes('?') ? '&' : '?'}${query}`;
  return {
    url,
    method: 'GET',
    headers: { 'x-twilio-signature': webhooks.getExpectedTwilioSignature(options.authToken, url, {}) },
    body: '',
  };
}

export interface InboundSms {
  accountSid: string;
  from: string;
  to: string;
  body: string;
  sid?: string;
  messagingServiceSid?: string;
  media?: { url: string; type: string }[];
}

/** What Twilio posts for a message that came in. */
export function inboundParams(sms: InboundSms): Record<string, string> {
  const sid = sms.sid ?? newSid(sms.media?.length ? 'MM' : 'SM');
  const params: Record<string, string> = {
    ToCountry: 'US',
    ToState: 'CA',
    SmsMessageSid: sid,
    NumMedia: String(sms.media?.length ?? 0),
    ToCity: '',
    FromZip: '94107',
    SmsSid: sid,
    FromState: 'CA',
    SmsStatus: 'received',
    FromCity: 'SAN FRANCISCO',
    Body: sms.body,
    FromCountry: 'US',
    To: sms.to,
    ToZip: '',
    NumSegments: '1',
    MessageSid: sid,
    AccountSid: sms.accountSid,
    From: sms.from,
    ApiVersion: '2010-04-01',
  };
  if (sms.messagingServiceSid) params.MessagingServiceSid = sms.messagingServiceSid;
  for (const [index, { url, type }] of (sms.media ?? []).entries()) {
    params[`MediaUrl${index}`] = url;
    params[`MediaContentType${index}`] = type;
  }
  return params;
}

export interface StatusOfSms {
  accountSid: string;
  sid: string;
  status: string;
  from: string;
  to: string;
  errorCode?: number;
  messagingServiceSid?: string;
}

/** What Twilio posts to StatusCallback. */
export function statusParams(sms: StatusOfSms): Record<string, string> {
  return {
    ...(sms.errorCode ? { ErrorCode: String(sms.errorCode) } : {}),
    SmsSid: sms.sid,
    SmsStatus: sms.status,
    MessageStatus: sms.status,
    To: sms.to,
    MessageSid: sms.sid,
    AccountSid: sms.accountSid,
    From: sms.from,
    ApiVersion: '2010-04-01',
    ...(sms.messagingServiceSid ? { MessagingServiceSid: sms.messagingServiceSid } : {}),
  };
}

export const newSid = (prefix: string): string => prefix + randomBytes(16).toString('hex');
