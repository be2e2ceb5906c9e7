import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { describeSmtpError } from '../../channels/email/errors.ts';
import { email } from '../../channels/email/index.ts';
import type { MailEnvelope } from '../../src/contract/index.ts';
import { fixture } from '../email/read-harness.ts';
import { outboundMessage } from './channel-deps.ts';
import { type DeliverySample, describeChannel } from './describe-channel.ts';

const config = {
  address: 'support@shop.example',
  aliases: ['help@shop.example'],
  trustedAuthserv: 'mx.shop.example',
  imap: { host: 'imap.shop.example', user: 'support', pass: 'imap-password-7' },
  smtp: { host: 'smtp.shop.example', user: 'support', pass: 'smtp-password-8' },
};

const envelope: MailEnvelope = { via: 'imap', to: [], folder: 'INBOX', uidValidity: '1', uid: 7 };
const mail = (name: string, events: DeliverySample['events']): DeliverySample => ({
  name,
  envelope,
  body: fixture(name),
  events,
});

/** Replies as servers write them (RFC 5321, section 4.2; RFC 3463), with the command that they answer. */
const REPLIES: Readonly<Record<string, string>> = {
  '421 4.3.2': 'MAIL FROM',
  '450 4.2.1': 'RCPT TO',
  '451 4.7.1': 'RCPT TO',
  '452 4.2.2': 'RCPT TO',
  '452 4.3.1': 'DATA',
  '454 4.7.0': 'AUTH PLAIN',
  '503 5.5.1': 'RCPT TO',
  '530 5.7.0': 'MAIL FROM',
  '535 5.7.8': 'AUTH PLAIN',
  '550 5.1.1': 'RCPT TO',
  '550 5.1.8': 'MAIL FROM',
  '550 5.7.1': 'DATA',
  '552 5.2.2': 'RCPT TO',
  '552 5.3.4': 'DATA',
  '554 5.7.1': 'RCPT TO',
};

describeChannel(email, {
  config,
  invalidConfigs: [
    { name: 'nothing', config: {} },
    { name: 'an address that is none', config: { ...config, address: 'support' } },
    { name: 'no way in', config: { address: 'support@shop.example' } },
    {
      name: 'a mailbox without a login',
      config: { ...config, imap: { host: 'imap.shop.example', user: 'x' } },
    },
    { name: 'a port that is none', config: { ...config, listen: { port: 70_000 } } },
    { name: 'a misspelt field', config: { ...config, adress: 'x' } },
  ],
  deliveries: [
    mail('html-only', ['message']),
    mail('forward-gmail', ['message']),
    mail('nested-message', ['message']),
    mail('inline-picture', ['message']),
    mail('auto-reply-vacation', ['message']),
    mail('bounce-dsn-two-recipients', ['message', 'receipt', 'receipt']),
    mail('charset-windows-874', ['message']),
    mail('boundary-never-closed', ['message']),
    mail('from-missing', ['message']),
    mail('binary-rubbish', ['message']),
    mail('empty', ['message']),
  ],
  errors: {
    documented: Object.keys(REPLIES),
    classify: (code) =>
      describeSmtpError(
        { responseCode: Number(code.slice(0, 3)), response: `${code} No`, command: REPLIES[code]! },
        'before-end',
      ),
  },
  async hangingSend() {
    const reached = Promise.withResolvers<void>();
    const server = new SMTPServer({
      disabledCommands: ['AUTH', 'STARTTLS'],
      closeTimeout: 100,
      logger: false,
      onData(stream) {
        stream.on('end', reached.resolve).resume();
      },
    });
    server.on('error', () => {});
    server.listen(0, '127.0.0.1');
    await once(server.server, 'listening');
    const { port } = server.server.address() as AddressInfo;
    return {
      config: { ...config, smtp: { host: '127.0.0.1', port } },
      message: outboundMessage({
        to: [{ kind: 'email', value: 'ana@customer.example' }],
        subject: 'Re: kettle',
      }),
      reached: reached.promise,
      close: () => new Promise<void>((resolve) => server.close(resolve)),
    };
  },
});
