/** What became of one reply, written down: accepted, failed, unconfirmed, or queued again for later. */
import type { MessageDoc } from '../../src/conversations/model.ts';
import { MESSAGES } from '../../src/conversations/model.ts';
import type { MessageStatus } from '../../src/conversations/status.ts';
import type { OpenInbox } from '../../src/inboxes/index.ts';
import { DURABLE } from '../../src/store/connect.ts';
import type { Claim, Settlement, WorkDocument, WorkQueue } from '../../src/store/work/index.ts';
import type { WorkerDeps } from '../deps.ts';
import { applyEarlyReceipts } from '../early-receipts.ts';
import { tellFailure } from '../tell-failure.ts';
import { patiently } from './patiently.ts';
import type { Sent } from './send-reply.ts';

export type Reply = MessageDoc & WorkDocument;

/** Nothing can be sent on this inbox now, which is not the reply's fault. */
export function wait(
  deps: WorkerDeps,
  work: WorkQueue<Reply>,
  claim: Claim<Reply>,
  code: string,
  message: string,
  waitMs = INBOX_WAIT_MS,
): Promise<boolean> {
  const dueAt = new Date(deps.now().getTime() + waitMs * (0.5 + Math.random() / 2));
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

export function acceptedBy(
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

export function stepOf({ now }: WorkerDeps, { results }: Sent) {
  const { status, detail } = results.at(-1)!;
  return { step: status, at: now(), ...(detail ? { detail } : {}) };
}

/** Makes accepted pieces durable, if the claim still holds. */
export async function keepProgress(
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
export async function conclude(
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
