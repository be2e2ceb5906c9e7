import { setConsent } from '../../src/contacts/consent.ts';
import { addressKey, findContacts, matchContacts, saveContacts } from '../../src/contacts/match-contacts.ts';
import type { ConsentEvent, ReceiptEvent } from '../../src/contract/index.ts';
import { applyReceipt } from '../../src/conversations/apply-receipt.ts';
import type { MessageDoc } from '../../src/conversations/model.ts';
import type { RawOutcome } from '../../src/intake/model.ts';
import { maskText } from '../../src/triage/mask.ts';
import type { WorkerDeps } from '../deps.ts';
import { tellFailure } from '../tell-failure.ts';
import type { Bound, Delivery } from './draft.ts';

/** Everything of a delivery but its messages. `bound`: where a bounce belongs, if its receipts have found one. */
export async function applyEvents(
  deps: WorkerDeps,
  delivery: Delivery,
): Promise<{ outcomes: RawOutcome[]; bound?: Bound }> {
  const outcomes: RawOutcome[] = [];
  let bound: Bound | undefined;
  for (const [index, event] of delivery.events.entries()) {
    const outcome = { event: index, type: event.type };
    switch (event.type) {
      case 'message':
        break;
      case 'receipt': {
        const { state, message } = await applyOne(deps, delivery, event);
        if (message?.conversation && message.contact)
          bound ??= { conversation: message.conversation, ticket: message.ticket, contact: message.contact };
        outcomes.push(
          message
            ? { ...outcome, state, message: message._id, ticket: message.ticket }
            : { ...outcome, state, reason: 'it is about no message that we sent' },
        );
        break;
      }
      case 'consent':
        outcomes.push({ ...outcome, ...(await applyConsent(deps, delivery, event)) });
        break;
      case 'ignored':
        outcomes.push({ ...outcome, state: 'ignored', reason: event.reason });
        break;
      default:
        outcomes.push({
          ...outcome,
          state: 'ignored',
          reason: `this version does nothing with a ${event.type}`,
        });
    }
  }
  return { outcomes, ...(bound ? { bound } : {}) };
}

async function applyOne(
  deps: WorkerDeps,
  { inbox, events, claim }: Delivery,
  event: ReceiptEvent,
): Promise<{ state: RawOutcome['state']; message?: MessageDoc }> {
  const alone = events.every(({ type }) => type === 'receipt');
  // A mail server may quote what it refused.
  const receipt = event.reason === undefined ? event : { ...event, reason: maskText(event.reason) };
  const applied = await applyReceipt(deps, inbox.id, receipt, deps.now(), alone);
  if (!('message' in applied)) return { state: applied.effect === 'parked' ? 'parked' : 'ignored' };
  // An attempt before this one may have moved it and died before it told.
  const isNews =
    applied.effect === 'changed' || (claim.doc.attempts > 1 && applied.message.state === 'failed');
  if (isNews && receipt.status === 'failed') await tellFailure(deps, applied.message);
  return { state: applied.effect === 'changed' ? 'done' : 'duplicate', message: applied.message };
}

async function applyConsent(
  { store, now }: WorkerDeps,
  { inbox, raw }: Delivery,
  { sender, consent, at = raw.receivedAt }: ConsentEvent,
): Promise<Pick<RawOutcome, 'state' | 'reason'>> {
  if (consent === 'help') return { state: 'ignored', reason: 'the provider answers HELP by itself' };
  const known = await findContacts(store, [sender]);
  const again = known.has(addressKey(sender));
  const { unsaved } = await matchContacts(
    store,
    [{ address: sender, proof: 'channel', again }],
    known,
    now(),
  );
  await saveContacts(store, unsaved, now());
  await setConsent(store, sender, inbox.id, { optedOut: consent === 'opt-out', at });
  return { state: 'done', reason: consent };
}
