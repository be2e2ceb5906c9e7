/** `earshot trigger email.inbound`: a customer's mail, sent by SMTP to the inbox's own listener. */
import { randomInt, randomUUID } from 'node:crypto';
import { createTransport } from 'nodemailer';
import { ChannelError, type Trigger } from '../../src/contract/index.ts';
import type { EmailConfig } from './config.ts';

const SEND_TIMEOUT_MS = 10_000;

interface Sample {
  name: string;
  address: string;
  subject: string;
  text: string;
}

const SAMPLES: readonly [Sample, ...Sample[]] = [
  {
    name: 'Ana Ferreira',
    address: 'ana.ferreira@customer.example',
    subject: 'Order 48213 has not arrived',
    text: 'Hello,\n\nI ordered a kettle on Monday last week (order 48213) and the tracking page has said "in transit" for five days.\nCould you tell me where it is?\n\nThanks,\nAna Ferreira',
  },
  {
    name: 'Tomasz Nowak',
    address: 't.nowak@customer.example',
    subject: 'Charged twice in November',
    text: 'Hi,\n\nmy card statement shows your monthly fee twice, both on 3 November.\nPlease refund one of them and tell me when I can expect the money.\n\nTomasz',
  },
  {
    name: 'Siti Rahma',
    address: 'siti.rahma@customer.example',
    subject: 'Tidak bisa masuk ke akun',
    text: 'Selamat pagi,\n\nSejak kemarin saya tidak bisa masuk ke akun saya. Kode verifikasi tidak pernah sampai ke ponsel.\nMohon bantuannya.\n\nTerima kasih,\nSiti',
  },
  {
    name: 'Jürgen Weiß',
    address: 'juergen.weiss@customer.example',
    subject: 'Rechnung für Auftrag 7719',
    text: 'Guten Tag,\n\nbitte senden Sie mir die Rechnung für den Auftrag 7719 noch einmal, diesmal mit unserer Umsatzsteuernummer.\n\nMit freundlichen Grüßen\nJürgen Weiß',
  },
  {
    name: 'Mei Lin',
    address: 'mei.lin@customer.example',
    subject: 'The lamp arrived broken',
    text: 'Dear support,\n\nthe glass of the lamp was broken when I opened the box. The box itself had a dent on one side.\nI would like a new one, or my money back if you have none left.\n\nBest regards\nMei Lin',
  },
  {
    name: 'Olu Adeyemi',
    address: 'olu@customer.example',
    subject: 'Please change my delivery address',
    text: 'Good afternoon,\n\nI moved last week. Please send order 50117 to my new address: 12 Hill Road, Leeds.\n\nThank you\nOlu',
  },
];

export const triggerInbound: Trigger<EmailConfig> = async (config, { host, now, text }) => {
  if (!config.listen?.port)
    throw new ChannelError(
      'bad_configuration',
      'permanent',
      'This inbox takes no mail by SMTP; give it "listen": { "port": 2525 }, or send it a mail.',
    );
  const sample = SAMPLES[randomInt(SAMPLES.length)] ?? SAMPLES[0];
  const transport = createTransport({
    host,
    port: config.listen.port,
    secure: false,
    connectionTimeout: SEND_TIMEOUT_MS,
    greetingTimeout: SEND_TIMEOUT_MS,
    socketTimeout: SEND_TIMEOUT_MS,
  });
  const messageId = `<${randomUUID()}@customer.example>`;
  try {
    await transport.sendMail({
      from: { name: sample.name, address: sample.address },
      to: { name: config.name ?? '', address: config.address },
      envelope: { from: sample.address, to: [config.address] },
      subject: sample.subject,
      text: text ?? sample.text,
      messageId,
      date: now,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  } finally {
    transport.close();
  }
  return `mail ${messageId} from ${sample.name} to ${config.address}: "${sample.subject}"`;
};
