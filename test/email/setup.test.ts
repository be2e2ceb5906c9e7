import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { emailConfigSchema, withSmtpUrl } from '../../channels/email/config.ts';
import { createHealthParts } from '../../channels/email/health.ts';
import { email } from '../../channels/email/index.ts';
import type { ProbeStep } from '../../src/contract/index.ts';
import { type Dovecot, startDovecot } from '../support/dovecot.ts';
import { freePort } from '../support/free-port.ts';
import { createDeps, createRecorder, sampleMail, until } from './harness.ts';

const never = new AbortController().signal;

describe('the configuration of an email inbox', () => {
  const problems = (config: unknown) =>
    emailConfigSchema.safeParse(config).error?.issues.map(({ path, message }) => [path.join('.'), message]);

  test('a mistake is named with its field and with what is wanted', () => {
    expect(problems({ address: 'support', listen: { port: 2525 } })).toEqual([
      ['address', expect.stringContaining('support@example.com')],
    ]);
    expect(problems({ address: 'a@b.example' })).toEqual([['', expect.stringContaining('"imap"')]]);
    const imap = { host: 'h', user: 'u' };
    expect(problems({ address: 'a@b.example', imap })).toEqual([
      ['imap.pass', expect.stringContaining('"oauth"')],
    ]);
  });

  test('ports follow from secure where they are left out', () => {
    const imap = { host: 'h', user: 'u', pass: 'p' };
    const parse = (secure: boolean) =>
      emailConfigSchema.parse({
        address: 'a@b.example',
        imap: { ...imap, secure },
        smtp: { host: 'h', secure },
      });
    expect([parse(true).imap?.port, parse(true).smtp?.port]).toEqual([993, 465]);
    expect([parse(false).imap?.port, parse(false).smtp?.port]).toEqual([143, 587]);
  });

  test('SMTP_URL stands in for a missing smtp only, and a wrong one is refused in words', () => {
    const config = { address: 'a@b.example', listen: { port: 2525 } };
    const filled = withSmtpUrl(config, { SMTP_URL: 'smtps://us%40er:p%3Ass@mail.example:1465' });
    expect(emailConfigSchema.parse(filled).smtp).toMatchObject({
      host: 'mail.example',
      port: 1465,
      secure: true,
      user: 'us@er',
      pass: 'p:ss',
    });
    const own = { ...config, smtp: { host: 'own.example' } };
    expect(withSmtpUrl(own, { SMTP_URL: 'smtp://mail.example' })).toBe(own);
    expect(problems(withSmtpUrl(config, { SMTP_URL: 'mail.example:25' }))).toEqual([
      ['smtp', expect.stringContaining('smtp://')],
    ]);
  });

  test('every secret of the schema is listed as one', () => {
    expect(email.secrets).toEqual(
      expect.arrayContaining(['imap.pass', 'smtp.pass', 'imap.oauth.refreshToken', 'dkim.privateKey']),
    );
  });
});

describe('the health of an inbox with several parts', () => {
  test('a working mailbox does not hide that replies are refused', () => {
    const { deps, health } = createDeps();
    const part = createHealthParts(deps.health);
    part('smtp').failing('credentials_rejected', 'no');
    part('imap').ok();
    expect(health.at(-1)).toMatchObject({ ok: false, code: 'credentials_rejected' });
    part('smtp').ok();
    expect(health.at(-1)).toMatchObject({ ok: true });
  });
});

describe('inbox test and trigger', () => {
  let dovecot: Dovecot;
  beforeAll(async () => {
    dovecot = await startDovecot({ support: 'secret' });
  });
  afterAll(async () => {
    await dovecot.dispose();
  });

  async function probe(changes: Record<string, unknown>): Promise<ProbeStep[]> {
    const config = email.configSchema.parse({
      address: 'support@desk.example',
      imap: {
        host: '127.0.0.1',
        port: dovecot.port,
        secure: false,
        user: 'support',
        pass: 'secret',
        ...changes,
      },
      smtp: { host: '127.0.0.1', port: 1 },
    });
    const channel = email.open(config, createDeps().deps);
    try {
      return await Array.fromAsync(channel.probe!(never));
    } finally {
      await channel.close();
    }
  }

  test('says of each step how it went, names what folders there are, and touches nothing', async () => {
    await dovecot.deliver('support', sampleMail(1));
    const steps = await probe({ folders: ['INBOX', 'Sales'] });
    expect(steps).toMatchObject([
      { step: 'imap login', ok: true },
      { step: 'imap folder INBOX', ok: true, detail: '1 mails.' },
      { step: 'imap folder Sales', ok: false, detail: expect.stringContaining('INBOX') },
      { step: 'smtp', ok: false },
    ]);
    expect(await dovecot.flags('support')).toEqual([[]]);
  });

  test('a wrong password is told as such, without the password', async () => {
    const [login] = await probe({ pass: 'wrong-password' });
    expect(login).toMatchObject({ step: 'imap login', ok: false });
    expect(login!.detail).toContain('password');
    expect(login!.detail).not.toContain('wrong-password');
  });

  test('the trigger brings a sample mail into the listener', async () => {
    const config = email.configSchema.parse({
      address: 'support@desk.example',
      listen: { port: await freePort() },
    });
    const { deps, health } = createDeps();
    const channel = email.open(config, deps);
    const recorder = createRecorder();
    const abort = new AbortController();
    const done = channel.sources![0]!.run(recorder.record, abort.signal);
    try {
      await until('the listener is bound', () => health.some(({ ok }) => ok));
      const target = { hookUrl: '', publicHookUrl: '', host: '127.0.0.1', now: new Date() };
      const said = await email.triggers!.inbound!(config, target);
      await email.triggers!.inbound!(config, { ...target, text: 'My own words.' });
      expect(recorder.kept).toHaveLength(2);
      expect(said).toContain('support@desk.example');
      expect(recorder.kept[1]!.text).toContain('My own words.');
    } finally {
      abort.abort();
      await done;
      await channel.close();
    }
  });
});
