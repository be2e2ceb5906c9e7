import type mongoose from 'mongoose';
import {
  applyReceipt,
  findEarlyReceipts,
  findUnappliedReceipts,
} from '../src/conversations/apply-receipt.ts';
import type { WorkerDeps } from './deps.ts';
import { tellFailure } from './tell-failure.ts';

/** Messages looked at in one sweep. */
const SWEEP_AT_MOST = 200;

/** Applies what the provider said of a message while it was being sent, or before its ids were known. */
export async function applyEarlyReceipts(
  deps: WorkerDeps,
  inbox: string,
  id: mongoose.Types.ObjectId,
  externalIds: string[],
): Promise<void> {
  const early = await findEarlyReceipts(deps.store, id, externalIds);
  for (const receipt of early.receipts) {
    const applied = await applyReceipt(deps, inbox, receipt, deps.now(), false);
    if (applied.effect === 'changed' && receipt.status === 'failed') await tellFailure(deps, applied.message);
  }
  if (early.receipts.length > 0) await early.forget();
}

/** A worker may have died after a message had come to rest and before its early receipts were applied. */
export async function sweepEarlyReceipts(deps: WorkerDeps): Promise<void> {
  for (const { _id, inbox } of await findUnappliedReceipts(deps.store, SWEEP_AT_MOST))
    await applyEarlyReceipts(deps, inbox, _id, []);
}
