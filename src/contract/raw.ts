import type { Readable } from 'node:stream';
import type { InboxId, RawId } from './kinds.ts';

/** An HTTP request as it came in, before any parser: `path` holds the query too. Header names are lower-case. */
export interface HttpEnvelope {
  via: 'http';
  method: string;
  path: string;
  headers: Record<string, string>;
}

/** A mail as its transport handed it over. `from` is the return path ('' for a bounce, absent when unknown). */
export interface MailEnvelope {
  via: 'imap' | 'smtp';
  from?: string;
  to: string[];
  /** Where an IMAP mail lay: enough to find it again. */
  folder?: string;
  uidValidity?: string;
  uid?: number;
  /** Facts of the SMTP session, for the check of SPF. */
  remoteAddress?: string;
  helo?: string;
}

export type Envelope = HttpEnvelope | MailEnvelope;

/**
 * What a channel hands over the moment something arrives. `key` says what makes a repeated delivery the same:
 * the signed part of a webhook, or the body's own bytes together with a word (a recipient, or '').
 */
export interface Arrival {
  envelope: Envelope;
  body: Buffer | Readable;
  key: { signedPart: string | Buffer } | { bodyWith: string };
  /** When the provider took it in, where that is known (INTERNALDATE); default now. */
  receivedAt?: Date;
  /** From `reconcile`: the dedupe key of the message in it, so that what has come already is not recorded again. */
  dedupeKey?: string;
}

/**
 * The answer of `record`: the arrival is durable. `duplicate` means that an earlier delivery of the same had
 * already been recorded, under this id. `sha256` is that of the body, in hexadecimal.
 */
export interface Recorded {
  id: RawId;
  duplicate: boolean;
  sha256: string;
}

/** Makes an arrival durable. Rejects with StoreUnavailable; whoever calls must then not acknowledge. */
export type RecordArrival = (arrival: Arrival) => Promise<Recorded>;

/** Bytes that may be too big for memory: small ones are at hand as `bytes`, all can be read as a stream. */
export interface Body {
  size: number;
  bytes?: Buffer;
  open(): Readable;
}

/** A stored arrival, opened again for `normalise`. */
export interface RawInbound {
  id: RawId;
  inbox: InboxId;
  envelope: Envelope;
  body: Body;
  receivedAt: Date;
}
