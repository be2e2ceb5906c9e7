import type mongoose from 'mongoose';
import type { RawInbound } from '../contract/index.ts';
import { type Refused, refuse } from '../lib/refused.ts';
import type { Audit } from '../store/audit.ts';
import type { Blobs } from '../store/blobs.ts';
import type { Store } from '../store/connect.ts';
import { SealError, type Sealer } from '../store/seal.ts';
import { RAW_INBOUND, type RawDoc } from './model.ts';
import { openRaw } from './open-raw.ts';

export interface ShowDeps {
  store: Store;
  sealer: Sealer;
  blobs: Blobs;
  audit: Audit;
  now(): Date;
}

/**
 * Opens what a customer sent, unmasked. The audit line is durable before anything is opened: whoever reads an
 * original has left a trace, even if the connection broke afterwards. `actor`: the agent's id.
 */
export async function showRaw(
  { store, sealer, blobs, audit, now }: ShowDeps,
  id: mongoose.Types.ObjectId,
  actor: string,
): Promise<{ ok: true; raw: RawInbound } | Refused> {
  const doc = await store.collection<RawDoc>(RAW_INBOUND).findOne({ _id: id });
  if (!doc) return refuse(404, 'raw_unknown', 'There is no such delivery, or its retention has ended.');
  await audit.add({
    at: now(),
    actor,
    action: 'raw.open',
    subject: `raw:${id.toHexString()}`,
    detail: { inbox: doc.inbox },
  });
  try {
    return { ok: true, raw: openRaw(doc, { sealer, blobs }) };
  } catch (error) {
    if (error instanceof SealError) return refuse(409, error.code, error.message);
    throw error;
  }
}
