import mongoose from 'mongoose';
import type { ReceiptEvent } from '../contract/index.ts';
import { FAST, type Store } from '../store/connect.ts';
import type { Sealer } from '../store/seal.ts';
import { MESSAGES, type MessageDoc, PARKED_RECEIPTS, type ParkedReceiptDoc } from './model.ts';
import { type MessageStatus, receiptMovesFrom } from './status.ts';
import { readToken } from './tokens.ts';

/** A message whose state moves between two reads this often is moved by something broken. */
const TRIES_MAX = 5;

/** changed: it moved the message. noted: it was known, of lower rank, or waits for `send` to return. unknown: not ours. */
export type AppliedReceipt =
  | { effect: 'changed' | 'noted'; message: MessageDoc }
  | { effect: 'parked' | 'unknown' };

/**
 * Moves a message by what its provider says of it: ranks only rise, and `failed` never undoes `delivered`. Applied
 * twice, it counts once. One about an id that nobody knows yet is parked, since it may overtake the answer to `send`; not where
 * `mayPark` is false (a mail server's report comes after the fact, and anybody can forge one).
 */
export async function applyReceipt(
  { store, sealer }: { store: Store; sealer: Sealer },
  inbox: string,
  receipt: ReceiptEvent,
  now: Date,
  mayPark: boolean,
): Promise<AppliedReceipt> {
  const known = await findMessage({ store, sealer }, inbox, receipt);
  if (known) return moveMessage(store, known, receipt, now);
  const externalIds = receipt.about.externalIds ?? [];
  if (externalIds.length === 0 || !mayPark) return { effect: 'unknown' };
  const _id = new mongoose.Types.ObjectId();
  await store
    .collection<ParkedReceiptDoc>(PARKED_RECEIPTS)
    .insertOne({ _id, inbox, externalIds, receipt, parkedAt: now }, FAST);
  // `send` may have returned while it was being parked, and then looked in vain.
  const meanwhile = await findMessage({ store, sealer }, inbox, receipt);
  if (!meanwhile) return { effect: 'parked' };
  await store.collection<ParkedReceiptDoc>(PARKED_RECEIPTS).deleteOne({ _id }, FAST);
  return moveMessage(store, meanwhile, receipt, now);
}

async function findMessage(
  { store, sealer }: { store: Store; sealer: Sealer },
  inbox: string,
  { about }: ReceiptEvent,
): Promise<MessageDoc | null> {
  const messages = store.collection<MessageDoc>(MESSAGES);
  const id = readToken(sealer, 'm', about.token);
  if (id) {
    const named = await messages.findOne({ _id: new mongoose.Types.ObjectId(id), inbox, direction: 'out' });
    if (named) return named;
  }
  if (!about.externalIds?.length) return null;
  return messages.findOne({ externalIds: { $in: about.externalIds }, inbox, direction: 'out' });
}

async function moveMessage(
  store: Store,
  message: MessageDoc,
  receipt: ReceiptEvent,
  now: Date,
): Promise<AppliedReceipt> {
  const messages = store.collection<MessageDoc>(MESSAGES);
  const { status } = receipt;
  const step = {
    step: status,
    at: notBefore(message.trace.at(-1)?.at, receipt.at ?? now),
    ...(receipt.reason ? { detail: receipt.reason } : {}),
  };
  if (status === 'delayed') {
    await messages.updateOne(
      { _id: message._id, trace: { $not: { $elemMatch: { step: 'delayed', detail: step.detail } } } },
      { $push: { trace: step } },
      FAST,
    );
    return { effect: 'noted', message };
  }
  const from = movableFrom(status);
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const moved = await messages.findOneAndUpdate(
      { _id: message._id, state: { $in: from }, ...aboutAllOfIt(receipt) },
      {
        $set: { state: status, ...(status === 'failed' ? { error: errorOf(receipt) } : {}) },
        ...(status === 'failed' ? {} : { $unset: { error: '' as const, dueAt: '' as const } }),
        $push: { trace: step },
      },
      { returnDocument: 'after', ...FAST },
    );
    if (moved) return { effect: 'changed', message: moved };
    const pending = await messages.updateOne(
      { _id: message._id, state: 'sending' },
      { $addToSet: { pendingReceipts: receipt } },
      FAST,
    );
    if (pending.matchedCount === 1) return { effect: 'noted', message };
    const movable = { _id: message._id, state: { $in: from }, ...aboutAllOfIt(receipt) };
    if (!(await messages.findOne(movable, { projection: { _id: 1 } }))) return { effect: 'noted', message };
  }
  return { effect: 'noted', message };
}

/** A mail server's report counts whole seconds, by its own clock: no bounce may stand before its message was sent. */
const notBefore = (last: Date | undefined, at: Date): Date => (last && last > at ? last : at);

/**
 * While it is being sent the sender has the word. One that waits for its next try has been sent after all when the
 * provider says so; that an earlier try failed is no news to it.
 */
function movableFrom(status: Exclude<ReceiptEvent['status'], 'delayed'>): MessageStatus[] {
  const left: MessageStatus[] = status === 'failed' ? ['sending', 'queued'] : ['sending'];
  return receiptMovesFrom(status).filter((from) => !left.includes(from));
}

/**
 * A long reply leaves in pieces. Until the last one was accepted (then it has its `externalId`), what is said of one
 * that was accepted before says nothing of the piece that waits, failed or is in doubt.
 */
const aboutAllOfIt = ({ about }: ReceiptEvent) => ({
  $or: [{ externalId: { $exists: true } }, { externalIds: { $nin: about.externalIds ?? [] } }],
});

const errorOf = (receipt: ReceiptEvent) => ({
  code: receipt.permanent === false ? 'delivery_failed' : 'delivery_refused',
  message: receipt.reason ?? 'The provider reports that it was not delivered.',
  ...(receipt.code ? { providerCode: receipt.code } : {}),
});

export interface EarlyReceipts {
  receipts: ReceiptEvent[];
  /** To be called once they are applied: after a crash in between they are found again. */
  forget(): Promise<void>;
}

/** Receipts that came while this message was being sent, or before its id was known: for `applyReceipt` to apply now. */
export async function findEarlyReceipts(
  store: Store,
  id: mongoose.Types.ObjectId,
  externalIds: string[],
): Promise<EarlyReceipts> {
  const messages = store.collection<MessageDoc>(MESSAGES);
  const parked = store.collection<ParkedReceiptDoc>(PARKED_RECEIPTS);
  const [waiting, early] = await Promise.all([
    messages.findOne({ _id: id, pendingReceipts: { $exists: true } }, { projection: { pendingReceipts: 1 } }),
    externalIds.length > 0 ? parked.find({ externalIds: { $in: externalIds } }).toArray() : [],
  ]);
  const pending = waiting?.pendingReceipts ?? [];
  return {
    receipts: [...pending, ...early.map((doc) => doc.receipt)],
    async forget() {
      if (early.length > 0) await parked.deleteMany({ _id: { $in: early.map((doc) => doc._id) } }, FAST);
      if (pending.length === 0) return;
      // Being sent once more, it may have been handed them again.
      const idle = { _id: id, state: { $ne: 'sending' as const } };
      await messages.updateOne(idle, { $pullAll: { pendingReceipts: pending } }, FAST);
      await messages.updateOne(
        { ...idle, pendingReceipts: { $size: 0 } },
        { $unset: { pendingReceipts: '' } },
        FAST,
      );
    },
  };
}

/** Messages whose sending has ended, with receipts that nobody has applied: their worker died in between. */
export async function findUnappliedReceipts(
  store: Store,
  limit: number,
): Promise<Pick<MessageDoc, '_id' | 'inbox'>[]> {
  return store
    .collection<MessageDoc>(MESSAGES)
    .find({ pendingReceipts: { $exists: true }, state: { $ne: 'sending' } }, { projection: { inbox: 1 } })
    .limit(limit)
    .toArray();
}
