import { createHash } from 'node:crypto';
import mailsplit from '@zone-eu/mailsplit';
import type { Body } from '../../../src/contract/index.ts';
import { guess, tidy } from './decode-text.ts';
import type { HeaderLine } from './headers.ts';
import { PLAIN_READING_BYTES_MAX } from './limits.ts';
import { BodyFailed } from './walk.ts';

/** Bytes of the beginning in which the header is looked for. */
const HEADER_BYTES = 128 * 1024;
/** Header lines that are kept. */
const LINES_MAX = 500;

export interface PlainReading {
  header: HeaderLine[];
  /** The beginning of what stands below the header, as it was transferred. */
  text: string;
  bodyHash: string;
}

/**
 * A mail that cannot be taken apart (nested too deeply, too many parts, a header without end): the fields at its
 * top and the beginning of its raw text. The whole of it goes along as an attachment, so nothing is lost.
 */
export async function readPlainly(body: Body): Promise<PlainReading> {
  const hash = createHash('sha256');
  const pieces: Buffer[] = [];
  let kept = 0;
  for await (const chunk of chunksOf(body)) {
    hash.update(chunk);
    if (kept >= HEADER_BYTES + PLAIN_READING_BYTES_MAX) continue;
    pieces.push(Buffer.from(chunk));
    kept += chunk.length;
  }
  const beginning = Buffer.concat(pieces);
  const end = headerEnd(beginning.subarray(0, HEADER_BYTES));
  const header = new mailsplit.Headers(beginning.subarray(0, end)).getList().slice(0, LINES_MAX);
  // Without a single field these bytes have no header, only words.
  const from = header.some(({ key }) => /^[!-9;-~]+$/.test(key)) ? end : 0;
  return {
    header: from === 0 ? [] : header,
    text: tidy(guess(beginning.subarray(from, from + PLAIN_READING_BYTES_MAX))).trim(),
    bodyHash: hash.digest('hex'),
  };
}

/** SHA-256 of the bytes of a mail, in hexadecimal. */
export async function hashOf(body: Body): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunksOf(body)) hash.update(chunk);
  return hash.digest('hex');
}

async function* chunksOf(body: Body): AsyncGenerator<Buffer> {
  if (body.bytes) {
    yield body.bytes;
    return;
  }
  try {
    for await (const chunk of body.open()) yield chunk as Buffer;
  } catch (error) {
    throw new BodyFailed(error);
  }
}

/** Behind the first empty line; without one, all that was looked at is header. */
function headerEnd(bytes: Buffer): number {
  const ends = ['\r\n\r\n', '\n\n']
    .map((mark) => [bytes.indexOf(mark), mark.length] as const)
    .filter(([at]) => at >= 0);
  return ends.length ? Math.min(...ends.map(([at, length]) => at + length)) : bytes.length;
}
