import type mongoose from 'mongoose';
import type {
  Address,
  Attachment,
  AuthVerdict,
  ChannelKind,
  MessageEvent,
  ReceiptEvent,
} from '../contract/index.ts';
import type { Lease } from '../store/work/index.ts';
import { type WorkError, workIndex } from '../store/work/index.ts';
import type { Classification } from '../triage/types.ts';
import { MEDIA_INDEXES } from './media-work.ts';
import type { MessageStatus } from './status.ts';

type ObjectId = mongoose.Types.ObjectId;

export const CONVERSATIONS = 'conversations';
export const MESSAGES = 'messages';
export const PARKED_RECEIPTS = 'parkedReceipts';

/** One thread of one contact on one inbox. */
export interface ConversationDoc {
  _id: ObjectId;
  inbox: string;
  channel: ChannelKind;
  /** Made by the core: see thread-key.ts. */
  threadKey: string;
  contact: ObjectId;
  /** Addresses (`kind:value`) that have a place in this thread: who writes from another is a stranger. */
  participants: string[];
  /** The ticket that new messages join; moves by compare-and-set only. */
  ticket: ObjectId;
  subject?: string;
  /** Opened by a stranger in this other conversation: shown beside it until an agent has looked. */
  besides?: ObjectId;
  lastInboundAt: Date;
  createdAt: Date;
}

export interface TraceStep {
  step: string;
  at: Date;
  attempt?: number;
  detail?: string;
}

export interface StoredAttachment extends Omit<Attachment, 'part' | 'remote'> {
  /** Bytes in the blob store; absent while they are still to be fetched or when they could not be had. */
  blob?: string;
  remote?: Record<string, string>;
  error?: string;
}

/** A message in or out, a note, or an activity. Outbound ones are the outbox: then they have the fields of a work item. */
export interface MessageDoc {
  _id: ObjectId;
  type: 'message' | 'note' | 'activity';
  direction: 'in' | 'out';
  inbox: string;
  channel: ChannelKind;
  conversation?: ObjectId;
  ticket: ObjectId;
  contact?: ObjectId;
  externalId?: string;
  text: string;
  /** SHA-256 of the whole text in the blob store, where `text` is but its beginning. */
  textBlob?: string;
  fullText?: string;
  html?: string;
  subject?: string;
  sender?: Address;
  attachments: StoredAttachment[];
  trace: TraceStep[];
  createdAt: Date;

  // inbound
  dedupeKey?: string;
  raw?: ObjectId;
  recipients?: MessageEvent['recipients'];
  replyTo?: Address[];
  sentAt?: Date;
  automation?: MessageEvent['automation'];
  triage?: Classification;
  claims?: MessageEvent['claims'];
  authentication?: AuthVerdict;
  context?: Record<string, unknown>;
  /** Ids by which a later mail finds this one's thread: see place-message.ts. */
  mailIds?: string[];
  /** Ids of the thread before this message, oldest first. */
  references?: string[];

  // outbound
  state?: MessageStatus;
  author?: ObjectId;
  authorName?: string;
  idempotencyKey?: string;
  bodyHash?: string;
  to?: Address[];
  cc?: Address[];
  inReplyTo?: string;
  automatic?: boolean;
  /** Every id under which the provider knows it (a long reply goes out as several). */
  externalIds?: string[];
  /** Pieces that have been accepted: a retry goes on after them. */
  piecesSent?: number;
  error?: { code: string; message: string; providerCode?: string };
  /** Came while it was being sent: applied as soon as that has an outcome. */
  pendingReceipts?: ReceiptEvent[];
  dueAt?: Date;
  lease?: Lease;
  attempts?: number;
  lastError?: WorkError;

  // activity
  activity?: string;
}

/** A receipt that came before the message it is about was known. */
export interface ParkedReceiptDoc {
  _id: ObjectId;
  inbox: string;
  externalIds: string[];
  receipt: ReceiptEvent;
  parkedAt: Date;
}

/** A receipt that nothing claims is forgotten after this. In seconds. */
const PARKED_SECONDS = 7 * 24 * 3600;

export const INDEXES = [
  ...MEDIA_INDEXES,
  {
    collection: CONVERSATIONS,
    keys: { inbox: 1, threadKey: 1 },
    options: { unique: true, name: 'conversation_thread' },
  },
  {
    collection: MESSAGES,
    keys: { inbox: 1, dedupeKey: 1 },
    options: {
      unique: true,
      name: 'message_same',
      partialFilterExpression: { dedupeKey: { $exists: true } },
    },
  },
  { collection: MESSAGES, keys: { ticket: 1, createdAt: 1, _id: 1 }, options: { name: 'message_ticket' } },
  { collection: MESSAGES, keys: { mailIds: 1 }, options: { sparse: true, name: 'message_mail_ids' } },
  { collection: MESSAGES, keys: { externalIds: 1 }, options: { sparse: true, name: 'message_external_ids' } },
  {
    collection: MESSAGES,
    keys: { author: 1, idempotencyKey: 1 },
    options: {
      unique: true,
      name: 'message_idempotency',
      partialFilterExpression: { idempotencyKey: { $exists: true } },
    },
  },
  {
    collection: MESSAGES,
    keys: { conversation: 1, _id: 1 },
    options: { name: 'message_outbox', partialFilterExpression: { dueAt: { $exists: true } } },
  },
  workIndex(MESSAGES),
  {
    collection: MESSAGES,
    keys: { state: 1 },
    options: {
      name: 'message_early_receipts',
      partialFilterExpression: { pendingReceipts: { $exists: true } },
    },
  },
  { collection: PARKED_RECEIPTS, keys: { externalIds: 1 }, options: { name: 'parked_external_ids' } },
  {
    collection: PARKED_RECEIPTS,
    keys: { parkedAt: 1 },
    options: { name: 'parked_expiry', expireAfterSeconds: PARKED_SECONDS },
  },
];
