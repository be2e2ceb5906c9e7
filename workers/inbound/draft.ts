import type mongoose from 'mongoose';
import type { InboundEvent, MessageEvent, Parts, RawInbound } from '../../src/contract/index.ts';
import type { OpenInbox } from '../../src/inboxes/index.ts';
import type { RawDoc } from '../../src/intake/model.ts';
import type { Claim } from '../../src/store/work/index.ts';
import type { Classification } from '../../src/triage/types.ts';

/** A claimed delivery and what its channel says that it holds. */
export interface Delivery {
  claim: Claim<RawDoc>;
  inbox: OpenInbox;
  raw: RawInbound;
  events: InboundEvent[];
  parts: Parts;
  queuedAt: Date;
}

/** A message on its way into a ticket: masked, classified, not yet stored. */
export interface Draft {
  delivery: Delivery;
  event: number;
  /** The same for the same event, however often it is worked on: what was half done is found again. */
  id: mongoose.Types.ObjectId;
  message: MessageEvent;
  triage: Classification;
  classifiedAt: Date;
  /** Worked on before, without an end: what was written first may lack what follows it. */
  again: boolean;
  /** A bounce lies with the message it is about, whoever sent it. */
  bound?: Bound;
  /** Bytes that came along and lie in the blob store now, by part. */
  blobs?: Map<string, { sha256: string; size: number }>;
  /** The whole text lies there too, being too long for a document. */
  textBlob?: string;
}

export interface Bound {
  conversation: mongoose.Types.ObjectId;
  ticket: mongoose.Types.ObjectId;
  contact: mongoose.Types.ObjectId;
}

/** Name of one event's effects: a replay does each once. */
export const effectKey = ({ delivery, event }: Pick<Draft, 'delivery' | 'event'>, effect: string) =>
  `${delivery.raw.id}:${event}:${effect}`;
