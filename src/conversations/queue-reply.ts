import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import mongoose from 'mongoose';
import { addressKey } from '../contacts/match-contacts.ts';
import { type Address, type Capabilities, fit } from '../contract/index.ts';
import { type Refused, refuse } from '../lib/refused.ts';
import type { Blobs } from '../store/blobs.ts';
import { DURABLE, type Store } from '../store/connect.ts';
import { isDuplicateKey } from '../store/translate-outage.ts';
import { newWork } from '../store/work/index.ts';
import { maskHtml, maskText } from '../triage/mask.ts';
import { CONVERSATIONS, type ConversationDoc, MESSAGES, type MessageDoc } from './model.ts';
import { findReplyDefaults, type ReplyDefaults } from './queue-reply-defaults.ts';
import { chooseRecipients, type GivenAddress } from './queue-reply-recipients.ts';

type ObjectId = mongoose.Types.ObjectId;

export interface ReplyDeps {
  store: Store;
  blobs: Blobs;
  now(): Date;
  /** What the conversation's inbox can carry; undefined: it is not open here, or cannot send. */
  capabilitiesOf(inbox: string): Promise<Capabilities | undefined>;
}

export interface ReplyRequest {
  ticket: { _id: ObjectId; conversations: ObjectId[] };
  author: { id: ObjectId; name: string };
  idempotencyKey?: string | undefined;
  text: string;
  html?: string | undefined;
  attachments: { name: string; type: string; bytes: Buffer }[];
  inbox?: string | undefined;
  to?: GivenAddress[] | undefined;
  cc?: GivenAddress[] | undefined;
}

/** `repeated`: the same request under the same key had been taken already; nothing was stored. */
export type QueuedReply = { ok: true; message: MessageDoc; repeated: boolean };

/** The message that an agent's idempotency key stands for; a conflict when the key stood for another request. */
export async function findQueuedReply(
  store: Store,
  request: ReplyRequest,
): Promise<QueuedReply | Refused | undefined> {
  if (request.idempotencyKey === undefined) return undefined;
  const message = await store
    .collection<MessageDoc>(MESSAGES)
    .findOne({ author: request.author.id, idempotencyKey: request.idempotencyKey });
  if (!message) return undefined;
  if (message.bodyHash === hashRequest(request)) return { ok: true, message, repeated: true };
  return refuse(
    422,
    'idempotency_conflict',
    'This Idempotency-Key was used for another reply. Use a new key for a new reply.',
  );
}

/**
 * Makes a reply a stored message in the outbox; whoever calls wakes the outbound worker afterwards. Durable once it
 * has resolved. The unique index on (author, idempotencyKey) decides between two of the same at once.
 */
export async function queueReply(deps: ReplyDeps, request: ReplyRequest): Promise<QueuedReply | Refused> {
  const before = await findQueuedReply(deps.store, request);
  if (before) return before;
  const defaults = await findReplyDefaults(deps.store, request.ticket, request.inbox);
  if (!defaults)
    return refuse(409, 'conversation_missing', 'The ticket has no conversation on this inbox to answer in.');
  const { conversation } = defaults;
  const capabilities = await deps.capabilitiesOf(conversation.inbox);
  if (!capabilities)
    return refuse(409, 'inbox_cannot_send', `Inbox "${conversation.inbox}" is not open, or sends nothing.`);
  const text = maskText(request.text);
  const attachments = request.attachments.map(({ type, bytes }) => ({ type, size: bytes.length }));
  const fitted = fit({ text, attachments }, capabilities, conversation.lastInboundAt, deps.now());
  if (!fitted.ok) return refuse(fitted.code === 'window_closed' ? 409 : 422, fitted.code, fitted.message);
  const recipients = await chooseRecipients(deps.store, defaults, request, capabilities);
  if (!recipients.ok) return recipients;
  return store(deps, request, { defaults, recipients, text, subject: capabilities.subject });
}

interface Draft {
  defaults: ReplyDefaults;
  recipients: { to: Address[]; cc: Address[] };
  text: string;
  subject: boolean;
}

async function store(deps: ReplyDeps, request: ReplyRequest, draft: Draft): Promise<QueuedReply | Refused> {
  const _id = new mongoose.Types.ObjectId();
  const user = `${_id.toHexString()}:0:reply`;
  try {
    const message = compose(
      _id,
      deps.now(),
      request,
      draft,
      await keep(deps.blobs, user, request.attachments),
    );
    // Before the message: an answer from a new recipient finds him a participant.
    await admit(deps.store, draft.defaults.conversation, [...draft.recipients.to, ...draft.recipients.cc]);
    await deps.store.collection<MessageDoc>(MESSAGES).insertOne(message, DURABLE);
    return { ok: true, message, repeated: false };
  } catch (error) {
    // Any other error leaves open whether it was stored: then its bytes are the sweep's to judge.
    if (!isDuplicateKey(error)) throw error;
    if (request.attachments.length > 0) await deps.blobs.release(user).catch(() => {});
    const winner = await findQueuedReply(deps.store, request);
    if (winner) return winner;
    throw error;
  }
}

async function keep(blobs: Blobs, user: string, attachments: ReplyRequest['attachments']) {
  const kept: MessageDoc['attachments'] = [];
  for (const { name, type, bytes } of attachments) {
    const { sha256 } = await blobs.put(Readable.from([bytes]), { user, maxBytes: bytes.length });
    kept.push({ name, type, size: bytes.length, blob: sha256 });
  }
  return kept;
}

async function admit(store: Store, conversation: ConversationDoc, addresses: Address[]): Promise<void> {
  const added = addresses.map(addressKey).filter((p) => !conversation.participants.includes(p));
  if (added.length === 0) return;
  await store
    .collection<ConversationDoc>(CONVERSATIONS)
    .updateOne({ _id: conversation._id }, { $addToSet: { participants: { $each: added } } }, DURABLE);
}

function compose(
  _id: ObjectId,
  now: Date,
  request: ReplyRequest,
  { defaults, recipients, text, subject }: Draft,
  attachments: MessageDoc['attachments'],
): MessageDoc {
  const { conversation, answers } = defaults;
  const title = conversation.subject ?? answers?.subject;
  return {
    _id,
    type: 'message',
    direction: 'out',
    inbox: conversation.inbox,
    channel: conversation.channel,
    conversation: conversation._id,
    ticket: request.ticket._id,
    contact: conversation.contact,
    text,
    ...(request.html ? { html: maskHtml(request.html) } : {}),
    ...(subject && title ? { subject: title } : {}),
    attachments,
    to: recipients.to,
    cc: recipients.cc,
    ...(answers?.externalId ? { inReplyTo: answers.externalId } : {}),
    references: answers?.references ?? [],
    automatic: false,
    author: request.author.id,
    authorName: request.author.name,
    ...(request.idempotencyKey === undefined
      ? {}
      : { idempotencyKey: request.idempotencyKey, bodyHash: hashRequest(request) }),
    ...newWork('queued'),
    state: 'queued',
    trace: [{ step: 'queued', at: now }],
    createdAt: now,
  };
}

function hashRequest({ ticket, text, html, inbox, to, cc, attachments }: ReplyRequest): string {
  const files = attachments.map(({ name, type, bytes }) => [
    name,
    type,
    createHash('sha256').update(bytes).digest('hex'),
  ]);
  const words = [ticket._id.toHexString(), text, html ?? null, inbox ?? null, to ?? null, cc ?? null, files];
  return createHash('sha256').update(JSON.stringify(words)).digest('hex');
}
