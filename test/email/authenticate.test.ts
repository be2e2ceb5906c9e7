import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { dkimSign } from 'mailauth';
import { authenticate } from '../../channels/email/authenticate.ts';
import type { MailEnvelope } from '../../src/contract/index.ts';
import { fixture, fixtureNames, rawOf, streamed } from './read-harness.ts';

const SIGNAL = new AbortController().signal;
const keys = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const KEY_RECORD = `v=DKIM1; k=rsa; p=${keys.publicKey.toString('base64')}`;
const MAIL =
  'From: A <a@mail.example>\r\nTo: support@shop.example\r\nSubject: Hi\r\nDate: Fri, 2 Jan 2026 10:00:00 +0700\r\nMessage-ID: <1@mail.example>\r\nContent-Type: text/plain\r\n\r\nThe words.\r\n';
const SESSION: Partial<MailEnvelope> = {
  via: 'smtp',
  from: 'a@mail.example',
  to: ['support@shop.example'],
  remoteAddress: '192.0.2.10',
  helo: 'mx.mail.example',
};

/** A DNS of a few TXT records; every other name does not exist. */
function dns(records: Record<string, string>) {
  const asked: string[] = [];
  const resolver = async (name: string, type: string): Promise<string[][]> => {
    asked.push(`${type} ${name}`);
    const found = type === 'TXT' ? records[name.toLowerCase().replace(/\.$/, '')] : undefined;
    if (found === undefined) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    return [[found]];
  };
  return { resolver, asked };
}

const KEY = { 's1._domainkey.mail.example': KEY_RECORD, 's1._domainkey.other.example': KEY_RECORD };
const POLICY = { '_dmarc.mail.example': 'v=DMARC1; p=reject' };
const SPF = { 'mail.example': 'v=spf1 ip4:192.0.2.0/24 -all' };

async function sign(mail: string, domain = 'mail.example', maxBodyLength?: number): Promise<string> {
  const signature = {
    signingDomain: domain,
    selector: 's1',
    privateKey: keys.privateKey,
    algorithm: 'rsa-sha256',
    canonicalization: 'relaxed/relaxed',
    ...(maxBodyLength === undefined ? {} : { maxBodyLength }),
  };
  const { signatures } = await dkimSign(mail, { ...signature, signatureData: [signature] });
  return signatures + mail;
}

const check = (mail: string, records: Record<string, string>, envelope: Partial<MailEnvelope> = {}) =>
  authenticate(rawOf(mail, envelope), { resolver: dns(records).resolver, signal: SIGNAL });

describe('what proves who sent a mail', () => {
  let signed: string;
  beforeAll(async () => {
    signed = await sign(MAIL);
  });

  test('a signature of the domain of From, under its policy', async () => {
    expect(await check(signed, { ...KEY, ...POLICY })).toEqual({
      spf: 'none',
      dkim: 'pass',
      dmarc: 'pass',
      provedDomain: 'mail.example',
    });
  });

  test('the same from a stream, as a big mail is', async () => {
    const raw = streamed(rawOf(signed));
    const verdict = await authenticate(raw, {
      resolver: dns({ ...KEY, ...POLICY }).resolver,
      signal: SIGNAL,
    });
    expect(verdict.provedDomain).toBe('mail.example');
  });

  test('such a signature where the domain publishes no policy', async () => {
    expect(await check(signed, KEY)).toEqual({
      spf: 'none',
      dkim: 'pass',
      dmarc: 'none',
      provedDomain: 'mail.example',
    });
  });

  test('the session it came by, where the policy is aligned with it', async () => {
    expect(await check(MAIL, { ...SPF, ...POLICY }, SESSION)).toEqual({
      spf: 'pass',
      dkim: 'none',
      dmarc: 'pass',
      provedDomain: 'mail.example',
    });
  });
});

describe('what proves nothing', () => {
  test('changed words', async () => {
    const verdict = await check((await sign(MAIL)).replace('The words', 'Other words'), {
      ...KEY,
      ...POLICY,
    });
    expect(verdict).toMatchObject({ dmarc: 'fail' });
    expect(verdict.dkim).not.toBe('pass');
    expect(verdict.provedDomain).toBeUndefined();
  });

  test('a changed author under a genuine signature of another domain', async () => {
    const verdict = await check(await sign(MAIL, 'other.example'), { ...KEY, ...POLICY });
    expect(verdict).toEqual({ spf: 'none', dkim: 'pass', dmarc: 'fail' });
  });

  test('a signature over the beginning of the body only', async () => {
    const verdict = await check(`${await sign(MAIL, 'mail.example', 5)}and more that nobody signed\r\n`, {
      ...KEY,
      ...POLICY,
    });
    expect(verdict).toEqual({ spf: 'none', dkim: 'pass', dmarc: 'pass' });
  });

  test('two From fields', async () => {
    const verdict = await check(`From: b@evil.example\r\n${await sign(MAIL)}`, { ...KEY, ...POLICY });
    expect(verdict).toEqual({ spf: 'none', dkim: 'pass', dmarc: 'none' });
  });

  test('a session from elsewhere', async () => {
    const verdict = await check(MAIL, { ...SPF, ...POLICY }, { ...SESSION, remoteAddress: '203.0.113.9' });
    expect(verdict).toEqual({ spf: 'fail', dkim: 'none', dmarc: 'fail' });
  });

  test('a session that passes for another domain than that of From', async () => {
    const records = { ...POLICY, 'evil.example': 'v=spf1 +all' };
    const verdict = await check(MAIL, records, { ...SESSION, from: 'x@evil.example' });
    expect(verdict).toEqual({ spf: 'pass', dkim: 'none', dmarc: 'fail' });
  });

  test('the word of a trusted border: it is told, and is no proof', async () => {
    const mail = `Authentication-Results: mx.shop.example; spf=pass smtp.mailfrom=mail.example; dmarc=pass header.from=mail.example\r\n${MAIL}`;
    const verdict = await authenticate(rawOf(mail), {
      resolver: dns(POLICY).resolver,
      signal: SIGNAL,
      trustedAuthserv: 'mx.shop.example',
    });
    expect(verdict).toEqual({ spf: 'pass', dkim: 'none', dmarc: 'fail' });
  });
});

describe('checking is bounded and never fails on a mail', () => {
  test('a DNS that does not answer is a temporary error', async () => {
    const resolver = async () => Promise.reject(Object.assign(new Error('timed out'), { code: 'ETIMEOUT' }));
    const verdict = await authenticate(rawOf(await sign(MAIL)), { resolver, signal: SIGNAL });
    expect(verdict).toEqual({ spf: 'none', dkim: 'temperror', dmarc: 'temperror' });
  });

  test('thousands of signatures are not looked up', async () => {
    const { resolver, asked } = dns(KEY);
    const one = 'DKIM-Signature: v=1; a=rsa-sha256; d=mail.example; s=s1; h=from; bh=x; b=y\r\n';
    const verdict = await authenticate(rawOf(one.repeat(3000) + MAIL), { resolver, signal: SIGNAL });
    expect(verdict).toEqual({ spf: 'none', dkim: 'policy', dmarc: 'none' });
    expect(asked).toEqual([]);
  });

  test('a header without end is not checked', async () => {
    const raw = rawOf(`${MAIL.slice(0, 50)}${'x'.repeat(3_000_000)}`);
    expect((await authenticate(raw, { resolver: dns({}).resolver, signal: SIGNAL })).dkim).toBe('permerror');
  });

  test('an abort ends it at once, even when the DNS never answers', async () => {
    const stop = new AbortController();
    const checking = authenticate(rawOf(await sign(MAIL)), {
      resolver: () => {
        stop.abort();
        return new Promise(() => {});
      },
      signal: stop.signal,
    });
    await expect(checking).rejects.toMatchObject({ code: 'aborted' });
  });

  test.each(fixtureNames())('%s proves nothing and throws nothing', async (name) => {
    const verdict = await authenticate(rawOf(fixture(name), { ...SESSION }), {
      resolver: dns({}).resolver,
      signal: SIGNAL,
    });
    expect(verdict.provedDomain).toBeUndefined();
  });
});
