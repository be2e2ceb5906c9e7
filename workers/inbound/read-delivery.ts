import { messageId } from '../../src/conversations/message-id.ts';
import type { RawDoc } from '../../src/intake/model.ts';
import { openRaw } from '../../src/intake/open-raw.ts';
import type { Claim } from '../../src/store/work/index.ts';
import { classify } from '../../src/triage/classify.ts';
import { maskEvent } from '../../src/triage/mask.ts';
import type { WorkerDeps } from '../deps.ts';
import type { Delivery, Draft } from './draft.ts';

/** A delivery of an inbox that was removed waits until somebody adds it again, or dies of age. */
export class InboxGone extends Error {
  readonly code = 'inbox_gone';
  constructor(inbox: string) {
    super(`The inbox ${inbox} does not exist any more. Add it again, or let this delivery die.`);
  }
}

/** Opens a raw record and asks its channel what it says. Throws InboxGone, SealError, ChannelError. */
export async function readDelivery(
  deps: WorkerDeps,
  claim: Claim<RawDoc>,
  queuedAt: Date,
): Promise<Delivery> {
  const inbox = await deps.registry.get(claim.doc.inbox);
  if (!inbox) throw new InboxGone(claim.doc.inbox);
  const raw = openRaw(claim.doc, deps);
  const { events, parts } = await inbox.channel.normalise(raw);
  return { claim, inbox, raw, events, parts, queuedAt };
}

/** The messages of a delivery, masked before anything of them is stored, logged or queued. */
export function draftMessages(delivery: Delivery, now: () => Date): Draft[] {
  return delivery.events.flatMap((event, index) => {
    if (event.type !== 'message') return [];
    const message = maskEvent(event);
    return [
      {
        delivery,
        event: index,
        id: messageId(delivery.claim.doc._id, index),
        message,
        again: delivery.claim.doc.attempts > 1,
        triage: classify(message.text),
        classifiedAt: now(),
      },
    ];
  });
}
