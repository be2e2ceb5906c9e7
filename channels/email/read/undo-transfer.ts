import type { MimeNode } from './walk.ts';

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
  if (node.encoding !== 'base64' && node.encoding !== 'quoted-printable')
    return { write: take, end: async () => done() };
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
