import { createHmac } from 'node:crypto';

export interface SignedRequest {
  url: string;
  method: 'POST';
  headers: Record<string, string>;
  body: string;
}

/** A form as Twilio posts it to `url`, signed for that very URL (query included). */
export function signForm(authToken: string, url: string, params: Record<string, string>): SignedRequest {
  let signed = url;
  for (const key of Object.keys(params).sort()) signed += key + params[key];
  return {
    url,
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
      'x-twilio-signature': createHmac('sha1', authToken).update(signed, 'utf8').digest('base64'),
    },
    body: new URLSearchParams(params).toString(),
  };
}
