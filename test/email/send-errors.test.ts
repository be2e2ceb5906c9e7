import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import {
  closeAll,
  failureOf,
  mailTo,
  message,
  never,
  politely,
  senderTo,
  startScripted,
  startSink,
} from './send-harness.ts';

afterEach(closeAll);

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

  test('a certificate that nobody vouches for is refused, unless the operator says otherwise', async () => {
    const sink = await startSink({ secure: true });
    const strict = await failureOf(senderTo(sink.port, { smtp: { secure: true } }).send(message(), never));
    expect(strict).toMatchObject({ code: 'connection_failed', disposition: 'transient' });
    expect(sink.received).toHaveLength(0);
    const smtp = { secure: true, tls: { rejectUnauthorized: false } };
    await senderTo(sink.port, { smtp }).send(message(), never);
    expect(sink.received).toHaveLength(1);
  });

  test('nobody listens: transient', async () => {
    const port = await startScripted(() => {});
    await closeAll();
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
      expect(performance.now() - started).toBeLessThan(8_000);
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
