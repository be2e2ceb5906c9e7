import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import {
  closeAll,
  failureOf,
  mailTo,
  message,
  never,
  REPLY_TOKEN,
  senderTo,
  startSink,
  TOKEN,
} from './send-harness.ts';

afterEach(closeAll);

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
