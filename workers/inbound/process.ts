import type { RawDoc, RawOutcome } from '../../src/intake/model.ts';
import type { Turn } from '../../src/lib/turns.ts';
import type { Claim, Settlement, WorkQueue } from '../../src/store/work/index.ts';
import type { Authenticator } from '../authenticate.ts';
import type { WorkerDeps } from '../deps.ts';
import { applyEvents } from './apply-events.ts';
import type { Delivery, Draft } from './draft.ts';
import { fileMessages } from './file-messages.ts';
import { whyIgnored } from './own-mail.ts';
import { draftMessages, readDelivery } from './read-delivery.ts';
import { settlementOf, settlementOfError } from './settle.ts';
import { intoWaves } from './waves.ts';

export interface Claimed {
  claim: Claim<RawDoc>;
  queuedAt: Date;
}

/** Works on claimed deliveries in company and settles each. Never rejects but when MongoDB is away. */
export async function processDeliveries(
  deps: WorkerDeps,
  work: WorkQueue<RawDoc>,
  claimed: Claimed[],
  authenticator: Pick<Authenticator, 'check'>,
  turn?: Turn,
): Promise<void> {
  const settlements = new Map<Claim<RawDoc>, Settlement>();
  const fail = (claim: Claim<RawDoc>, error: unknown) => {
    settlements.set(claim, settlementOfError(claim.doc, error, deps.now()));
    deps.log.warn(
      { err: error, raw: claim.doc._id.toHexString(), inbox: claim.doc.inbox, attempt: claim.doc.attempts },
      'a delivery could not be processed',
    );
  };

  // One after another: reading is the processor's work, and a body is big while it is being read.
  const deliveries: Delivery[] = [];
  for (const { claim, queuedAt } of claimed) {
    try {
      deliveries.push(await readDelivery(deps, claim, queuedAt));
    } catch (error) {
      fail(claim, error);
    }
  }

  const outcomes = new Map<Delivery, RawOutcome[]>();
  const drafts: Draft[] = [];
  const applied = await Promise.allSettled(deliveries.map((delivery) => applyEvents(deps, delivery)));
  for (const [i, delivery] of deliveries.entries()) {
    const result = applied[i]!;
    if (result.status === 'rejected') {
      fail(delivery.claim, result.reason);
      continue;
    }
    const { outcomes: own, bound } = result.value;
    outcomes.set(delivery, own);
    for (const draft of draftMessages(delivery, deps.now)) {
      if (bound && draft.message.automation === 'bounce') draft.bound = bound;
      const reason = whyIgnored(deps, draft);
      if (reason) own.push({ event: draft.event, type: 'message', state: 'ignored', reason });
      else drafts.push(draft);
    }
  }

  await turn?.come();
  const waves = intoWaves(drafts);
  for (const [i, wave] of waves.entries()) {
    const numbered = i === waves.length - 1 ? turn?.over : undefined;
    for (const [draft, outcome] of await fileWave(deps, wave, numbered)) {
      if (outcome.ok) outcomes.get(draft.delivery)!.push(outcome.value);
      else fail(draft.delivery.claim, outcome.error);
    }
  }

  for (const [{ claim, inbox }, own] of outcomes)
    if (!settlements.has(claim)) settlements.set(claim, settlementOf(own, inbox.channel.parserVersion));
  await work.settle([...settlements].map(([claim, to]) => ({ claim, to })));
  for (const { state } of settlements.values()) deps.metrics.processed(state);
  for (const draft of drafts)
    if (settlements.get(draft.delivery.claim)?.state === 'done') authenticator.check(draft);
}

type Filed = { ok: true; value: RawOutcome } | { ok: false; error: unknown };

/** A wave that fails as a whole is filed one by one: the culprit fails alone, its neighbours flow. */
async function fileWave(deps: WorkerDeps, wave: Draft[], numbered?: () => void): Promise<[Draft, Filed][]> {
  try {
    const filed = await fileMessages(deps, wave, numbered);
    return wave.map((draft, i) => [draft, { ok: true, value: filed[i]! }]);
  } catch (error) {
    if (wave.length === 1) return [[wave[0]!, { ok: false, error }]];
    for (const draft of wave) draft.again = true;
    const one = await Promise.all(wave.map((draft) => fileWave(deps, [draft])));
    return one.flat();
  }
}
