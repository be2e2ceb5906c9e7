import mongoose from 'mongoose';
import type { Address } from '../contract/index.ts';
import { FAST, type Store } from '../store/connect.ts';
import { isBulkRefusal } from '../store/translate-outage.ts';
import { CONTACTS, type ContactDoc, IDENTITIES, type IdentityDoc } from './model.ts';

export interface Sender {
  address: Address;
  proof: IdentityDoc['proof'];
  /** The work on this message began before and did not end: what it wrote first may lack what follows it. */
  again: boolean;
}

export interface MatchedContact {
  contact: mongoose.Types.ObjectId;
  /** Made by this call: nobody has a conversation with this contact yet. */
  isNew: boolean;
}

/** Key of an address in the maps of this room. */
export const addressKey = (address: { kind: string; value: string }) => `${address.kind}:${address.value}`;

/** Who owns these addresses now. One round trip. */
export async function findContacts(
  store: Store,
  addresses: Pick<Address, 'kind' | 'value'>[],
): Promise<Map<string, MatchedContact>> {
  if (addresses.length === 0) return new Map();
  // Each branch names `current` itself: only then does the planner use the partial index for it.
  const branches = [...Map.groupBy(addresses, (address) => address.kind)].map(([kind, group]) => ({
    current: true,
    kind,
    value: { $in: group.map((address) => address.value) },
  }));
  const rows = await store
    .collection<IdentityDoc>(IDENTITIES)
    .find(branches.length === 1 ? branches[0]! : { $or: branches })
    .toArray();
  return new Map(rows.map((row) => [addressKey(row), { contact: row.contact, isNew: false }]));
}

export interface Matched {
  contacts: Map<string, MatchedContact>;
  /** To be given to `saveContacts` before the message is settled. */
  unsaved: UnsavedContact[];
}

export interface UnsavedContact {
  contact: mongoose.Types.ObjectId;
  name?: string | undefined;
  /** It may be there already, from an attempt that did not end. */
  again: boolean;
}

/**
 * The contacts of these senders, made where there are none. The unique index on the current address decides who made
 * a contact when several workers see a new customer at once: the others find the winner's. `found`: what
 * `findContacts` has answered for them. Writes are FAST; the message's settlement covers them.
 */
export async function matchContacts(
  store: Store,
  senders: Sender[],
  found: Map<string, MatchedContact>,
  now: Date,
): Promise<Matched> {
  const byKey = new Map(senders.map((sender) => [addressKey(sender.address), sender]));
  const missing = [...byKey].filter(([key]) => !found.has(key)).map(([, sender]) => sender);
  const contacts = new Map(found);
  if (missing.length > 0) {
    const made = await claimAddresses(store, missing, now);
    const lost = missing.filter((sender) => !made.has(addressKey(sender.address)));
    for (const [key, contact] of made) contacts.set(key, { contact, isNew: true });
    if (lost.length > 0) {
      const winners = await findContacts(
        store,
        lost.map((sender) => sender.address),
      );
      for (const [key, contact] of winners) contacts.set(key, contact);
    }
  }
  const unsaved = [...byKey].flatMap(([key, { address, again }]) => {
    const matched = contacts.get(key);
    return matched && (matched.isNew || again)
      ? [{ contact: matched.contact, name: address.name, again }]
      : [];
  });
  return { contacts, unsaved };
}

/** Inserts the addresses as current; answers the contacts of those that were free. */
async function claimAddresses(
  store: Store,
  senders: Sender[],
  now: Date,
): Promise<Map<string, mongoose.Types.ObjectId>> {
  const rows = senders.map(
    ({ address, proof }): IdentityDoc => ({
      _id: new mongoose.Types.ObjectId(),
      kind: address.kind,
      value: address.value,
      ...(address.name ? { name: address.name } : {}),
      contact: new mongoose.Types.ObjectId(),
      current: true,
      since: now,
      proof,
    }),
  );
  const refused = new Set<number>();
  try {
    await store.collection<IdentityDoc>(IDENTITIES).insertMany(rows, { ordered: false, ...FAST });
  } catch (error) {
    if (!isBulkRefusal(error)) throw error;
    const failures = [error.writeErrors].flat();
    if (failures.some((failure) => failure.code !== 11000)) throw error;
    for (const failure of failures) refused.add(failure.index);
  }
  return new Map(rows.filter((_, i) => !refused.has(i)).map((row) => [addressKey(row), row.contact]));
}

/** Makes the documents of contacts that `matchContacts` has made. One round trip. FAST. */
export async function saveContacts(store: Store, contacts: UnsavedContact[], now: Date): Promise<void> {
  if (contacts.length === 0) return;
  await store.collection<ContactDoc>(CONTACTS).bulkWrite(
    contacts.map(({ contact, name, again }) => {
      const fields = { ...(name ? { name } : {}), createdAt: now };
      return again
        ? { updateOne: { filter: { _id: contact }, update: { $setOnInsert: fields }, upsert: true } }
        : { insertOne: { document: { _id: contact, ...fields } } };
    }),
    { ordered: false, ...FAST },
  );
}
