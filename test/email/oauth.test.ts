import { once } from 'node:events';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { SMTPServer } from 'smtp-server';
import { emailConfigSchema } from '../../channels/email/config.ts';
import { createImapSource } from '../../channels/email/imap/source.ts';
import { IMAP_TIMING } from '../../channels/email/imap/timing.ts';
import { createAccessTokens } from '../../channels/email/oauth.ts';
import { createSender } from '../../channels/email/send.ts';
import { ChannelError, type GuardedFetch } from '../../src/contract/index.ts';
import { outboundMessage } from '../contract/channel-deps.ts';
import { startDovecot } from '../support/dovecot.ts';
import { startProxy } from '../support/proxy.ts';
import { createDeps, createRecorder, sampleMail, until } from './harness.ts';

const never = new AbortController().signal;

describe('access tokens', () => {
  const oauth = { tokenUrl: 'https://login.example/token', clientId: 'c', refreshToken: 'r' };
  const answering = (status: number, body: string) => {
    const asked: string[] = [];
    const fetch: GuardedFetch = async (_url, { body: form }) => {
      asked.push(String(form));
      return { status, headers: {}, body: Readable.from([Buffer.from(body)]) };
    };
    return { asked, fetch };
  };

  test('a token is kept until shortly before it ends', async () => {
    let now = 0;
    const { asked, fetch } = answering(200, '{"access_token":"t","expires_in":3600}');
    const tokens = createAccessTokens(oauth, fetch, () => new Date(now));
    expect(await tokens.get(never)).toBe('t');
    now = 3_500_000;
    await tokens.get(never);
    expect(asked).toHaveLength(1);
    now = 3_550_000;
    await tokens.get(never);
    expect(asked).toHaveLength(2);
    expect(asked[0]).toContain('grant_type=refresh_token');
  });

  test('a refused refresh token is for the operator, an endpoint that is away is not', async () => {
    const failing = async (status: number, body: string) => {
      const tokens = createAccessTokens(oauth, answering(status, body).fetch, () => new Date());
      return await tokens.get(never).catch((error) => error);
    };
    expect(await failing(400, '{"error":"invalid_grant"}')).toMatchObject({ code: 'credentials_rejected' });
    expect(await failing(200, '<html>')).toMatchObject({ code: 'credentials_rejected' });
    const away = await failing(503, '');
    expect(away).toBeInstanceOf(ChannelError);
    expect(away).toMatchObject({ code: 'provider_unavailable', disposition: 'transient' });
  });

  test('the mailbox is read with the token, and a fresh one once that has ended', async () => {
    const good = new Set(['first']);
    const asked: string[] = [];
    const introspection = createServer((request, response) => {
      text(request).then((form) => {
        const token = new URLSearchParams(form).get('token')!;
        asked.push(token);
        response.setHeader('content-type', 'application/json').setHeader('connection', 'close');
        response.end(JSON.stringify({ active: good.has(token), username: 'support' }));
      });
    }).listen(0, '127.0.0.1');
    await once(introspection, 'listening');
    const url = `http://127.0.0.1:${(introspection.address() as { port: number }).port}/`;
    const dovecot = await startDovecot({ support: 'unused' }, url);
    const proxy = await startProxy(dovecot.port);
    const config = emailConfigSchema.parse({
      address: 'support@desk.example',
      imap: { host: '127.0.0.1', port: proxy.port, secure: false, user: 'support', oauth },
    });
    let given = 'first';
    const fetch: GuardedFetch = async () => ({
      status: 200,
      headers: {},
      body: Readable.from([Buffer.from(JSON.stringify({ access_token: given, expires_in: 3600 }))]),
    });
    const { deps, health } = createDeps({ fetch });
    const recorder = createRecorder();
    const abort = new AbortController();
    const timing = { ...IMAP_TIMING, reconnectMs: 100, refusedMs: 100, refusedMaxMs: 300 };
    const source = createImapSource({ ...config, imap: config.imap! }, deps, timing);
    const done = source.run(recorder.record, abort.signal);
    try {
      await dovecot.deliver('support', sampleMail(1));
      await until('the mail', () => recorder.kept.length === 1);
      good.clear();
      proxy.cut();
      await until('the alarm', () => health.at(-1)?.code === 'credentials_rejected');
      given = 'second';
      good.add('second');
      await dovecot.deliver('support', sampleMail(2));
      await until('the next mail', () => recorder.kept.length === 2);
      expect(asked.at(-1)).toBe('second');
    } finally {
      abort.abort();
      await done;
      await proxy.close();
      await dovecot.dispose();
      introspection.close();
    }
  });

  test('replies log in with the token (XOAUTH2)', async () => {
    const logins: unknown[] = [];
    const server = new SMTPServer({
      disabledCommands: ['STARTTLS'],
      authMethods: ['XOAUTH2'],
      allowInsecureAuth: true,
      logger: false,
      closeTimeout: 100,
      onAuth: ({ username, accessToken }, _session, done) => {
        logins.push([username, accessToken]);
        done(null, { user: username });
      },
      onData: (stream, _session, done) => stream.on('end', () => done()).resume(),
    });
    server.listen(0, '127.0.0.1');
    await once(server.server, 'listening');
    const { port } = server.server.address() as { port: number };
    const config = emailConfigSchema.parse({
      address: 'a@b.example',
      listen: { port: 0 },
      smtp: { host: '127.0.0.1', port, user: 'a@b.example', oauth },
    });
    const { fetch } = answering(200, '{"access_token":"fresh","expires_in":3600}');
    const { deps } = createDeps({ fetch });
    const sender = createSender({ ...config, smtp: config.smtp! }, deps, deps.health);
    try {
      await sender.send(outboundMessage({ to: [{ kind: 'email', value: 'ana@customer.example' }] }), never);
      expect(logins).toEqual([['a@b.example', 'fresh']]);
    } finally {
      sender.close();
      await new Promise<void>((resolve) => server.close(resolve));
    }
  });
});
