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
  let beginning = Buffer.alloc(0);
  let end: number | undefined;
  let sought = true;
  for await (const chunk of chunksOf(body)) {
    if (!sought) hash.update(chunk);
    if (beginning.length < (end ?? 0) + HEADER_BYTES) beginning = Buffer.concat([beginning, chunk]);
    if (!sought) continue;
    end = headerEnd(beginning.subarray(0, HEADER_BYTES));
    sought = end === undefined && beginning.length < HEADER_BYTES;
    if (!sought) hash.update(beginning.subarray(end ?? 0));
  }
  if (sought) hash.update(beginning);
  const top = beginning.subarray(0, Math.min(end ?? beginning.length, HEADER_BYTES));
  const fields = new mailsplit.Headers(top).getList().filter(({ key }) => /^[!-9;-~]+$/.test(key));
  // Without a single field these bytes have no header, only words.
  const from = fields.length ? (end ?? beginning.length) : 0;
  if (from === 0) hash.update(top);
  return {
    header: fields.slice(0, LINES_MAX),
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

/** Behind the first empty line. */
function headerEnd(bytes: Buffer): number | undefined {
  const ends = ['\r\n\r\n', '\n\n']
    .map((mark) => [bytes.indexOf(mark), mark.length] as const)
    .filter(([at]) => at >= 0);
  return ends.length ? Math.min(...ends.map(([at, length]) => at + length)) : undefined;
}
