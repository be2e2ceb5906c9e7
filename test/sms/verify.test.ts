import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Expected, verify } from '../../channels/sms/verify.ts';
import type { HttpEnvelope } from '../../src/contract/index.ts';
import { inboundParams, type Params, signedGet, signedJson, signedSms } from '../support/signed-sms.ts';

const FORM = 'application/x-www-form-urlencoded';

/** Cases of the signature test of Twilio's own SDK (twilio-node, spec/validation.spec.js), values as published there. */
describe("Twilio's own vectors", () => {
  const call: Params = {
    CallSid: 'CA1234567890ABCDE',
    Caller: '+14158675309',
    Digits: '1234',
    From: '+14158675309',
    To: '+18005551212',
  };
  const json = '{"property": "value", "boolean": true}';
  const hash = '0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620';
  const emptyHash = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';
  const base = 'https://mycompany.com/myapp.php';
  const query = 'foo=1&bar=2';
  const addresses = ['+1325xxxxxxx', '+1415xxxxxxx'];

  const vectors: {
    name: string;
    url?: string;
    query?: string;
    params?: Params;
    json?: string;
    signature: string;
  }[] = [
    { name: 'a plain form', params: call, signature: 'RSOYDt4T1cUTdK1PDd93/VVr8B8=' },
    {
      name: 'https with a port that was not signed',
      url: 'https://mycompany.com:1234/myapp.php',
      params: call,
      signature: 'RSOYDt4T1cUTdK1PDd93/VVr8B8=',
    },
    {
      name: 'http with a port that was signed',
      url: 'http://mycompany.com:1234/myapp.php',
      params: call,
      signature: 'Zmvh+3yNM1Phv2jhDCwEM3q5ebU=',
    },
    { name: 'https signed with :443', params: call, signature: 'kvajT1Ptam85bY51eRf/AJRuM3w=' },
    {
      name: 'http signed with :80',
      url: 'http://mycompany.com/myapp.php',
      params: call,
      signature: '0ZXoZLH/DfblKGATFgpif+LLRf4=',
    },
    {
      name: 'user and password in the URL',
      url: 'https://user:pass@mycompany.com/myapp.php',
      params: call,
      signature: 'CukzLTc1tT5dXEDIHm/tKBanW10=',
    },
    {
      name: 'a user in the URL',
      url: 'https://user@mycompany.com/myapp.php',
      params: call,
      signature: '2YRLlVAflCqxaNicjMpJcSTgzSs=',
    },
    {
      name: 'user and password, signed with :443',
      url: 'https://user:pass@mycompany.com/myapp.php',
      params: call,
      signature: 'ZQFR1PTIZXF2MXB8ZnKCvnnA+rI=',
    },
    {
      name: 'an apostrophe and a plus in the query',
      query: `${query}&Body=It's+amazing`,
      params: call,
      signature: 'dsq4Ehbj6cs+KdTkpF5sSSplOWw=',
    },
    {
      name: 'a repeated key',
      params: { 'MessagingBinding.Address': addresses },
      signature: '83O6e2vORAoJHUNzJjDWN1jz+BA=',
    },
    {
      name: 'a repeated key in another order',
      params: { 'MessagingBinding.Address': addresses.toReversed() },
      signature: '83O6e2vORAoJHUNzJjDWN1jz+BA=',
    },
    {
      name: 'the same value twice, and keys that begin alike',
      params: { Sid: 'CA123', SidAccount: 'AC123', Digits: ['5678', '1234', '1234'] },
      signature: 'IK+Dwps556ElfBT0I3Rgjkr1wJU=',
    },
    {
      name: 'a hashed body',
      query: `${query}&bodySHA256=${hash}`,
      json,
      signature: 'a9nBmqA0ju/hNViExpshrM61xv4=',
    },
    {
      name: 'a hashed body and no other query',
      query: `bodySHA256=${hash}`,
      json,
      signature: 'y77kIzt2vzLz71DgmJGsen2scGs=',
    },
    {
      name: 'a hashed empty object',
      query: `${query}&bodySHA256=${emptyHash}`,
      json: '{}',
      signature: 'Ldidvp12m26NI7eqEvxnEpkd9Hc=',
    },
  ];

  const expected = (hookUrl: string): Expected => ({ authToken: '12345', accountSid: 'AC1', hookUrl });
  const requestOf = (vector: (typeof vectors)[number], signature: string): [HttpEnvelope, Buffer] => {
    const form = new URLSearchParams();
    for (const [key, value] of Object.entries(vector.params ?? {}))
      for (const one of Array.isArray(value) ? value : [value]) form.append(key, one);
    return [
      {
        via: 'http',
        method: 'POST',
        path: `/hooks/any?${vector.query ?? query}`,
        headers: { 'content-type': vector.json ? 'application/json' : FORM, 'x-twilio-signature': signature },
      },
      Buffer.from(vector.json ?? form.toString()),
    ];
  };

  test.each(vectors)('takes $name', (vector) => {
    expect(verify(expected(vector.url ?? base), ...requestOf(vector, vector.signature))).toMatchObject({
      ok: true,
    });
  });

  test.each(vectors)('refuses $name under another token, URL or signature', (vector) => {
    const url = vector.url ?? base;
    const refused = { ok: false, status: 403, code: 'signature_invalid' };
    const genuine = requestOf(vector, vector.signature);
    expect(verify({ ...expected(url), authToken: '12346' }, ...genuine)).toMatchObject(refused);
    expect(verify(expected(url.replace('myapp', 'myApp')), ...genuine)).toMatchObject(refused);
    expect(verify(expected(url), ...requestOf(vector, 'RSOYDt4T1cUTdK1PDd93/VVr8B9='))).toMatchObject(
      refused,
    );
  });

  test('a hash that fits the signature but not the body is refused as such', () => {
    const [request] = requestOf(vectors[12]!, vectors[12]!.signature);
    expect(verify(expected(base), request, Buffer.from(`${json} `))).toMatchObject({
      ok: false,
      status: 403,
      code: 'body_hash_mismatch',
    });
  });
});

const accountSid = `AC${'5'.repeat(32)}`;
const authToken = 'cafebabe';
const hookUrl = 'https://desk.example.com/hooks/sms';
const expected: Expected = { authToken, accountSid, hookUrl };
const sms = { accountSid, from: '+6281234567890', to: '+15005550006', body: 'Halo' };
const envelope = (path: string, headers: Record<string, string>, method = 'POST'): HttpEnvelope => ({
  via: 'http',
  method,
  path,
  headers,
});

describe('what names a delivery', () => {
  test("each of Twilio's attempts has the same signed part, whatever else changes in its headers", () => {
    const params = inboundParams(sms);
    const [first, second] = [1, 2].map(() => {
      const sent = signedSms({ authToken, url: hookUrl, params });
      return verify(expected, envelope('/hooks/sms', sent.headers), Buffer.from(sent.body));
    });
    expect(first).toMatchObject({ ok: true });
    expect(second).toEqual(first);
  });

  test('two messages with the same words have different signed parts', () => {
    const parts = [1, 2].map(() => {
      const sent = signedSms({ authToken, url: hookUrl, params: inboundParams(sms) });
      const verdict = verify(expected, envelope('/hooks/sms', sent.headers), Buffer.from(sent.body));
      return verdict.ok && verdict.signedPart;
    });
    expect(parts[0]).not.toBe(parts[1]);
  });

  test('the query takes part: the same status for two of our tokens is two deliveries', () => {
    const parts = ['a', 'b'].map((token) => {
      const sent = signedSms({ authToken, url: `${hookUrl}?m=${token}`, params: inboundParams(sms) });
      const verdict = verify(
        expected,
        envelope(`/hooks/sms?m=${token}`, sent.headers),
        Buffer.from(sent.body),
      );
      return verdict.ok && verdict.signedPart;
    });
    expect(parts[0]).toBe(`${hookUrl}?m=a${String(parts[0]).slice(hookUrl.length + 4)}`);
    expect(parts[0]).not.toBe(parts[1]);
  });
});

describe('genuine requests in unusual clothes', () => {
  const bodies: { name: string; params: Params }[] = [
    {
      name: 'emoji, umlauts and Chinese',
      params: { ...inboundParams(sms), Body: '👩‍👩‍👧 Grüße 你好 \u0000 ☎' },
    },
    {
      name: 'blanks and line ends at the edges',
      params: { ...inboundParams(sms), Body: '  hi \r\n there \n' },
    },
    { name: 'signs that forms encode', params: { ...inboundParams(sms), Body: '100% a+b=c & d?/#' } },
    { name: 'an empty body', params: { ...inboundParams(sms), Body: '' } },
    {
      name: 'a parameter named as an object’s own',
      params: { ...inboundParams(sms), constructor: 'x', toString: 'y' },
    },
    { name: 'numbers as names', params: { ...inboundParams(sms), 10: 'x', 9: 'y' } },
    {
      name: 'a parameter that Twilio adds tomorrow',
      params: { ...inboundParams(sms), ReferralNumMedia: '0' },
    },
  ];

  test.each(bodies)('a form with $name', ({ params }) => {
    const sent = signedSms({ authToken, url: hookUrl, params });
    expect(verify(expected, envelope('/hooks/sms', sent.headers), Buffer.from(sent.body))).toMatchObject({
      ok: true,
    });
  });

  test('a form with __proto__ among its names, which must be a name like any other', () => {
    const params = JSON.parse('{"__proto__":"x","Body":"hi"}') as Params;
    const sent = signedSms({ authToken, url: hookUrl, params });
    expect(verify(expected, envelope('/hooks/sms', sent.headers), Buffer.from(sent.body))).toMatchObject({
      ok: true,
    });
  });

  test('any text that a customer can type', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (Body) => {
        const sent = signedSms({ authToken, url: hookUrl, params: { ...inboundParams(sms), Body } });
        expect(verify(expected, envelope('/hooks/sms', sent.headers), Buffer.from(sent.body)).ok).toBe(true);
      }),
    );
  });

  test('a form without a content type, as some proxies leave it', () => {
    const sent = signedSms({ authToken, url: hookUrl, params: inboundParams(sms) });
    const { 'content-type': _, ...headers } = sent.headers;
    expect(verify(expected, envelope('/hooks/sms', headers), Buffer.from(sent.body)).ok).toBe(true);
  });
});

describe('what is refused, and under which code', () => {
  const genuine = signedSms({ authToken, url: hookUrl, params: inboundParams(sms) });
  const { headers } = genuine;
  const refusals: {
    name: string;
    request: HttpEnvelope;
    body: string | Buffer;
    status: number;
    code: string;
  }[] = [
    {
      name: 'no signature',
      request: envelope('/hooks/sms', { 'content-type': FORM }),
      body: genuine.body,
      status: 403,
      code: 'signature_missing',
    },
    {
      name: 'another method',
      request: envelope('/hooks/sms', headers, 'PUT'),
      body: genuine.body,
      status: 405,
      code: 'method_not_allowed',
    },
    {
      name: 'a truncated escape',
      request: envelope('/hooks/sms', headers),
      body: `${genuine.body}&x=%E2%8`,
      status: 400,
      code: 'malformed_form',
    },
    {
      name: 'bytes that are no UTF-8',
      request: envelope('/hooks/sms', headers),
      body: Buffer.concat([Buffer.from(genuine.body), Buffer.from([0xff, 0xfe])]),
      status: 400,
      code: 'malformed_form',
    },
    {
      name: 'thousands of parameters',
      request: envelope('/hooks/sms', headers),
      body: 'a=1&'.repeat(5000),
      status: 400,
      code: 'malformed_form',
    },
    {
      name: 'a multipart body',
      request: envelope('/hooks/sms', { ...headers, 'content-type': 'multipart/form-data; boundary=x' }),
      body: genuine.body,
      status: 415,
      code: 'content_type_unsupported',
    },
    {
      name: 'JSON whose hash nobody signed',
      request: envelope('/hooks/sms', { ...headers, 'content-type': 'application/json' }),
      body: '{"Body":"pay me"}',
      status: 403,
      code: 'body_not_signed',
    },
    {
      name: 'one letter changed',
      request: envelope('/hooks/sms', headers),
      body: genuine.body.replace('Body=Halo', 'Body=Hal0'),
      status: 403,
      code: 'signature_invalid',
    },
  ];

  test.each(refusals)('$name: $status $code', ({ request, body, status, code }) => {
    expect(verify(expected, request, Buffer.from(body))).toMatchObject({ ok: false, status, code });
  });

  test('a request that is genuine for another account under the same token: form, JSON and GET', () => {
    const params = { ...inboundParams(sms), AccountSid: `AC${'6'.repeat(32)}` };
    const foreign = { ok: false, status: 403, code: 'account_mismatch' };
    const form = signedSms({ authToken, url: hookUrl, params });
    expect(verify(expected, envelope('/hooks/sms', form.headers), Buffer.from(form.body))).toMatchObject(
      foreign,
    );
    const json = signedJson({ authToken, url: hookUrl, body: JSON.stringify(params) });
    const path = json.url.slice(json.url.indexOf('/hooks'));
    expect(verify(expected, envelope(path, json.headers), Buffer.from(json.body))).toMatchObject(foreign);
    const get = signedGet({ authToken, url: hookUrl, params });
    const getPath = get.url.slice(get.url.indexOf('/hooks'));
    expect(verify(expected, envelope(getPath, get.headers, 'GET'), Buffer.alloc(0))).toMatchObject(foreign);
  });

  test('a body smuggled into a genuine GET', () => {
    const get = signedGet({ authToken, url: hookUrl, params: inboundParams(sms) });
    const path = get.url.slice(get.url.indexOf('/hooks'));
    expect(verify(expected, envelope(path, get.headers, 'GET'), Buffer.from('Body=pay+me'))).toMatchObject({
      ok: false,
      code: 'body_not_signed',
    });
  });

  test('reasons hold neither the token nor the customer’s words', () => {
    for (const { request, body } of refusals) {
      const verdict = JSON.stringify(verify(expected, request, Buffer.from(body)));
      expect(verdict).not.toContain(authToken);
      expect(verdict).not.toContain('Halo');
    }
  });
});
