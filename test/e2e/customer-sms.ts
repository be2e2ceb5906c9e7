/** Customers who write by SMS, through a stand-in for Twilio that posts what they write to the inbox's hook. */
import type { Answer, EarshotProcess } from '../support/earshot.ts';
import type { FakeTwilio } from '../support/fake-twilio.ts';

export const OUR_NUMBER = '+15005550006';

export const smsConfig = ({ accountSid, authToken, url }: FakeTwilio, apiBaseUrl = url) => ({
  accountSid,
  authToken,
  from: OUR_NUMBER,
  apiBaseUrl,
});

type Sms = Omit<Parameters<FakeTwilio['receive']>[0], 'to'>;

/** Answers what Twilio hears. */
export async function writeSms(
  earshot: EarshotProcess,
  twilio: FakeTwilio,
  inbox: string,
  sms: Sms,
): Promise<Answer> {
  const publicUrl = earshot.env.PUBLIC_URL ?? earshot.url;
  const { headers, body } = twilio
    .receive({ ...sms, to: OUR_NUMBER })
    .signedFor(`${publicUrl}/hooks/${inbox}`);
  return earshot.hook(inbox, { headers, body });
}

export const sentBodies = ({ messages }: FakeTwilio, to?: string): string[] =>
  messages
    .filter((it) => it.direction === 'outbound-api' && (to === undefined || it.to === to))
    .map(({ body }) => body);
