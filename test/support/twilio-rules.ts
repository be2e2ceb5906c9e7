export interface Refusal {
  status: number;
  code: number;
  message: string;
}

const E164 = /^\+[1-9]\d{6,14}$/;
const BODY_MAX_CHARS = 1600;

/** Why Twilio would not take this message, checked in the order of its own answers. */
export function refusalOf(
  contentType: string,
  params: Record<string, string | string[]>,
  account: { numbers?: string[] | undefined; optedOut: ReadonlySet<string> },
): Refusal | undefined {
  const one = (name: string): string => {
    const value = params[name];
    return (Array.isArray(value) ? value[0] : value) ?? '';
  };
  const bad = (code: number, message: string): Refusal => ({ status: 400, code, message });
  if (!contentType.startsWith('application/x-www-form-urlencoded'))
    return { status: 415, code: 20415, message: 'Unsupported media type' };
  const [to, from, service, body] = [one('To'), one('From'), one('MessagingServiceSid'), one('Body')];
  if (!to) return bad(21604, "A 'To' phone number is required.");
  if (!from && !service) return bad(21603, "A 'From' phone number is required.");
  if (!body && !params.MediaUrl) return bad(21602, 'Message body is required.');
  if (!E164.test(to)) return bad(21211, `Invalid 'To' Phone Number: ${to}`);
  if (from === to) return bad(21266, "'To' and 'From' number cannot be the same");
  if (from && account.numbers && !account.numbers.includes(from))
    return bad(21606, `The 'From' phone number ${from} is not a valid, message-capable Twilio number.`);
  if (service && !/^MG[0-9a-f]{32}$/.test(service))
    return bad(21701, 'The Messaging Service does not exist.');
  if (body.length > BODY_MAX_CHARS)
    return bad(21617, 'The concatenated message body exceeds the 1600 character limit');
  const callback = one('StatusCallback');
  if (callback && !(URL.canParse(callback) && /^https?:/.test(callback)))
    return bad(21609, `The 'StatusCallback' URL ${callback} is not a valid URL.`);
  if (account.optedOut.has(to)) return bad(21610, 'Attempt to send to unsubscribed recipient');
  return undefined;
}
