/**
 * Run as a process of its own: reads one big mail of the kind named on the command line, which exists only as a
 * stream, and prints what it cost: `{ rssRiseBytes, blockedMs, wallMs, … }`.
 */
import { Readable } from 'node:stream';
import { flagsOf, rawOf, read } from './read-harness.ts';
import { watchTurns } from './read-turns.ts';

const MIB = 1024 * 1024;
const SAMPLE_MS = 5;
const PIECE_BYTES = 64 * 1024;

const HEAD =
  'From: A <a@mail.example>\r\nTo: support@shop.example\r\nSubject: Big\r\nDate: Fri, 2 Jan 2026 10:00:00 +0700\r\nMessage-ID: <big@mail.example>\r\nMIME-Version: 1.0\r\n';
const MIXED = `${HEAD}Content-Type: multipart/mixed; boundary=big\r\n\r\n--big\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n`;

interface Kind {
  head: string;
  line: string;
  tail: string;
}
const KINDS: Record<string, Kind> = {
  attachment: {
    head: `${MIXED}--big\r\nContent-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n`,
    line: `${'QUJD'.repeat(19)}\r\n`,
    tail: '--big--\r\n',
  },
  'two-attachments': {
    head: `${MIXED}--big\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\n`,
    line: `${'inner words '.repeat(6)}\r\n`,
    tail: '--big\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--big--\r\n',
  },
  text: {
    head: `${HEAD}Content-Type: text/plain; charset=utf-8\r\n\r\n`,
    line: `${'words and '.repeat(7)}\r\n`,
    tail: '',
  },
  'text-one-line': {
    head: `${HEAD}Content-Type: text/plain; charset=utf-8\r\n\r\n`,
    line: 'endless '.repeat(10),
    tail: '',
  },
  'text-iso-2022-jp': {
    head: `${HEAD}Content-Type: text/plain; charset=iso-2022-jp\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n`,
    line: `=1B$B${'%3s'.repeat(20)}=1B(B\r\n`,
    tail: '',
  },
  html: {
    head: `${HEAD}Content-Type: text/html; charset=utf-8\r\n\r\n<html><body>`,
    line: '<p style="color:red">Hello <b>there</b> <a href="https://mail.example/x">link</a></p>\r\n',
    tail: '</body></html>',
  },
  'html-base64': {
    head: `${HEAD}Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n`,
    line: `${Buffer.from('<td>cell</td><div><b>').toString('base64').repeat(2)}\r\n`,
    tail: '',
  },
  'quoted-lines': {
    head: `${HEAD}Content-Type: text/plain; format=flowed\r\n\r\n`,
    line: '> On 1.1. wrote: \r\n',
    tail: '',
  },
};

const kind = KINDS[process.argv[2] ?? ''];
if (!kind) throw new Error(`Name one of: ${Object.keys(KINDS).join(', ')}.`);
const lines = Math.floor((Number(process.argv[3] ?? '50') * MIB) / kind.line.length);

function* pieces(): Generator<Buffer> {
  yield Buffer.from(kind!.head);
  const each = Math.max(1, Math.floor(PIECE_BYTES / kind!.line.length));
  const piece = Buffer.from(kind!.line.repeat(each));
  for (let left = lines; left > 0; left -= each)
    yield Buffer.from(piece.subarray(0, Math.min(each, left) * kind!.line.length));
  yield Buffer.from(kind!.tail);
}

// A small mail first: what the code itself takes, once, is not the mail's.
await read(rawOf(`${HEAD}Content-Type: text/html\r\n\r\n<p>small</p>`));
const size = kind.head.length + lines * kind.line.length + kind.tail.length;
const raw = { ...rawOf(''), body: { size, open: () => Readable.from(pieces(), { objectMode: false }) } };
(globalThis as { gc?: () => void }).gc?.();

const before = process.memoryUsage.rss();
let highest = before;
const sampler = setInterval(() => {
  highest = Math.max(highest, process.memoryUsage.rss());
}, SAMPLE_MS);
const turns = watchTurns();
const started = performance.now();

const { message, parts } = await read(raw);
let partBytes = 0;
await parts.read(async (_part, bytes) => {
  for await (const chunk of bytes) partBytes += (chunk as Buffer).length;
});

const wallMs = performance.now() - started;
const blockedMs = turns.stop();
clearInterval(sampler);
console.log(
  JSON.stringify({
    mailBytes: size,
    rssRiseBytes: Math.max(highest, process.memoryUsage.rss()) - before,
    blockedMs,
    wallMs,
    partBytes,
    attachedBytes: message.attachments.reduce((sum, { size: bytes }) => sum + (bytes ?? 0), 0),
    textChars: message.text.length,
    flags: flagsOf(message),
  }),
);
