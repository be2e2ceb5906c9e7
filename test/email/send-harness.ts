/** Mail servers to send to, and a sender with one reply to send. */

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect } from '@jest/globals';
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

export const TOKEN = `m${'1'.repeat(40)}`;
export const REPLY_TOKEN = `c${'2'.repeat(40)}`;
export const never = new AbortController().signal;

interface Received {
  from: string;
  to: string[];
  raw: Buffer;
}

/** What a test opened; `closeAll` after each. */
const closing: (() => unknown)[] = [];

export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0)) await close();
}

/** A mail server that keeps what it takes; `options` make it refuse. */
export async function startSink(options: SMTPServerOptions = {}) {
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
export async function startScripted(serve: (socket: Socket) => void) {
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
export function politely(socket: Socket, stop: (line: string) => boolean) {
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

export function senderTo(port: number, given: Record<string, unknown> = {}) {
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

export const mailTo = (value: string, name?: string): Address => ({
  kind: 'email',
  value,
  ...(name ? { name } : {}),
});

export const message = (changes: Partial<OutboundMessage> = {}): OutboundMessage => ({
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

export async function failureOf(sending: Promise<unknown>): Promise<ChannelError> {
  const error = await sending.then(
    () => new Error('was sent'),
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(ChannelError);
  return error as ChannelError;
}
