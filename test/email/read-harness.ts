import { readdirSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { createNormalise } from '../../channels/email/read/normalise.ts';
import type { ReadingConfig } from '../../channels/email/read/read-facts.ts';
import {
  type InboxId,
  inboundEventSchema,
  type MailEnvelope,
  type MessageEvent,
  type Normalised,
  type RawId,
  type RawInbound,
  type ReceiptEvent,
} from '../../src/contract/index.ts';

const FIXTURES = new URL('fixtures/', import.meta.url);
const PIECE_BYTES = 1009;

export const MESSAGE_TOKEN = 'm0123456789abcdef0123456789abcdef01234567';
export const CONVERSATION_TOKEN = 'c0123456789abcdef0123456789abcdef01234567';
export const CONFIG: ReadingConfig = {
  address: 'support@shop.example',
  aliases: ['help@shop.example'],
  trustedAuthserv: 'mx.shop.example',
};

export const fixtureNames = (): string[] =>
  readdirSync(FIXTURES)
    .filter((name) => name.endsWith('.eml'))
    .map((name) => name.slice(0, -4))
    .sort();

export const fixture = (name: string): Buffer => readFileSync(new URL(`${name}.eml`, FIXTURES));

export function rawOf(bytes: Buffer | string, envelope: Partial<MailEnvelope> = {}): RawInbound {
  const buffer = Buffer.from(bytes as string);
  return {
    id: '0123456789abcdef01234567' as RawId,
    inbox: 'mail' as InboxId,
    envelope: { via: 'imap', to: [], ...envelope },
    body: { size: buffer.length, bytes: buffer, open: () => Readable.from([buffer]) },
    receivedAt: new Date(0),
  };
}

/** The same mail as one that is too big to be at hand: only as a stream, in small pieces. */
export function streamed(raw: RawInbound, pieceBytes = PIECE_BYTES): RawInbound {
  const bytes = raw.body.bytes!;
  const pieces = function* () {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  };
  return { ...raw, body: { size: bytes.length, open: () => Readable.from(pieces(), { objectMode: false }) } };
}

export interface Read extends Normalised {
  message: MessageEvent;
  receipts: ReceiptEvent[];
}

/** Normalises, and checks what every mail must give: events of the schema, exactly one of them a message. */
export async function read(raw: RawInbound, config: ReadingConfig = CONFIG): Promise<Read> {
  const normalised = await createNormalise(config)(raw);
  const events = normalised.events.map((event) => inboundEventSchema.parse(event));
  const messages = events.filter((event) => event.type === 'message');
  if (messages.length !== 1) throw new Error(`${messages.length} message events instead of one`);
  return {
    ...normalised,
    message: messages[0]!,
    receipts: events.filter((event) => event.type === 'receipt'),
  };
}

export const readFixture = (name: string, envelope?: Partial<MailEnvelope>): Promise<Read> =>
  read(rawOf(fixture(name), envelope));

/** All parts with their bytes. */
export async function bytesOf(normalised: Normalised): Promise<Map<string, Buffer>> {
  const parts = new Map<string, Buffer>();
  await normalised.parts.read(async (part, bytes) => {
    const chunks: Buffer[] = [];
    for await (const chunk of bytes) chunks.push(chunk as Buffer);
    parts.set(part, Buffer.concat(chunks));
  });
  return parts;
}

export const flagsOf = (message: MessageEvent): string[] =>
  (message.context?.flags as string[] | undefined) ?? [];
