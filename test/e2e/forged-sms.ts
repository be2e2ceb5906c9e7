/** Requests that look as if Twilio had made them, each wrong in one way, and how each is refused. */
import type { HookRequest } from '../support/earshot.ts';
import type { FakeTwilio } from '../support/fake-twilio.ts';
import { inboundParams, signedJson, signedSms } from '../support/signed-sms.ts';
import { OUR_NUMBER } from './customer-sms.ts';

/** The webhook takes 256 KiB. */
const TOO_LARGE_BYTES = 256 * 1024 + 1;

interface Target {
  /** As Twilio was told. */
  hookUrl: string;
  /** The same hook at the address that only the proxy knows. */
  behindProxy: string;
}

interface Forgery {
  status: number;
  code: string;
  request(twilio: Account, target: Target): HookRequest;
}

type Account = Pick<FakeTwilio, 'accountSid' | 'authToken'>;

export function genuineSms(
  { accountSid, authToken }: Account,
  target: Pick<Target, 'hookUrl'>,
  changes: Record<string, string> = {},
) {
  const sms = { accountSid, from: '+15551230001', to: OUR_NUMBER, body: 'pay me' };
  const { headers, body } = signedSms({
    authToken,
    url: target.hookUrl,
    params: { ...inboundParams(sms), ...changes },
  });
  return { headers, body };
}

const without = (name: string, headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));

export const FORGERIES: Record<string, Forgery> = {
  'signed with another token': {
    status: 403,
    code: 'signature_invalid',
    request: ({ accountSid }, target) => genuineSms({ accountSid, authToken: 'another-token' }, target),
  },
  'cut off in the middle': {
    status: 403,
    code: 'signature_invalid',
    request: (twilio, target) => {
      const { headers, body } = genuineSms(twilio, target);
      return { headers, body: body.slice(0, body.indexOf('FromCountry')) };
    },
  },
  'cut off amid an escape': {
    status: 400,
    code: 'malformed_form',
    request: (twilio, target) => {
      const { headers, body } = genuineSms(twilio, target, { Zest: '%' });
      return { headers, body: body.slice(0, -1) };
    },
  },
  'too large': {
    status: 413,
    code: 'body_too_large',
    request: (twilio, target) => genuineSms(twilio, target, { Body: 'x'.repeat(TOO_LARGE_BYTES) }),
  },
  'signed for another URL': {
    status: 403,
    code: 'signature_invalid',
    request: (twilio, { hookUrl }) => genuineSms(twilio, { hookUrl: `${hookUrl}/other` }),
  },
  'signed for the address behind the proxy': {
    status: 403,
    code: 'signature_invalid',
    request: (twilio, { behindProxy }) => genuineSms(twilio, { hookUrl: behindProxy }),
  },
  'signed for the host that a header claims': {
    status: 403,
    code: 'signature_invalid',
    request: (twilio, target) => {
      const { headers, body } = genuineSms(twilio, {
        hookUrl: `https://evil.example${new URL(target.hookUrl).pathname}`,
      });
      return {
        headers: { ...headers, 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
        body,
      };
    },
  },
  'of another account': {
    status: 403,
    code: 'account_mismatch',
    request: (twilio, target) => genuineSms(twilio, target, { AccountSid: `AC${'f'.repeat(32)}` }),
  },
  'without a signature': {
    status: 403,
    code: 'signature_missing',
    request: (twilio, target) => {
      const { headers, body } = genuineSms(twilio, target);
      return { headers: without('x-twilio-signature', headers), body };
    },
  },
  'with one letter changed': {
    status: 403,
    code: 'signature_invalid',
    request: (twilio, target) => {
      const { headers, body } = genuineSms(twilio, target);
      return { headers, body: body.replace('pay+me', 'pay+my') };
    },
  },
  'with one bit of the signature flipped': {
    status: 403,
    code: 'signature_invalid',
    request: (twilio, target) => {
      const { headers, body } = genuineSms(twilio, target);
      const bytes = Buffer.from(headers['x-twilio-signature']!, 'base64');
      bytes[0]! ^= 1;
      return { headers: { ...headers, 'x-twilio-signature': bytes.toString('base64') }, body };
    },
  },
  'with a parameter more': {
    status: 403,
    code: 'signature_invalid',
    request: (twilio, target) => {
      const { headers, body } = genuineSms(twilio, target);
      return { headers, body: `${body}&Role=admin` };
    },
  },
  'JSON with another body than the signed one': {
    status: 403,
    code: 'body_hash_mismatch',
    request: (twilio, target) => {
      const signed = signedJson({
        authToken: twilio.authToken,
        url: target.hookUrl,
        body: '{"a":1}',
      });
      return { query: new URL(signed.url).search, headers: signed.headers, body: '{"a":2}' };
    },
  },
  'of a kind that Twilio never sends': {
    status: 415,
    code: 'content_type_unsupported',
    request: (twilio, target) => {
      const { headers, body } = genuineSms(twilio, target);
      return { headers: { ...headers, 'content-type': 'multipart/form-data; boundary=x' }, body };
    },
  },
};
