/** Mails made to cost as much as they can; each entry names its size. */
const HEAD =
  'From: a@mail.example\r\nTo: support@shop.example\r\nSubject: Bomb\r\nMessage-ID: <bomb@mail.example>\r\n';
const BODY = '\r\n\r\nThe words.\r\n';
const MIXED = 'Content-Type: multipart/mixed; boundary=';

const nested = (levels: number, same = false): string =>
  HEAD +
  Array.from({ length: levels }, (_, level) => {
    const boundary = same ? 'b' : `b${level}`;
    return `${MIXED}${boundary}\r\n\r\n--${boundary}\r\n`;
  }).join('') +
  BODY;

const deep = (levels: number, line: string, lines: number): string =>
  HEAD +
  Array.from(
    { length: levels },
    (_, level) =>
      `${MIXED}bb${String(level).padStart(3, '0')}\r\n\r\n--bb${String(level).padStart(3, '0')}\r\n`,
  ).join('') +
  `\r\n${line.repeat(lines)}`;

const field = (name: string, value: string): string => `${HEAD}${name}: ${value}${BODY}`;
const html = (body: string): string => `${HEAD}Content-Type: text/html; charset=utf-8\r\n\r\n${body}`;
const text = (body: string): string => `${HEAD}Content-Type: text/plain; charset=utf-8\r\n\r\n${body}`;

export const BOMBS: Record<string, () => string> = {
  '500 multiparts in each other': () => nested(500),
  '1,000 multiparts in each other': () => nested(1000),
  '20,000 multiparts in each other': () => nested(20_000),
  '5,000 multiparts of one boundary': () => nested(5000, true),
  '20,000 messages in each other': () => `${HEAD}${'Content-Type: message/rfc822\r\n\r\n'.repeat(20_000)}`,
  '100,000 parts': () => `${HEAD}${MIXED}b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(100_000)}--b--\r\n`,
  '900 parts': () =>
    `${HEAD}${MIXED}b\r\n\r\n${'--b\r\nContent-Type: image/png\r\n\r\nx\r\n'.repeat(900)}--b--\r\n`,
  '45 levels and 300,000 near boundaries': () => deep(45, '--bb9999\r\n', 300_000),
  '45 levels and 300,000 wrong boundaries': () => deep(45, '--bb99x\r\n', 300_000),
  'a header of 2.7 MB': () => HEAD + 'X-Field: value\r\n'.repeat(180_000) + BODY,
  'a header of 60,000 empty fields': () => HEAD + 'X:\r\n'.repeat(60_000) + BODY,
  'one field of 10 MB': () => field('X-Long', 'a'.repeat(10_000_000)),
  'a header that never ends': () => HEAD + 'a'.repeat(3_000_000),
  '200,000 addresses': () => field('Cc', 'a@b.example, '.repeat(200_000)),
  '60,000 addresses': () =>
    field('Cc', Array.from({ length: 60_000 }, (_, i) => `a${i}@b.example`).join(', ')),
  '10,000 fields of addresses': () =>
    HEAD + 'Cc: a@b.example, c@d.example, e@f.example, g@h.example\r\n'.repeat(10_000) + BODY,
  '50,000 groups in each other': () => field('To', 'a:'.repeat(50_000)),
  '50,000 comments in each other': () => field('From', `${'('.repeat(50_000)}a@b.example`),
  '50,000 open quotes': () => field('From', `${'"<'.repeat(30_000)}a@b.example`),
  '300,000 references': () => field('References', '<a@b> '.repeat(300_000)),
  '100,000 references': () => field('References', '<a@b> '.repeat(100_000)),
  '500,000 folds': () => field('References', '\r\n <a@b>'.repeat(500_000)),
  '100,000 folds': () => field('Subject', '\r\n x'.repeat(100_000)),
  '900 KB of open angle brackets': () => field('References', '<'.repeat(900_000)),
  '900 KB of blanks': () => field('References', `${' '.repeat(900_000)}x`),
  '20,000 parts of a file name': () =>
    field(
      'Content-Type',
      `application/pdf; ${Array.from({ length: 20_000 }, (_, i) => `name*${i}=a`).join('; ')}`,
    ),
  '900 KB of quotes in a type': () => field('Content-Type', `text/plain; a="${'\\"'.repeat(450_000)}`),
  '900 KB of semicolons in a type': () => field('Content-Type', `text/plain${';a=b'.repeat(225_000)}`),
  'an encoded subject of 900 KB': () => field('Subject', '=?utf-8?Q?=C3=A9?= '.repeat(45_000)),
  'an endless encoded word': () => field('Subject', `=?utf-8?Q?${'=C3'.repeat(300_000)}`),
  '20,000 trusted results': () =>
    'Authentication-Results: mx.shop.example; dkim=pass\r\n'.repeat(10_000) + HEAD + BODY,
  'one result of 900 KB': () =>
    `Authentication-Results: mx.shop.example; ${'('.repeat(900_000)}\r\n${HEAD}${BODY}`,
  '1 million open tags': () => html('<'.repeat(1_000_000)),
  '60,000 divisions in each other': () => html('<div>'.repeat(60_000)),
  '200,000 bold in each other': () => html('<b>'.repeat(200_000)),
  '200,000 cells': () => html(`<table><tr>${'<td>'.repeat(200_000)}`),
  '100,000 quotes in each other': () => html('<blockquote type=cite>'.repeat(100_000)),
  '1 million entities': () => html('&amp;'.repeat(1_000_000)),
  '100,000 style declarations': () => html(`<p style="${'color:red;'.repeat(100_000)}">x`),
  '1 million attributes': () => html(`<p ${'a=b '.repeat(1_000_000)}>x`),
  '30,000 comments': () => html('<!--x-->'.repeat(30_000) + '<!--'.repeat(100_000)),
  '1 million quoted lines': () => text('> a\r\n'.repeat(1_000_000)),
  '500,000 lines with a colon': () => text('a:\r\n'.repeat(500_000)),
  '300,000 lines of From': () => text('From: a@b\r\n'.repeat(300_000)),
  '500,000 dashes': () => text('-- \r\n'.repeat(500_000)),
  '1 MB of dashes': () => text(`${'-'.repeat(1_000_000)}x`),
  '1 MB of blanks before a colon': () => text(`On ${' '.repeat(1_000_000)}:`),
  '5 MB of blanks': () => text(`${' '.repeat(5_000_000)}x`),
  '5 MB of quoted-printable blanks': () =>
    `${HEAD}Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${' '.repeat(5_000_000)}x`,
  '3 MB of equals signs': () =>
    `${HEAD}Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${'='.repeat(3_000_000)}`,
  '3 MB of padding': () =>
    `${HEAD}Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n${'='.repeat(3_000_000)}`,
  '1 MB of flowed quotes': () =>
    `${HEAD}Content-Type: text/plain; format=flowed; delsp=yes\r\n\r\n${'>'.repeat(1_000_000)} \r\n`,
  'a report of 20,000 recipients': () =>
    `${HEAD}Content-Type: multipart/report; report-type=delivery-status; boundary=r\r\n\r\n--r\r\nContent-Type: message/delivery-status\r\n\r\n${'Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\n\r\n'.repeat(20_000)}\r\n--r--\r\n`,
  'a bounce of 1 MB of addresses': () =>
    `From: mailer-daemon@mail.example\r\nSubject: failure notice\r\n\r\n${'a@b.example 550 '.repeat(60_000)}`,
  'a bounce of 1 MB of one word': () =>
    `From: mailer-daemon@mail.example\r\nSubject: failure notice\r\n\r\n${'a'.repeat(1_000_000)}`,
};
