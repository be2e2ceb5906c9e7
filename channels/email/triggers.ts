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
    subject: 'Payment failed but the money is gone',
    text: 'Hello,\n\nI tried to pay INV-48213 this morning and the app said "payment failed".\nBut my balance is 212.40 USD lower than before. Where is my money?\n\nThanks,\nAna Ferreira',
  },
  {
    name: 'Tomasz Nowak',
    address: 't.nowak@customer.example',
    subject: 'Charged twice on 3 November',
    text: 'Hi,\n\nmy history shows the same payment twice, both on 3 November.\nPlease refund one of them and tell me when I can expect the money.\n\nTomasz',
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
    subject: 'Auszahlung nicht angekommen',
    text: 'Guten Tag,\n\nmeine Auszahlung von 80 Euro vom Montag ist bis heute nicht auf dem Konto. Bitte prüfen Sie das.\n\nMit freundlichen Grüßen\nJürgen Weiß',
  },
  {
    name: 'Mei Lin',
    address: 'mei.lin@customer.example',
    subject: '有一笔付款不是我操作的',
    text: '您好，\n\n我今天早上看到一笔 1,280 元的付款，不是我本人操作的。\n请尽快帮我冻结账户，谢谢。\n\n林美',
  },
  {
    name: 'Olu Adeyemi',
    address: 'olu@customer.example',
    subject: 'How do I change my registered number?',
    text: 'Good afternoon,\n\nI have a new SIM card. How can I change the phone number of my account?\n\nThank you\nOlu',
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
