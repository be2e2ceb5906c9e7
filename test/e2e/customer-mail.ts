/** Customers who write by mail: how they send it, and the world's mail server, which takes what we send to them. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createTransport } from 'nodemailer';
import { SMTPServer } from 'smtp-server';
import { type Mail, mailBytes } from '../support/mail.ts';
import { until } from '../support/until.ts';

export interface Envelope {
  from: string;
  to: string[];
}

export const addressOf = (header: string): string => /<([^<>]*)>/.exec(header)?.[1] ?? header.trim();

const envelopeOf = ({ from, to = 'support@desk.example' }: Mail): Envelope => ({
  from: addressOf(from),
  to: [addressOf(to)],
});

/** Hands a mail to the server at this port of ours. Rejects with what the server said (`responseCode`). */
export async function sendMail(port: number, mail: Mail, envelope = envelopeOf(mail)): Promise<void> {
  await sendBytes(port, mailBytes(mail), envelope);
}

/** The same with any bytes. */
export async function sendBytes(port: number, raw: Buffer | Readable, { from, to }: Envelope): Promise<void> {
  const transport = createTransport({ host: '127.0.0.1', port, ignoreTLS: true });
  try {
    await transport.sendMail({ envelope: { from, to }, raw });
  } finally {
    transport.close();
  }
}

export interface Copy extends Envelope {
  raw: string;
  /** Unfolded; '' where there is none. */
  header(name: string): string;
}

export interface World {
  port: number;
  copies: Copy[];
  /** Waits for a mail whose words say this. */
  got(text: string): Promise<Copy>;
  close(): Promise<void>;
}

/** Takes everything but what goes to `gone@…`, which nobody there knows. */
export async function startWorld(): Promise<World> {
  const copies: Copy[] = [];
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    logger: false,
    closeTimeout: 100,
    onRcptTo({ address }, _session, next) {
      const unknown = Object.assign(new Error('5.1.1 No such user here'), { responseCode: 550 });
      next(address.startsWith('gone@') ? unknown : null);
    },
    onData(stream, { envelope }, next) {
      buffer(stream).then((bytes) => {
        const from = envelope.mailFrom ? envelope.mailFrom.address : '';
        copies.push(copyOf({ from, to: envelope.rcptTo.map(({ address }) => address) }, bytes.toString()));
        next();
      }, next);
    },
  });
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  return {
    port: (server.server.address() as AddressInfo).port,
    copies,
    got: (text) => until(() => copies.find(({ raw }) => raw.includes(text)), `a mail that says "${text}"`),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function copyOf(envelope: Envelope, raw: string): Copy {
  const head = raw.split('\r\n\r\n', 1)[0]!.replace(/\r\n[ \t]+/g, ' ');
  return {
    ...envelope,
    raw,
    header: (name) => new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(head)?.[1]?.trim() ?? '',
  };
}

/** What a mail program puts into the answer to this copy. */
export function answering(copy: Copy): Pick<Mail, 'to' | 'subject' | 'inReplyTo' | 'references'> {
  const id = copy.header('Message-ID');
  return {
    to: addressOf(copy.header('Reply-To')),
    subject: copy.header('Subject'),
    inReplyTo: id,
    references: `${copy.header('References')} ${id}`.trim(),
  };
}
