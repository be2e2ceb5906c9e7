import type { Address } from '../contract/index.ts';
import { FAST, type Store } from '../store/connect.ts';
import { IDENTITIES, type IdentityDoc } from './model.ts';

/** Remembers whether this address wants messages from this inbox. Setting it twice is setting it once. */
export async function setConsent(
  store: Store,
  address: Address,
  inbox: string,
  consent: 'opt-out' | 'opt-in',
): Promise<void> {
  await store
    .collection<IdentityDoc>(IDENTITIES)
    .updateOne(
      { kind: address.kind, value: address.value, current: true },
      consent === 'opt-out' ? { $addToSet: { optedOut: inbox } } : { $pull: { optedOut: inbox } },
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
    .findOne({ kind: address.kind, value: address.value, current: true }, { projection: { optedOut: 1 } });
  return row?.optedOut?.includes(inbox) ?? false;
}
