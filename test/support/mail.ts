import type { Arrival } from '../../src/contract/index.ts';

export interface Mail {
  from: string;
  to?: string;
  cc?: string;
  replyTo?: string;
  subject?: string;
  text?: string;
  messageId?: string;
  inReplyTo?: string;
  references?: string;
  date?: string;
  headers?: Record<string, string>;
}

/** A plain mail, as a customer's program writes it. */
export function mailBytes(mail: Mail): Buffer {
  const headers: Record<string, string | undefined> = {
    From: mail.from,
    To: mail.to ?? 'support@desk.example',
    Cc: mail.cc,
    'Reply-To': mail.replyTo,
    Subject: mail.subject ?? 'My payment failed',
    'Message-ID': mail.messageId,
    'In-Reply-To': mail.inReplyTo,
    References: mail.references,
    Date: mail.date ?? 'Tue, 24 Nov 2026 10:00:00 +0000',
    'MIME-Version': '1.0',
    'Content-Type': 'text/plain; charset=utf-8',
    ...mail.headers,
  };
  const head = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${mail.text ?? 'Please help.'}\r\n`);
}

/** A mail as the SMTP listener hands it to intake. */
export function mailArrival(mail: Mail, envelopeTo = 'support@desk.example', envelopeFrom?: string): Arrival {
  return {
    envelope: { via: 'smtp', from: envelopeFrom ?? mail.from.replace(/.*<|>.*/g, ''), to: [envelopeTo] },
    body: mailBytes(mail),
    key: { bodyWith: envelopeTo },
  };
}
