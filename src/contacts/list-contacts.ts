import type mongoose from 'mongoose';
import { IDENTITY_KINDS } from '../contract/index.ts';
import type { Store } from '../store/connect.ts';
import { CONTACTS, type ContactDoc, IDENTITIES, type IdentityDoc } from './model.ts';
import { type KnownContact, readContacts } from './read-contact.ts';

type ObjectId = mongoose.Types.ObjectId;

/** A search through names reads the whole collection: it may take this long. */
const SEARCH_MS = 2_000;
const SEARCH_HITS_MAX = 1_000;
const PHONE = /^\+?[\d\s().-]{4,24}$/;

/** Newest first, `limit` of them, older than `before`. `search`: an address, a phone number or part of a name. */
export async function listContacts(
  store: Store,
  { search, before, limit }: { search?: string | undefined; before?: ObjectId | undefined; limit: number },
): Promise<KnownContact[]> {
  const named = search === undefined ? undefined : await findByAddress(store, search);
  const found = await store
    .collection<ContactDoc>(CONTACTS)
    .find(
      {
        ...(search === undefined
          ? {}
          : { $or: [{ _id: { $in: named } }, { name: { $regex: escapePattern(search), $options: 'i' } }] }),
        ...(before ? { $and: [{ _id: { $lt: before } }] } : {}),
      },
      { projection: { _id: 1 }, maxTimeMS: SEARCH_MS },
    )
    .sort({ _id: -1 })
    .limit(limit)
    .toArray();
  return [
    ...(
      await readContacts(
        store,
        found.map((contact) => contact._id),
      )
    ).values(),
  ];
}

/** Owners, now, of exactly this address, however it is written. */
export async function findByAddress(store: Store, address: string): Promise<ObjectId[]> {
  const rows = await store
    .collection<IdentityDoc>(IDENTITIES)
    // The kinds are named so that the index on (kind, value) serves.
    .find(
      { current: true, kind: { $in: [...IDENTITY_KINDS] }, value: { $in: spellings(address) } },
      { projection: { contact: 1 }, limit: SEARCH_HITS_MAX },
    )
    .toArray();
  return rows.map((row) => row.contact);
}

/** Whether it has the form of an address: worth a look among the identities. */
export function looksLikeAddress(text: string): boolean {
  return text.includes('@') || PHONE.test(text);
}

function spellings(address: string): string[] {
  const forms = [address, address.toLowerCase()];
  if (PHONE.test(address)) {
    const digits = address.replace(/\D/g, '');
    forms.push(digits, `+${digits}`);
  }
  return [...new Set(forms)];
}

/** The words of a search are words, whatever they hold. */
export const escapePattern = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
