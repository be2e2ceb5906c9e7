import type mongoose from 'mongoose';
import type { Store } from '../store/connect.ts';
import { CONTACTS, type ContactDoc, IDENTITIES, type IdentityDoc } from './model.ts';

type ObjectId = mongoose.Types.ObjectId;

/** A person with the addresses that are his now. */
export interface KnownContact {
  id: ObjectId;
  name?: string;
  createdAt?: Date;
  identities: IdentityDoc[];
}

/** Contacts by hexadecimal id; one query for the people, one for their addresses, whatever their number. */
export async function readContacts(store: Store, ids: ObjectId[]): Promise<Map<string, KnownContact>> {
  if (ids.length === 0) return new Map();
  const [contacts, identities] = await Promise.all([
    store
      .collection<ContactDoc>(CONTACTS)
      .find({ _id: { $in: ids } })
      .toArray(),
    store
      .collection<IdentityDoc>(IDENTITIES)
      .find({ contact: { $in: ids }, current: true })
      .sort({ _id: 1 })
      .toArray(),
  ]);
  const byId = new Map(contacts.map((contact) => [contact._id.toHexString(), contact]));
  const addresses = Map.groupBy(identities, (identity) => identity.contact.toHexString());
  return new Map(
    ids.map((id) => {
      const key = id.toHexString();
      const contact = byId.get(key);
      const own = addresses.get(key) ?? [];
      // Names that stand beside an address are what its owner wrote; the first serves until somebody knows better.
      const name = contact?.name ?? own.find((identity) => identity.name)?.name;
      return [
        key,
        {
          id,
          ...(name ? { name } : {}),
          ...(contact ? { createdAt: contact.createdAt } : {}),
          identities: own,
        },
      ];
    }),
  );
}

export async function readContact(store: Store, id: ObjectId): Promise<KnownContact | undefined> {
  const known = (await readContacts(store, [id])).get(id.toHexString());
  return known?.createdAt || known?.identities.length ? known : undefined;
}
