import type mongoose from 'mongoose';
import type { WorkFields } from '../store/work/index.ts';
import { workIndex } from '../store/work/index.ts';

export const RAW_INBOUND = 'rawInbound';

/**
 * received: durable, waits for a worker. processing: a worker holds it. done: became what `outcomes` say.
 * ignored: understood, and of no concern. quarantined: nobody can read these bytes. dead: tried too often.
 */
export const RAW_STATES = ['received', 'processing', 'done', 'ignored', 'quarantined', 'dead'] as const;
export type RawState = (typeof RAW_STATES)[number];

/** Which state may follow which; a replay leads every resting state back to `received`. */
export const RAW_MOVES: Record<RawState, readonly RawState[]> = {
  received: ['processing'],
  processing: ['received', 'processing', 'done', 'ignored', 'quarantined', 'dead'],
  done: ['received'],
  ignored: ['received'],
  quarantined: ['received'],
  dead: ['received'],
};

/** What became of one event of the delivery. */
export interface RawOutcome {
  event: number;
  type: string;
  state: 'done' | 'duplicate' | 'ignored' | 'parked' | 'failed';
  /** Not kept of a message that is done: its id follows from this record's. */
  message?: mongoose.Types.ObjectId;
  ticket?: mongoose.Types.ObjectId;
  reason?: string;
}

/** A delivery exactly as it arrived. The envelope and a small body lie sealed in `sealed`, a big body in the blob store. */
export interface RawDoc extends WorkFields {
  _id: mongoose.Types.ObjectId;
  inbox: string;
  contentKey: string;
  via: 'http' | 'imap' | 'smtp';
  state: RawState;
  sealed: mongoose.mongo.Binary;
  /** SHA-256 of a body that lies in the blob store. */
  blob?: string;
  size: number;
  sha256: string;
  /** When the provider took it in, as far as that is known. */
  receivedAt: Date;
  recordedAt: Date;
  outcomes?: RawOutcome[];
  parserVersion?: number;
  /** Deliveries of the same that came after the first. */
  repeats?: number;
}

export const INDEXES = [
  {
    collection: RAW_INBOUND,
    keys: { inbox: 1, contentKey: 1 },
    options: { unique: true, name: 'raw_content' },
  },
  workIndex(RAW_INBOUND),
  {
    collection: RAW_INBOUND,
    keys: { state: 1, _id: -1 },
    options: {
      name: 'raw_unwell',
      partialFilterExpression: { state: { $in: ['ignored', 'quarantined', 'dead'] } },
    },
  },
];
