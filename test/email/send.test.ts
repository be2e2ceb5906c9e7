import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { type EmailConfig, emailConfigSchema, type SmtpConfig } from '../../channels/email/config.ts';
import { createSender } from '../../channels/email/send.ts';
import {
  type Address,
  ChannelError,
  type ConversationId,
  type InboxId,
  type MessageId,
  type OutboundMessage,
} from '../../src/contract/index.ts';
import { createDeps } from './harness.ts';

const TOKEN = `m${'1'.repeat(40)}`;
const REPLY_TOKEN = `c${'2'.repeat(40)}`;
const never = new AbortController().signal;

interface Received {
  from: string;
  to: string[];
  raw: Buffer;
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A mail server that keeps what it takes; `options` make it refuse. */
async function startSink(options: SMTPServerOptions = {}) {
  const received: Received[] = [];
  const server = new SMTPServer({
    disabledCommands: options.onAuth ? ['STARTTLS'] : ['AUTH', 'STARTTLS'],
    hideDSN: false,
    closeTimeout: 100,
    logger: false,
    onData(stream, session, done) {
      buffer(stream).then((raw) => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom ? mailFrom.address : '',
          to: rcptTo.map((each) => each.address),
          raw,
        });
        done(null, 'OK queued as TEST1');
      }, done);
    },
    ...options,
  });
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  closing.push(() => new Promise<void>((resolve) => server.close(resolve)));
  return { received, server, port: (server.server.address() as { port: number }).port };
}

/** A server that speaks as it is told, to break off at a certain point. */
async function startScripted(serve: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.setEncoding('utf8');
    serve(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

/** Answers every command with success until `stop` says otherwise. */
function politely(socket: Socket, stop: (line: string) => boolean) {
  let inData = false;
  let rest = '';
  socket.write('220 test\r\n');
  socket.on('data', (text) => {
    rest += text;
    for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 2);
      if (stop(line)) return;
      if (inData && line !== '.') continue;
      if (line === 'DATA') {
        inData = true;
        socket.write('354 go on\r\n');
      } else {
        inData = false;
        socket.write('250 ok\r\n');
      }
    }
  });
}

function senderTo(port: number, given: Record<string, unknown> = {}) {
  const { smtp, ...rest } = given;
  const config = emailConfigSchema.parse({
    address: 'support@desk.example',
    listen: { port: 0 },
    smtp: { host: '127.0.0.1', port, secure: false, ...(smtp as object) },
    ...rest,
  }) as EmailConfig & { smtp: SmtpConfig };
  const { deps, health } = createDeps();
  const sender = createSender(config, deps, deps.health);
  closing.push(() => sender.close());
  return { ...sender, health };
}

const mailTo = (value: string, name?: string): Address => ({
  kind: 'email',
  value,
  ...(name ? { name } : {}),
});

const message = (changes: Partial<OutboundMessage> = {}): OutboundMessage => ({
  id: '0'.repeat(24) as MessageId,
  inbox: 'support' as InboxId,
  conversation: '1'.repeat(24) as ConversationId,
  to: [mailTo('ana@customer.example', 'Ana Pop')],
  cc: [],
  subject: 'Where is my order?',
  text: 'It is on its way.\n',
  attachments: [],
  inReplyTo: '<q2@customer.example>',
  references: ['<q1@customer.example>'],
  token: TOKEN,
  replyToken: REPLY_TOKEN,
  automatic: false,
  piece: { index: 0, count: 1 },
  createdAt: new Date(),
  ...changes,
});

async function failureOf(sending: Promise<unknown>): Promise<ChannelError> {
  const error = await sending.then(
    () => new Error('was sent'),
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(ChannelError);
  return error as ChannelError;
}

describe('a reply on its way out', () => {
  test('answers in the thread, comes back to us, and its bounces name it', async () => {
    const sink = await startSink();
    const sender = senderTo(sink.port, { name: 'Desk Support' });
    const result = await sender.send(
      message({ cc: [mailTo('boss@customer.example')], html: '<p>It is on its <b>way</b>.</p>' }),
      never,
    );
    expect(result).toEqual({
      externalId: `<${TOKEN}@desk.example>`,
      status: 'accepted',
      detail: '250 OK queued as TEST1',
    });
    const [mail] = sink.received;
    expect(mail!.from).toBe(`support+${TOKEN}@desk.example`);
    expect(mail!.to).toEqual(['ana@customer.example', 'boss@customer.example']);
    const parsed = await simpleParser(mail!.raw);
    expect(parsed.messageId).toBe(`<${TOKEN}@desk.example>`);
    expect(parsed.inReplyTo).toBe('<q2@customer.example>');
    expect(parsed.references).toEqual(['<q1@customer.example>', '<q2@customer.example>']);
    expect(parsed.replyTo!.value[0]!.address).toBe(`support+${REPLY_TOKEN}@desk.example`);
    expect(parsed.from!.value[0]).toEqual({ name: 'Desk Support', address: 'support@desk.example' });
    expect(parsed.subject).toBe('Re: Where is my order?');
    expect(parsed.text!.trim()).toBe('It is on its way.');
    expect(parsed.html).toContain('<b>way</b>');
    for (const header of ['auto-submitted', 'x-auto-response-suppress', 'x-loop', 'precedence', 'x-mailer'])
      expect(parsed.headers.has(header)).toBe(false);
  });

  test('an automatic mail says so, or two desks would answer each other for ever', async () => {
    const sink = await startSink();
    await senderTo(sink.port).send(message({ automatic: true }), never);
    const { headers } = await simpleParser(sink.received[0]!.raw);
    expect(headers.get('auto-submitted')).toBe('auto-replied');
    expect(headers.get('x-auto-response-suppress')).toBe('All');
    expect(headers.get('x-loop')).toBe('support@desk.example');
  });

  test('"Re:" stands once, whatever the customer wrote, and only on answers', async () => {
    const sink = await startSink();
    const sender = senderTo(sink.port);
    for (const subject of ['Re: RE: AW: Hello', 'Re[2]: Hello', 'Hello'])
      await sender.send(message({ subject }), never);
    await sender.send(message({ subject: 'Hello', inReplyTo: undefined, references: [] }), never);
    await sender.send(message({ subject: 'Hello\r\nBcc: evil@x.example' }), never);
    const parsed = await Promise.all(sink.received.map(({ raw }) => simpleParser(raw)));
    expect(parsed.map(({ subject }) => subject)).toEqual([
      'Re: Hello',
      'Re: Hello',
      'Re: Hello',
      'Hello',
      'Re: Hello Bcc: evil@x.example',
    ]);
    expect(sink.received.every(({ to }) => to.join() === 'ana@customer.example')).toBe(true);
  });

  test('a long thread keeps its first and last ids, below 998 characters', async () => {
    const sink = await startSink();
    const sender = senderTo(sink.port);
    const ids = Array.from({ length: 60 }, (_, i) => `<id${i}@customer.example>`);
    await sender.send(message({ references: ids, inReplyTo: '<last@customer.example>' }), never);
    const long = Array.from({ length: 18 }, (_, i) => `<${i}${'x'.repeat(150)}@customer.example>`);
    await sender.send(message({ references: long, inReplyTo: '<last@customer.example>' }), never);
    await sender.send(
      message({ references: ['nonsense', '<a b@c>', `<${'0'.repeat(64)}@missing.invalid>`] }),
      never,
    );
    const [many, large, odd] = await Promise.all(
      sink.received.map(async ({ raw }) => [(await simpleParser(raw)).references].flat()),
    );
    expect(many).toEqual([...ids.slice(0, 10), ...ids.slice(-9), '<last@customer.example>']);
    expect(large!.join(' ').length).toBeLessThan(998);
    expect(large![0]).toBe(long[0]);
    expect(large!.at(-1)).toBe('<last@customer.example>');
    expect(odd).toEqual(['<q2@customer.example>']);
    for (const { raw } of sink.received)
      for (const line of raw.toString('latin1').split('\r\n')) expect(line.length).toBeLessThanOrEqual(998);
  });

  test('attachments arrive whole under their names', async () => {
    const sink = await startSink();
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
    let opened = 0;
    const attachment = {
      name: 'Rechnung für März.pdf',
      type: 'application/pdf',
      size: bytes.length,
      open: async () => {
        opened++;
        return Readable.from([bytes.subarray(0, 1000), bytes.subarray(1000)]);
      },
    };
    await senderTo(sink.port).send(message({ attachments: [attachment] }), never);
    const parsed = await simpleParser(sink.received[0]!.raw);
    expect(parsed.attachments[0]!.filename).toBe('Rechnung für März.pdf');
    expect(parsed.attachments[0]!.content.equals(bytes)).toBe(true);
    expect(opened).toBe(1);
  });

  test('an attachment that cannot be read leaves the mail unsent, to be tried again', async () => {
    const sink = await startSink();
    const attachment = {
      name: 'a.pdf',
      type: 'application/pdf',
      size: 1,
      open: async () => {
        throw new Error('the blob store is away');
      },
    };
    const error = await failureOf(senderTo(sink.port).send(message({ attachments: [attachment] }), never));
    expect(error).toMatchObject({ code: 'media_unavailable', disposition: 'transient' });
    expect(sink.received).toHaveLength(0);
  });

  test.each([
    'a@b.example\r\nBcc: evil@x.example',
    'a@b.example, evil@x.example',
    'a@b.example evil@x.example',
    '"evil@x.example"@b.example',
    'Ana <evil@x.example>',
    'group: evil@x.example;',
    'evil@x.example>',
    'a@b@c.example',
    'a@',
    'plain',
    '',
    `${'a'.repeat(250)}@b.example`,
  ])('an address with syntax in it (%j) is refused before anything is sent', async (value) => {
    const sink = await startSink();
    const sender = senderTo(sink.port);
    for (const changes of [{ to: [mailTo(value)] }, { cc: [mailTo(value)] }]) {
      const error = await failureOf(sender.send(message(changes), never));
      expect(error).toMatchObject({ code: 'recipient_invalid', disposition: 'permanent' });
    }
    expect(sink.received).toHaveLength(0);
  });

  test('a name with line breaks or addresses in it adds no header and no recipient', async () => {
    const sink = await startSink();
    const name = 'Ana\r\nBcc: evil@x.example\r\n, <evil@x.example>';
    await senderTo(sink.port).send(message({ to: [mailTo('ana@customer.example', name)] }), never);
    const [mail] = sink.received;
    expect(mail!.to).toEqual(['ana@customer.example']);
    const { headers, to } = await simpleParser(mail!.raw);
    expect(headers.has('bcc')).toBe(false);
    expect([to].flat()[0]!.value.map(({ address }) => address)).toEqual(['ana@customer.example']);
  });

  test('the DSN parameters name the mail where the server offers them', async () => {
    const seen: unknown[] = [];
    const sink = await startSink({
      onRcptTo({ dsn }, { envelope }, done) {
        seen.push(envelope.dsn, dsn);
        done();
      },
    });
    await senderTo(sink.port).send(message(), never);
    expect(seen[0]).toMatchObject({ envid: TOKEN, ret: 'HDRS' });
    expect(seen[1]).toMatchObject({ notify: ['FAILURE', 'DELAY'] });
  });

  test('a configured DKIM key signs the mail', async () => {
    const { generateKeyPairSync } = await import('node:crypto');
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const sink = await startSink();
    const dkim = {
      domain: 'desk.example',
      selector: 's1',
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    };
    await senderTo(sink.port, { dkim }).send(message(), never);
    const raw = sink.received[0]!.raw.toString('latin1').replace(/\r\n[ \t]+/g, ' ');
    expect(raw).toMatch(/^DKIM-Signature: .*d=desk\.example;.* s=s1;/m);
  });
});

describe('what becomes of a reply that fails', () => {
  test('some recipients refused: the others got it, and each refusal is told', async () => {
    const sink = await startSink({
      onRcptTo({ address }, _session, done) {
        if (address.startsWith('gone'))
          return done(Object.assign(new Error('5.1.1 No such user'), { responseCode: 550 }));
        if (address.startsWith('full'))
          return done(Object.assign(new Error('4.2.2 Full'), { responseCode: 452 }));
        done();
      },
    });
    const cc = [mailTo('gone@customer.example'), mailTo('full@customer.example')];
    const result = await senderTo(sink.port).send(message({ cc }), never);
    expect(sink.received[0]!.to).toEqual(['ana@customer.example']);
    expect(result.rejected).toMatchObject([
      { recipient: cc[0], code: '550 5.1.1', permanent: true },
      { recipient: cc[1], code: '452 4.2.2', permanent: false },
    ]);
  });

  test('all recipients refused: permanent, with the code of the server', async () => {
    const sink = await startSink({
      onRcptTo: (_address, _session, done) =>
        done(Object.assign(new Error('5.1.1 No such user'), { responseCode: 550 })),
    });
    const error = await failureOf(senderTo(sink.port).send(message(), never));
    expect(error).toMatchObject({
      code: 'recipient_invalid',
      disposition: 'permanent',
      providerCode: '550 5.1.1',
    });
  });

  test('a wrong password loses no reply and tells the operator', async () => {
    const sink = await startSink({
      allowInsecureAuth: true,
      onAuth: (_auth, _session, done) => done(Object.assign(new Error('5.7.8 No'), { responseCode: 535 })),
    });
    const sender = senderTo(sink.port, { smtp: { user: 'u', pass: 'p' } });
    const error = await failureOf(sender.send(message(), never));
    expect(error).toMatchObject({ code: 'credentials_rejected', disposition: 'transient' });
    expect(error.retryAfterMs).toBeGreaterThanOrEqual(60_000);
    expect(sender.health.at(-1)).toMatchObject({ ok: false, code: 'credentials_rejected' });
  });

  test('nobody listens: transient', async () => {
    const port = await startScripted(() => {});
    for (const close of closing.splice(0)) await close();
    const error = await failureOf(senderTo(port).send(message(), never));
    expect(error).toMatchObject({ code: 'connection_failed', disposition: 'transient' });
  });

  test('the connection breaks before the mail has left: transient', async () => {
    const port = await startScripted((socket) =>
      politely(socket, (line) => {
        if (!line.startsWith('RCPT')) return false;
        socket.destroy();
        return true;
      }),
    );
    const error = await failureOf(senderTo(port).send(message(), never));
    expect(error).toMatchObject({ code: 'connection_failed', disposition: 'transient' });
  });

  test('the connection breaks after the last byte: it may have arrived', async () => {
    const port = await startScripted((socket) =>
      politely(socket, (line) => {
        if (line !== '.') return false;
        socket.destroy();
        return true;
      }),
    );
    const error = await failureOf(senderTo(port).send(message(), never));
    expect(error.disposition).toBe('unknown');
  });

  test('a refusal after the last byte is certain, whatever the library calls it', async () => {
    const port = await startScripted((socket) =>
      politely(socket, (line) => {
        if (line !== '.') return false;
        socket.write('451 4.3.0 try later\r\n');
        return true;
      }),
    );
    const error = await failureOf(senderTo(port).send(message(), never));
    expect(error).toMatchObject({ disposition: 'transient', providerCode: '451 4.3.0' });
  });

  test('an abort before the mail has left is prompt and certain; one after it is not certain', async () => {
    for (const [at, disposition] of [
      ['MAIL', 'transient'],
      ['.', 'unknown'],
    ] as const) {
      const abort = new AbortController();
      const port = await startScripted((socket) =>
        politely(socket, (line) => {
          if (!(at === '.' ? line === '.' : line.startsWith(at))) return false;
          setImmediate(() => abort.abort());
          return true;
        }),
      );
      const started = performance.now();
      const error = await failureOf(senderTo(port).send(message(), abort.signal));
      expect(error).toMatchObject({ code: 'aborted', disposition });
      expect(performance.now() - started).toBeLessThan(2_000);
    }
  });

  test('a signal that was aborted before sends nothing', async () => {
    const sink = await startSink();
    const error = await failureOf(senderTo(sink.port).send(message(), AbortSignal.abort()));
    expect(error).toMatchObject({ code: 'aborted', disposition: 'transient' });
    expect(sink.received).toHaveLength(0);
  });

  test('a pooled connection that the server closed meanwhile costs no reply', async () => {
    const sink = await startSink();
    const sender = senderTo(sink.port);
    await sender.send(message(), never);
    for (const connection of sink.server.connections) connection.close();
    const attachment = {
      name: 'a.txt',
      type: 'text/plain',
      size: 4,
      open: async () => Readable.from([Buffer.from('note')]),
    };
    await sender.send(message({ attachments: [attachment] }), never);
    expect(sink.received).toHaveLength(2);
    const parsed = await simpleParser(sink.received[1]!.raw);
    expect(parsed.attachments[0]!.content.toString()).toBe('note');
  });
});
