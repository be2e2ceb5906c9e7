import libqp from 'libqp';
import type { MimeNode } from './walk.ts';

/** A line that goes on for longer is undone in pieces. */
const LINE_BYTES_MAX = 64 * 1024;
const LF = 0x0a;
const EQUALS = 0x3d;

export interface Decoder {
  write(bytes: Buffer): void | Promise<void>;
  /** Settles once the last byte was taken. */
  end(): Promise<void>;
}

/**
 * Undoes the transfer encoding of a node (RFC 2045 section 6) piece by piece, handing what comes out to `take`.
 * Bytes that are no base64 or quoted-printable are passed over, never an error.
 */
export function undoTransfer(node: MimeNode, take: (chunk: Buffer) => void, done: () => void): Decoder {
  if (node.encoding === 'quoted-printable') return undoQuotedPrintable(take, done);
  if (node.encoding !== 'base64') return { write: take, end: async () => done() };
  const stream = node.getDecoder();
  stream.on('data', take);
  const ended = new Promise<void>((resolve) => {
    stream.once('end', () => resolve());
    stream.once('error', () => resolve());
  });
  return {
    write(bytes) {
      if (stream.write(bytes)) return;
      return Promise.race([ended, new Promise<void>((resolve) => stream.once('drain', () => resolve()))]);
    },
    async end() {
      stream.end();
      await ended;
      done();
    },
  };
}

/** Line by line, since the library's own stream holds all of its input until the end. */
function undoQuotedPrintable(take: (chunk: Buffer) => void, done: () => void): Decoder {
  let held: Buffer = Buffer.alloc(0);
  const undo = (bytes: Buffer): void => {
    if (bytes.length) take(libqp.decode(bytes));
  };
  return {
    write(bytes) {
      const all = held.length ? Buffer.concat([held, bytes]) : bytes;
      let end = all.lastIndexOf(LF) + 1;
      if (all.length - end > LINE_BYTES_MAX) end = insideLine(all);
      undo(all.subarray(0, end));
      held = Buffer.from(all.subarray(end));
    },
    async end() {
      undo(held);
      done();
    },
  };
}

/** Where a line may be cut: in no escape, and behind no blank, which would count as the blank end of a line. */
function insideLine(bytes: Buffer): number {
  let end = bytes.length;
  for (const back of [1, 2]) if (bytes[bytes.length - back] === EQUALS) end = bytes.length - back;
  while (end > 0 && (bytes[end - 1] === 0x20 || bytes[end - 1] === 0x09)) end--;
  return end === 0 ? bytes.length : end;
}
