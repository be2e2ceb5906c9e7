/**
 * From drafts to tickets. Every step is one round trip for the whole wave, and idempotent: unique indexes and
 * compare-and-set decide who was first, so any number of workers may do the same at once, and a worker that died
 * half-way is followed by one that does it again.
 */
import { addressKey, findContacts, matchContacts, saveContacts } from '../../src/contacts/match-contacts.ts';
import { findThreads } from '../../src/conversations/find-conversations.ts';
import {
  movePointers,
  openConversations,
  touchConversations,
} from '../../src/conversations/open-conversations.ts';
import { namedIds, ownThreadKey } from '../../src/conversations/place-message.ts';
import { findStored, sameKey, storeMessages } from '../../src/conversations/store-messages.ts';
import { readToken } from '../../src/conversations/tokens.ts';
import type { RawOutcome } from '../../src/intake/model.ts';
import { nextNumbers } from '../../src/store/counters.ts';
import { findTickets, touchTickets } from '../../src/tickets/open-tickets.ts';
import type { WorkerDeps } from '../deps.ts';
import { activitiesOf, messageOf } from './compose.ts';
import type { Draft } from './draft.ts';
import { keepMedia } from './keep-media.ts';
import { keepParts } from './keep-parts.ts';
import { type Plan, planMessage } from './plan.ts';

/** A thread that changes under our hands this often is not being filed but fought over. */
const ROUNDS_MAX = 8;

/**
 * Files one wave. Answers an outcome a draft, in order. Rejects as a whole when anything but a race goes wrong.
 * `numbered` is called once new tickets have their numbers.
 */
export async function fileMessages(
  deps: WorkerDeps,
  drafts: Draft[],
  numbered?: () => void,
): Promise<RawOutcome[]> {
  const outcomes = new Map<Draft, RawOutcome>();
  let open = drafts;
  for (let round = 0; open.length > 0; round++) {
    if (round === ROUNDS_MAX) throw new Error('the thread kept changing while its message was being filed');
    for (const [draft, outcome] of await fileRound(deps, open, numbered)) outcomes.set(draft, outcome);
    open = open.filter((draft) => !outcomes.has(draft));
  }
  return drafts.map((draft) => outcomes.get(draft)!);
}

/** One attempt; drafts whose facts were overtaken by another worker are left out of the answer. */
async function fileRound(
  deps: WorkerDeps,
  drafts: Draft[],
  numbered?: () => void,
): Promise<Map<Draft, RawOutcome>> {
  const { store } = deps;
  const outcomes = new Map<Draft, RawOutcome>();

  const [stored, knownContacts, threads] = await Promise.all([
    findStored(
      store,
      drafts.map(({ delivery, message }) => ({ inbox: delivery.inbox.id, dedupeKey: message.dedupeKey })),
    ),
    findContacts(
      store,
      drafts.filter(isOfPerson).map(({ message }) => message.sender),
    ),
    findThreads(
      store,
      drafts.map((draft) => threadQuestion(deps, draft)),
    ),
  ]);

  const resumed: Draft[] = [];
  const fresh = drafts.flatMap((draft, i) => {
    const same = stored.get(sameKey(draft.delivery.inbox.id, draft.message.dedupeKey));
    if (!same) return [{ draft, thread: threads[i]! }];
    const ours = same.raw?.equals(draft.delivery.claim.doc._id);
    if (ours) resumed.push(draft);
    outcomes.set(draft, ours ? doneOf(draft) : duplicateOf(draft, same._id, same.ticket));
    return [];
  });
  // Stored by an attempt that may have died before it came to this.
  await keepMedia(deps, resumed);
  if (fresh.length === 0) return outcomes;

  const now = deps.now();
  const [{ contacts, unsaved }, tickets] = await Promise.all([
    matchContacts(
      store,
      fresh
        .map(({ draft }) => draft)
        .filter(isOfPerson)
        .map((draft) => ({
          address: draft.message.sender,
          proof: draft.delivery.raw.envelope.via === 'http' ? 'channel' : 'claimed',
          again: draft.again,
        })),
      knownContacts,
      now,
    ),
    findTickets(
      store,
      fresh.flatMap(({ thread, draft }) => [
        ...(draft.bound ? [draft.bound.ticket] : []),
        ...(thread.byKey ? [thread.byKey.ticket] : []),
        ...thread.candidates.map((candidate) => candidate.ticket),
      ]),
    ),
  ]);

  const plans = fresh.map(({ draft, thread }) =>
    planMessage(
      draft,
      thread,
      contacts.get(addressKey(draft.message.sender))?.contact,
      tickets,
      deps.registry.isOwn,
      now,
    ),
  );
  const [settled] = await Promise.all([settleThreads(deps, plans), saveContacts(store, unsaved, now)]);
  numbered?.();
  await keepParts(
    deps,
    settled.map((plan) => plan.draft),
  );
  const stands = await touchTickets(
    store,
    settled.map((plan) => ({
      fresh: plan.ticket,
      conversation: plan.conversation._id,
      at: plan.ticket.updatedAt,
      wake: plan.joining === 'wake' || plan.joining === 'reopen',
      presence: plan.opens ? 'new' : plan.numbered ? 'unsure' : 'known',
      mayBeClosed: plan.draft.message.automation !== 'none',
    })),
  );
  const kept = settled.filter((_, i) => stands[i]);

  const isNew = await storeMessages(
    store,
    kept.map((plan) => messageOf(plan, now)),
  );
  const activities = kept.flatMap((plan, i) => (isNew[i] ? activitiesOf(plan, now) : []));
  await Promise.all([
    storeMessages(store, activities),
    keepMedia(
      deps,
      kept.filter((_, i) => isNew[i]).map(({ draft }) => draft),
    ),
  ]);
  kept.forEach(({ draft, ticket }, i) => {
    outcomes.set(draft, isNew[i] ? doneOf(draft) : duplicateOf(draft, draft.id, ticket._id));
    if (isNew[i])
      deps.metrics.ticketed((deps.now().getTime() - draft.delivery.claim.doc.recordedAt.getTime()) / 1000);
  });
  return outcomes;
}

/** A bounce belongs to the message it is about; a mail server is nobody's contact. */
const isOfPerson = (draft: Draft) => !draft.bound;

function threadQuestion({ sealer }: WorkerDeps, { delivery, message }: Draft) {
  return {
    inbox: delivery.inbox.id,
    sender: addressKey(message.sender),
    ownKey: ownThreadKey(message),
    tokenConversation: readToken(sealer, 'c', message.thread.token),
    namedIds: delivery.inbox.capabilities.threading === 'references' ? namedIds(message) : [],
  };
}

/** Opens and moves conversations and numbers new tickets. Leaves out the plans that another worker has overtaken. */
async function settleThreads({ store }: WorkerDeps, plans: Plan[]): Promise<Plan[]> {
  const opening = plans.filter((plan) => plan.opens);
  const moving = plans.filter((plan) => plan.joining === 'follow-up');
  const numbered = plans.filter((plan) => plan.numbered);
  const [opened, pointers, firstNumber] = await Promise.all([
    openConversations(
      store,
      opening.map((plan) => plan.conversation),
    ),
    movePointers(
      store,
      moving.map(({ conversation, ticket }) => ({
        conversation: conversation._id,
        from: conversation.ticket,
        to: ticket._id,
      })),
    ),
    numbered.length > 0 ? nextNumbers(store, 'tickets', numbered.length) : 0,
    touchConversations(
      store,
      plans.flatMap((plan) => (plan.touch ? [plan.touch] : [])),
    ),
  ]);
  numbered.forEach((plan, i) => {
    plan.ticket.number = firstNumber + i;
  });
  const overtaken = new Set<Plan>([
    ...opening.filter((plan, i) => !opened[i]!._id.equals(plan.conversation._id)),
    ...moving.filter(
      ({ conversation, ticket }) => !pointers.get(conversation._id.toHexString())?.equals(ticket._id),
    ),
  ]);
  return plans.filter((plan) => !overtaken.has(plan));
}

/** Without ids: that of the message follows from the delivery (message-id.ts), and what is alike settles as one. */
const doneOf = ({ event }: Draft): RawOutcome => ({ event, type: 'message', state: 'done' });

const duplicateOf = (
  { event }: Draft,
  message: RawOutcome['message'],
  ticket: RawOutcome['ticket'],
): RawOutcome => ({ event, type: 'message', state: 'duplicate', message, ticket });
