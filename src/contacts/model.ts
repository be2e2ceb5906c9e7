import type mongoose from 'mongoose';
import type { Address } from '../contract/index.ts';

type ObjectId = mongoose.Types.ObjectId;

export const CONTACTS = 'contacts';
export const IDENTITIES = 'identities';

export interface ContactDoc {
  _id: ObjectId;
  name?: string;
  createdAt: Date;
}

/**
 * An address of a contact, for as long as it is his: numbers are recycled, mailboxes change hands. One current row
 * an address; earlier owners' rows stay with `until`.
 */
export interface IdentityDoc {
  _id: ObjectId;
  kind: Address['kind'];
  value: string;
  name?: string;
  contact: ObjectId;
  current: boolean;
  since: Date;
  until?: Date;
  /** claimed: somebody wrote this in a header. channel: the provider vouches for it (a signed webhook). */
  proof: 'claimed' | 'channel';
  /** What this address last said to an inbox, by its id: STOP or START. */
  consent?: Record<string, { optedOut: boolean; at: Date }>;
}

export const INDEXES = [
  {
    collection: IDENTITIES,
    keys: { kind: 1, value: 1 },
    options: { unique: true, name: 'identity_current', partialFilterExpression: { current: true } },
  },
  { collection: IDENTITIES, keys: { contact: 1 }, options: { name: 'identity_contact' } },
];
