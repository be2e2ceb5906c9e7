/**
 * One conversation's outbox, oldest first. Only the oldest open reply of a conversation may be claimed, and its lease
 * keeps every other worker off the conversation: so there is one delivery at a time, in order, and a head that waits
 * for its retry holds what stands behind it until it is sent, failed or cancelled.
 */
import type mongoose from 'mongoose';
import { MESSAGES } from '../../src/conversations/model.ts';
import { InboxError, type OpenInbox } from '../../src/inboxes/index.ts';
import type { Claim, Settlement, WorkQueue } from '../../src/store/work/index.ts';
import type { WorkerDeps } from '../deps.ts';
import { keepLeases } from '../keep-leases.ts';
import { acceptedBy, conclude, keepProgress, type Reply, stepOf, wait } from './conclude.ts';
import { patiently } from './patiently.ts';
import { type Sent, sendReply } from './send-reply.ts';
import { settlementOfFailure } from './settle.ts';

/** A reply whose worker has died is looked at this long after the last renewal. */
export const OUTBOUND_LEASE_MS = 15_000;

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
    if (head.state !== 'sending' && (await isBusy(deps, claim))) {
      await wait(
        deps,
        work,
        claim,
        'conversation_busy',
        'Another reply of this conversation is leaving.',
        BUSY_WAIT_MS,
      );
      return;
    }
    const rested = await keepLeases(deps, work, [claim], OUTBOUND_LEASE_MS, () =>
      head.state === 'sending'
        ? giveUpAbandoned(deps, work, claim, inbox)
        : deliverOne(deps, work, claim, inbox),
    );
    if (!rested) return;
  }
}

/** Two of a conversation come back this far apart at most, so that they do not meet again. */
const BUSY_WAIT_MS = 1_000;

/**
 * Looked at again once the claim stands: an older reply that was queued anew (retried, or from another process within
 * the same second) may have been claimed between our look and our claim.
 */
async function isBusy({ store, now }: WorkerDeps, { doc }: Claim<Reply>): Promise<boolean> {
  const other = await store.collection<Reply>(MESSAGES).findOne(
    {
      conversation: doc.conversation!,
      _id: { $ne: doc._id },
      dueAt: { $exists: true, $gt: now() },
      state: 'sending',
    },
    { projection: { _id: 1 } },
  );
  return other !== null;
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
