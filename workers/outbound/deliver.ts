/**
 * One conversation's outbox, oldest first. Only the oldest open reply of a conversation may be claimed, and its lease
 * keeps every other worker off the conversation: so there is one delivery at a time, in order, and a head that waits
 * for its retry holds what stands behind it until it is sent, failed or cancelled.
 */
import type mongoose from 'mongoose';
import { MESSAGES, type MessageDoc } from '../../src/conversations/model.ts';
import type { MessageStatus } from '../../src/conversations/status.ts';
import { InboxError, type OpenInbox } from '../../src/inboxes/index.ts';
import { DURABLE } from '../../src/store/connect.ts';
import type { Claim, Settlement, WorkDocument, WorkQueue } from '../../src/store/work/index.ts';
import type { WorkerDeps } from '../deps.ts';
import { applyEarlyReceipts } from '../early-receipts.ts';
import { keepLeases } from '../keep-leases.ts';
import { tellFailure } from '../tell-failure.ts';
import { patiently } from './patiently.ts';
import { type Sent, sendReply } from './send-reply.ts';
import { settlementOfFailure } from './settle.ts';

/** A reply whose worker has died is looked at this long after the last renewal. */
export const OUTBOUND_LEASE_MS = 15_000;

export type Reply = MessageDoc & WorkDocument;

/** Sends what is due in this conversation until nothing is, or the head has to wait. */
export async function deliverConversation(
  deps: WorkerDeps,
  work: WorkQueue<Reply>,
  conversation: mongoose.Types.ObjectId,
): Promise<void> {
  for (;;) {
    const open = await deps.store
      .collection<Reply>(MESSAGES)
      .find({ conversation, dueAt: { $exists: true } })
      .sort({ _id: 1 })
      .toArray();
    const head = open.find((reply) => reply.state === 'sending') ?? open[0];
    if (!head || head.dueAt! > deps.now()) return;
    // Asked before the claim: one that is claimed and left counts as cut off amid its sending.
    const inbox = await findInbox(deps, head.inbox);
    const [claim] = await work.claim([head._id], { state: head.state, fence: head.lease.fence });
    // Somebody else has it, or has had it in between.
    if (!claim) return;
    const rested = await keepLeases(deps, work, [claim], OUTBOUND_LEASE_MS, () =>
      head.state === 'sending'
        ? giveUpAbandoned(deps, work, claim, inbox)
        : deliverOne(deps, work, claim, inbox),
    );
    if (!rested) return;
  }
}

/** null: there is none of this id. broken: its config has to be corrected first. */
async function findInbox({ registry }: WorkerDeps, id: string): Promise<OpenInbox | null | 'broken'> {
  try {
    return await registry.get(id);
  } catch (error) {
    if (error instanceof InboxError) return 'broken';
    throw error;
  }
}

/** Its worker died between "sending" and an outcome: the customer may have it. It is not sent a second time. */
async function giveUpAbandoned(
  deps: WorkerDeps,
  work: WorkQueue<Reply>,
  claim: Claim<Reply>,
  inbox: OpenInbox | null | 'broken',
): Promise<boolean> {
  const error = { code: 'timed_out', message: 'Sending was cut off by a crash.' };
  const mayRepeat = inbox !== null && inbox !== 'broken' && inbox.capabilities.idempotentSend;
  const to: Settlement = mayRepeat
    ? { state: 'queued', dueAt: deps.now(), error }
    : { state: 'unconfirmed', error, set: { error } };
  return conclude(deps, work, claim, to, []);
}

async function deliverOne(
  deps: WorkerDeps,
  work: WorkQueue<Reply>,
  claim: Claim<Reply>,
  inbox: OpenInbox | null | 'broken',
): Promise<boolean> {
  const { doc } = claim;
  if (inbox === null) {
    const error = { code: 'inbox_gone', message: 'The inbox does not exist any more.' };
    return conclude(deps, work, claim, { state: 'failed', error, set: { error } }, []);
  }
  if (inbox === 'broken')
    return wait(deps, work, claim, 'inbox_broken', 'The config of the inbox is wrong; the reply waits.');
  if (inbox.paused) return wait(deps, work, claim, 'inbox_paused', 'The inbox is paused; the reply waits.');

  const sending = { step: 'sending', at: deps.now(), attempt: doc.attempts };
  let sent: Sent;
  try {
    sent = await sendReply(deps, inbox, doc, (so_far, pieces) =>
      patiently(() => keepProgress(deps, claim, so_far, pieces)),
    );
  } catch (error) {
    const to = settlementOfFailure(doc, error, {
      resend: inbox.capabilities.idempotentSend,
      now: deps.now(),
      random: Math.random,
    });
    deps.log.warn(
      { err: error, message: doc._id.toHexString(), inbox: doc.inbox, attempt: doc.attempts, next: to.state },
      'a reply was not sent',
    );
    return conclude(deps, work, claim, to, [
      sending,
      {
        step: to.state,
        at: deps.now(),
        attempt: doc.attempts,
        ...(to.error ? { detail: to.error.message } : {}),
      },
    ]);
  }
  return conclude(deps, work, claim, acceptedBy(deps, inbox, doc, sent), [sending, stepOf(deps, sent)], sent);
}

/** Nothing can be sent on this inbox now, which is not the reply's fault. */
function wait(
  deps: WorkerDeps,
  work: WorkQueue<Reply>,
  claim: Claim<Reply>,
  code: string,
  message: string,
): Promise<boolean> {
  const dueAt = new Date(deps.now().getTime() + INBOX_WAIT_MS);
  return conclude(
    deps,
    work,
    claim,
    { state: 'queued', dueAt, error: { code, message }, keepAttempts: true },
    [],
  );
}

/** A reply on an inbox that is paused or broken is looked at again this often. */
const INBOX_WAIT_MS = 60_000;

function acceptedBy(
  { metrics, now }: WorkerDeps,
  { capabilities }: OpenInbox,
  doc: Reply,
  { externalIds, results }: Sent,
): Settlement {
  const status = results.at(-1)!.status;
  const rejected = results.flatMap((result) => result.rejected ?? []);
  metrics.accepted((now().getTime() - doc.createdAt.getTime()) / 1000);
  return {
    state: status,
    set: {
      externalId: externalIds[0],
      externalIds,
      // An answer may name this reply and nothing else of its thread.
      ...(capabilities.threading === 'references' ? { mailIds: externalIds } : {}),
      piecesSent: externalIds.length,
      ...(rejected.length > 0
        ? {
            error: {
              code: 'recipient_refused',
              message: rejected.map(({ recipient, reason }) => `${recipient.value}: ${reason}`).join('; '),
            },
          }
        : {}),
    },
  };
}

function stepOf({ now }: WorkerDeps, { results }: Sent) {
  const { status, detail } = results.at(-1)!;
  return { step: status, at: now(), ...(detail ? { detail } : {}) };
}

/** Makes accepted pieces durable, if the claim still holds. */
async function keepProgress(
  { store }: WorkerDeps,
  { doc, owner, fence }: Claim<Reply>,
  { externalIds }: Sent,
  piecesSent: number,
): Promise<boolean> {
  const kept = await store
    .collection<Reply>(MESSAGES)
    .updateOne(
      { _id: doc._id, 'lease.owner': owner, 'lease.fence': fence },
      { $set: { piecesSent, externalIds } },
      DURABLE,
    );
  return kept.matchedCount === 1;
}

/**
 * Tells the agent of a failure, writes the outcome, adds the steps to the trace, applies receipts that came early.
 * Answers whether the reply has come to rest, so that the next one may go.
 */
async function conclude(
  deps: WorkerDeps,
  work: WorkQueue<Reply>,
  claim: Claim<Reply>,
  to: Settlement,
  steps: NonNullable<MessageDoc['trace']>,
  sent?: Sent,
): Promise<boolean> {
  const { doc } = claim;
  const trace = [...doc.trace, ...steps];
  // Before the outcome: once that stands, nobody comes back to this reply.
  const { state, error } = to;
  if (state === 'failed' || state === 'unconfirmed')
    await patiently(() => tellFailure(deps, { ...doc, state, error }));
  const [held] = await patiently(() => work.settle([{ claim, to: { ...to, set: { ...to.set, trace } } }]));
  if (!held) {
    // Somebody thought us dead and gave the reply up as unconfirmed: what the provider said settles that.
    if (sent) await confirmLate(deps, claim, to);
    return false;
  }
  deps.metrics.outcome(to.state);
  try {
    await applyEarlyReceipts(deps, doc.inbox, doc._id, sent?.externalIds ?? doc.externalIds ?? []);
  } catch (err) {
    deps.log.warn({ err, message: doc._id.toHexString() }, 'early receipts are left to the sweep');
  }
  return to.dueAt === undefined;
}

async function confirmLate(
  { store, log, now }: WorkerDeps,
  { doc }: Claim<Reply>,
  { state, set = {} }: Settlement,
): Promise<void> {
  log.warn({ message: doc._id.toHexString() }, 'a reply was accepted after its lease had run out');
  await store.collection<Reply>(MESSAGES).updateOne(
    { _id: doc._id, state: 'unconfirmed' },
    {
      $set: { ...set, state: state as MessageStatus },
      ...(set.error ? {} : { $unset: { error: '' } }),
      $push: { trace: { step: state, at: now() } },
    },
    DURABLE,
  );
}
