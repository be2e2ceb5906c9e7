import type { Address } from '../contract/index.ts';
import { FAST, type Store } from '../store/connect.ts';
import { IDENTITIES, type IdentityDoc } from './model.ts';

/**
 * Remembers whether this address wants messages from this inbox. The word that was said last counts, in whatever order
 * they come in; setting it twice is setting it once.
 */
export async function setConsent(
  store: Store,
  address: Address,
  inbox: string,
  consent: { optedOut: boolean; at: Date },
): Promise<void> {
  const said = `consent.${inbox}`;
  await store.collection<IdentityDoc>(IDENTITIES).updateOne(
    {
      kind: address.kind,
      value: address.value,
      current: true,
      $or: [{ [said]: { $exists: false } }, { [`${said}.at`]: { $lte: consent.at } }],
    },
    { $set: { [said]: consent } },
    FAST,
  );
}

export async function hasOptedOut(
  store: Store,
  address: Pick<Address, 'kind' | 'value'>,
  inbox: string,
): Promise<boolean> {
  const row = await store
    .collection<IdentityDoc>(IDENTITIES)
    .findOne({ kind: address.kind, value: address.value, current: true }, { projection: { consent: 1 } });
  return row?.consent?.[inbox]?.optedOut ?? false;
}
