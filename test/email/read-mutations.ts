/** Ways in which mails break on their way, or are broken on purpose. */
/** Words that a parser trips over, put in at random places. */
const STUMBLES = [
  '\0',
  '\r',
  '\n',
  '\r\n\r\n',
  '\r\n ',
  '--',
  '=?utf-8?B?',
  '?=',
  '=',
  '=\r\n',
  '"',
  '(',
  '<',
  '>',
  ';',
  ':',
  '\u00ff\u00fe',
  '\r\nContent-Type: multipart/mixed; boundary=x\r\n',
  '\r\nContent-Type: text/html; charset=bogus\r\n',
  '\r\nContent-Transfer-Encoding: base64\r\n',
  '\r\nContent-Type: message/delivery-status\r\n\r\n',
  '<blockquote type=cite><div class=gmail_quote>',
  '\r\nFrom: \r\nFrom: x\r\n',
  '\ud800',
];
const CHARSETS = [
  'utf-7',
  'utf-16',
  'utf-32',
  'iso-2022-jp',
  'hz-gb-2312',
  'x-unknown',
  '',
  '"',
  'base64',
  'hex',
  'utf-8',
];

/** Seeded, so that a failure comes again (mulberry32). */
export function dice(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

type Mutate = (bytes: Buffer, roll: (below: number) => number, other: Buffer) => Buffer;
const splice = (bytes: Buffer, at: number, remove: number, put: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + remove)]);

export const MUTATIONS: Record<string, Mutate> = {
  flip: (bytes, roll) => {
    const copy = Buffer.from(bytes);
    for (let n = 0; n < 20 && copy.length; n++) copy[roll(copy.length)] = roll(256);
    return copy;
  },
  cut: (bytes, roll) => bytes.subarray(0, roll(bytes.length + 1)),
  behead: (bytes, roll) => bytes.subarray(roll(bytes.length + 1)),
  remove: (bytes, roll) => splice(bytes, roll(bytes.length + 1), roll(200), Buffer.alloc(0)),
  stumble: (bytes, roll) => {
    let copy = bytes;
    for (let n = 0; n < 6; n++)
      copy = splice(copy, roll(copy.length + 1), 0, Buffer.from(STUMBLES[roll(STUMBLES.length)]!, 'latin1'));
    return copy;
  },
  repeat: (bytes, roll) => {
    const at = roll(bytes.length + 1);
    const piece = bytes.subarray(at, at + roll(300));
    return splice(bytes, at, 0, Buffer.concat(Array.from({ length: roll(50) }, () => piece)));
  },
  cross: (bytes, roll, other) =>
    Buffer.concat([bytes.subarray(0, roll(bytes.length + 1)), other.subarray(roll(other.length + 1))]),
  recharset: (bytes, roll) =>
    Buffer.from(
      bytes
        .toString('latin1')
        .replace(/charset="?[\w-]*"?/gi, () => `charset=${CHARSETS[roll(CHARSETS.length)]}`),
      'latin1',
    ),
  reencode: (bytes, roll) =>
    Buffer.from(
      bytes
        .toString('latin1')
        .replace(
          /(Content-Transfer-Encoding: )\S+/gi,
          (_, name: string) => name + ['base64', 'quoted-printable', '8bit', 'x-uuencode'][roll(4)],
        ),
      'latin1',
    ),
  nest: (bytes, roll) =>
    Buffer.from(
      Array.from(
        { length: 1 + roll(600) },
        (_, n) => `Content-Type: multipart/mixed; boundary=n${n}\r\n\r\n--n${n}\r\n`,
      ).join('') + bytes.toString('latin1'),
      'latin1',
    ),
  swell: (bytes, roll) => Buffer.concat([Buffer.from(`X-Long: ${'ab '.repeat(roll(600_000))}\r\n`), bytes]),
  nul: (bytes, roll) => splice(bytes, roll(bytes.length + 1), 0, Buffer.alloc(1 + roll(500))),
};
