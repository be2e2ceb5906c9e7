import { randomBytes } from 'node:crypto';
import type { Arrival } from '../../src/contract/index.ts';
import { SMS_INBOX } from './desk.ts';

/** An SMS as the webhook hands it to intake, once its signature has been checked. */
export function smsArrival(sms: { from: string; text: string; sid?: string; receivedAt?: Date }): Arrival {
  const params = new URLSearchParams({
    MessageSid: sms.sid ?? `SM${randomBytes(16).toString('hex')}`,
    AccountSid: SMS_INBOX.accountSid,
    From: sms.from,
    To: SMS_INBOX.from,
    Body: sms.text,
    NumMedia: '0',
  });
  const body = params.toString();
  return {
    envelope: {
      via: 'http',
      method: 'POST',
      path: '/hooks/sms-en',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    },
    body: Buffer.from(body),
    key: { signedPart: body },
    ...(sms.receivedAt ? { receivedAt: sms.receivedAt } : {}),
  };
}
