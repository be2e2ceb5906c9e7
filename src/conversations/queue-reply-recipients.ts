import { hasOptedOut } from '../contacts/consent.ts';
import type { Address, Capabilities } from '../contract/index.ts';
import { type Refused, refuse } from '../lib/refused.ts';
import type { Store } from '../store/connect.ts';
import type { ReplyDefaults } from './queue-reply-defaults.ts';

/** An address as an agent writes it: alone (it is of the customer's kind) or with its kind. */
export type GivenAddress = string | { kind: Address['kind']; value: string; name?: string | undefined };

const EMAIL = /^[^\s@<>,;"]+@[^\s@<>,;"]+\.[^\s@<>,;".]+$/;
const EMAIL_LOCAL_HOST = /^[^\s@<>,;"]+@localhost$/;
/** E.164, or a short code. */
const PHONE = /^(\+[1-9]\d{6,14}|\d{3,8})$/;

export interface Recipients {
  ok: true;
  to: Address[];
  cc: Address[];
}

/** Whom a reply goes to. Refuses what the channel cannot carry, addresses that are none, and people who opted out. */
export async function chooseRecipients(
  store: Store,
  { conversation, to: author, replyTo }: ReplyDefaults,
  given: { to?: GivenAddress[] | undefined; cc?: GivenAddress[] | undefined },
  capabilities: Capabilities,
): Promise<Recipients | Refused> {
  if (!given.to?.length && replyTo)
    return refuse(
      409,
      'reply_to_differs',
      'The customer asks for answers at another address than the one he wrote from. Name the recipient in `to`.',
      { sender: author, replyTo },
    );
  const kind = author?.kind;
  const to = given.to?.length
    ? given.to.map((address) => readAddress(address, kind))
    : author
      ? [author]
      : [];
  const cc = (given.cc ?? []).map((address) => readAddress(address, kind));
  if (to.length === 0)
    return refuse(422, 'recipient_missing', 'Nobody is known to write to on this conversation; name `to`.');
  const all = [...to, ...cc];
  const bad = all.indexOf(undefined);
  if (bad !== -1)
    return refuse(422, 'recipient_invalid', 'This is no address of the kind that the channel writes to.', {
      recipient: [...(given.to ?? []), ...(given.cc ?? [])][bad],
    });
  const known = all as Address[];
  if (!capabilities.copies && known.length > 1)
    return refuse(422, 'copies_unsupported', 'This channel writes to one recipient at a time.');
  for (const address of known)
    if (await hasOptedOut(store, address, conversation.inbox))
      return refuse(409, 'recipient_opted_out', `${address.value} wants no more messages from this inbox.`, {
        recipient: address,
      });
  return { ok: true, to: known.slice(0, to.length), cc: known.slice(to.length) };
}

/** undefined: no address of this kind. */
function readAddress(given: GivenAddress, kind: Address['kind'] | undefined): Address | undefined {
  const address = typeof given === 'string' ? { kind, value: given.trim() } : given;
  // One conversation speaks one kind of address; a mail cannot go to a number.
  if (address.kind === undefined || (kind !== undefined && address.kind !== kind)) return undefined;
  const value = spell(address.kind, address.value);
  if (value === undefined) return undefined;
  const name = 'name' in address ? address.name : undefined;
  return { kind: address.kind, value, ...(name ? { name } : {}) };
}

function spell(kind: Address['kind'], value: string): string | undefined {
  if (kind === 'email') {
    const lower = value.toLowerCase();
    return EMAIL.test(lower) || EMAIL_LOCAL_HOST.test(lower) ? lower : undefined;
  }
  if (kind === 'phone') {
    const bare = value.replace(/[\s().-]/g, '');
    return PHONE.test(bare) ? bare : undefined;
  }
  return value;
}
