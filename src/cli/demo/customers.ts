/** What customers have written by the time somebody looks at the demo. It takes the same way in as any message. */
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createTransport } from 'nodemailer';
import { signForm } from '../../../channels/sms/sign.ts';
import { isListening } from '../../embedded/ports.ts';
import { ACCOUNT_SID, AUTH_TOKEN, DESK_ADDRESS, DESK_NUMBER } from './far-side.ts';

const POLL_MS = 50;

const MAILS = [
  {
    from: 'Ana Ferreira <ana.ferreira@customer.example>',
    subject: 'Payment failed but the money is gone',
    text: 'Hello,\n\nI tried to pay INV-48213 this morning and the app said "payment failed". But my balance is 212.40 USD lower than before. Where is my money?\n\nThanks,\nAna Ferreira',
  },
  {
    from: 'Tomasz Nowak <t.nowak@customer.example>',
    subject: 'Charged twice on 3 November',
    text: 'Hi,\n\nmy history shows the same payment twice, both on 3 November. Please refund one of them and tell me when I can expect the money.\n\nTomasz',
  },
  {
    from: 'Siti Rahma <siti.rahma@customer.example>',
    subject: 'Tidak bisa masuk ke akun',
    text: 'Selamat pagi,\n\nSejak kemarin saya tidak bisa masuk ke akun saya, padahal nomor HP masih sama. Mohon bantuannya.\n\nTerima kasih,\nSiti',
  },
];

const TEXTS = [
  { from: '+8613800138000', body: '我昨天充值了500元，到现在还没到账，麻烦查一下，谢谢' },
  { from: '+6281234567890', body: 'kak top up saya Rp 250.000 gagal tapi saldo bank kepotong' },
  // The same person again: it joins the ticket that the first message has opened.
  { from: '+6281234567890', body: 'lewat BCA, tadi jam 9 pagi' },
];

export interface Desk {
  url: string;
  hookUrl: string;
  publicHookUrl: string;
  mailPort: number;
}

/** Resolves once every message is acknowledged: stored for good. */
export async function sendSamples(desk: Desk, signal: AbortSignal): Promise<number> {
  while (!(await isListening(desk.mailPort))) await delay(POLL_MS, undefined, { signal });
  const transport = createTransport({ host: '127.0.0.1', port: desk.mailPort, secure: false });
  try {
    for (const { from, subject, text } of MAILS)
      await transport.sendMail({
        from,
        to: DESK_ADDRESS,
        subject,
        text,
        messageId: `<${randomUUID()}@customer.example>`,
      });
  } finally {
    transport.close();
  }
  for (const { from, body } of TEXTS) await postSms(desk, from, body);
  return MAILS.length + TEXTS.length;
}

async function postSms({ hookUrl, publicHookUrl }: Desk, from: string, body: string): Promise<void> {
  const sid = `SM${randomBytes(16).toString('hex')}`;
  const request = signForm(AUTH_TOKEN, publicHookUrl, {
    AccountSid: ACCOUNT_SID,
    ApiVersion: '2010-04-01',
    From: from,
    To: DESK_NUMBER,
    Body: body,
    MessageSid: sid,
    SmsSid: sid,
    SmsMessageSid: sid,
    SmsStatus: 'received',
    NumMedia: '0',
    NumSegments: '1',
  });
  const answer = await fetch(hookUrl, { method: 'POST', headers: request.headers, body: request.body });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`the sample SMS was answered ${answer.status}`);
}
