import { PassThrough, type Readable } from 'node:stream';
import type { SMTPServerDataStream, SMTPServerSession } from 'smtp-server';
import { type Arrival, type MailEnvelope, StoreUnavailable } from '../../../src/contract/index.ts';
import type { Member } from './shared-listener.ts';

/** Up to this size a mail is handed over as bytes, above it as a stream. */
const SMALL_MAX_BYTES = 1024 * 1024;

/** An SMTP reply that is no success: the text begins with an enhanced status code (RFC 3463). */
export class Refusal extends Error {
  readonly responseCode: number;
  constructor(responseCode: number, text: string) {
    super(text);
    this.responseCode = responseCode;
  }
}

export interface Destination {
  member: Member;
  /** The envelope's recipients that lead into this inbox. */
  to: string[];
}

/**
 * Records one mail once for each inbox concerned. Resolves when all of it is durable: only then may the client
 * hear 250. Rejects with a Refusal; whatever was recorded until then is found again as a duplicate on the next try.
 */
export async function takeMail(
  stream: SMTPServerDataStream,
  destinations: readonly Destination[],
  session: SMTPServerSession,
): Promise<void> {
  try {
    // An inbox may have been closed since its recipient was accepted.
    const taken = new Set(destinations.flatMap((each) => each.to));
    if (session.envelope.rcptTo.some((each) => !taken.has(each.address)))
      throw new Refusal(451, '4.3.0 An inbox was closed, try again later');
    const head = await readHead(stream);
    if (head.ended) {
      refuseOversized(stream);
      const bytes = Buffer.concat(head.chunks);
      await allDone(destinations.map((each) => record(each, session, bytes)));
    } else await recordStreamed(stream, head.chunks, destinations, session);
  } catch (error) {
    // The rest of the mail is read away, since the client hears nothing before it has sent it all.
    stream.resume();
    throw asRefusal(error, destinations);
  }
}

async function readHead(stream: Readable): Promise<{ chunks: Buffer[]; ended: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaves the stream open when it stops early: the rest is read by recordStreamed.
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > SMALL_MAX_BYTES) return { chunks, ended: false };
  }
  return { chunks, ended: true };
}

/** One reader feeds the record of each inbox, as fast as the slowest takes it. */
async function recordStreamed(
  stream: SMTPServerDataStream,
  head: Buffer[],
  destinations: readonly Destination[],
  session: SMTPServerSession,
): Promise<void> {
  const copies = destinations.map(() => new PassThrough());
  // The reason reaches the records as their stream's error; here it must not be an unhandled one.
  for (const copy of copies) copy.on('error', () => {});
  const records = allDone(
    destinations.map(async (each, i) => {
      try {
        await record(each, session, copies[i]!);
      } finally {
        // A record that stopped reading must not hold up the others.
        copies[i]!.destroy();
      }
    }),
  );
  records.catch(() => {});
  try {
    for (const chunk of head) await writeAll(copies, chunk);
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      refuseOversized(stream);
      await writeAll(copies, chunk);
    }
    refuseOversized(stream);
  } catch (error) {
    // Never ended, so that no record takes half a mail for a whole one.
    for (const copy of copies) copy.destroy(error as Error);
    await records.catch(() => {});
    throw error;
  }
  for (const copy of copies) copy.end();
  await records;
}

/** Unlike Promise.all it waits for every record, also after one has failed: none may outlive the answer. */
async function allDone(records: Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(records)).find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
}

async function writeAll(copies: PassThrough[], chunk: Buffer): Promise<void> {
  await Promise.all(copies.map((copy) => copy.destroyed || copy.write(chunk) || roomIn(copy)));
}

/** Resolves when the stream takes more, or is gone. */
function roomIn(copy: PassThrough): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      copy.off('drain', end);
      copy.off('close', end);
      resolve();
    };
    copy.on('drain', end);
    copy.on('close', end);
  });
}

async function record(
  { member, to }: Destination,
  session: SMTPServerSession,
  body: Arrival['body'],
): Promise<void> {
  const envelope: MailEnvelope = {
    via: 'smtp',
    // '' for a bounce (RFC 5321, section 4.5.5).
    from: session.envelope.mailFrom ? session.envelope.mailFrom.address : '',
    to,
    remoteAddress: session.remoteAddress,
    ...(session.hostNameAppearsAs ? { helo: session.hostNameAppearsAs } : {}),
  };
  const keyWord = to.map((each) => each.toLowerCase()).sort();
  await member.record({ envelope, body, key: { bodyWith: keyWord.join(',') } });
}

function refuseOversized(stream: SMTPServerDataStream): void {
  if (stream.sizeExceeded) throw new Refusal(552, '5.3.4 The mail is too large');
}

function asRefusal(error: unknown, destinations: readonly Destination[]): Refusal {
  if (error instanceof Refusal) return error;
  for (const { member } of destinations)
    member.log.warn({ err: error }, 'a mail could not be recorded; its sender is asked to try again');
  return error instanceof StoreUnavailable
    ? new Refusal(451, '4.3.0 The store is away, try again later')
    : new Refusal(451, '4.3.0 The mail could not be recorded, try again later');
}
