/**
 * Addresses of our own that carry a token, and how to read them back. `local+TOKEN@domain` (RFC 5233 subaddress):
 * a conversation's token stands in the reply address, a message's token in the return path (VERP) and on the left
 * of its Message-ID. Nothing here says whether a token is genuine: that is the core's to know.
 */

/** Names a conversation. */
export const CONVERSATION_TOKEN = /^c[a-f0-9]{40}$/;
/** Names an outbound message. */
export const MESSAGE_TOKEN = /^m[a-f0-9]{40}$/;

const PLUS = '+';

/** What of an inbox's config says which addresses are its own. */
export interface OwnAddresses {
  address: string;
  aliases?: readonly string[];
}

export interface PlusAddress {
  /** The address without its last plus part, lower-case. */
  base: string;
  /** What stood between the last plus and the at sign, lower-case; absent: no plus part. */
  plus?: string;
}

/** Where answers to a conversation go: `support@x.y` and its token give `support+c12…@x.y`. */
export const replyAddress = (address: string, token: string): string => withPlus(address, token);

/** The envelope sender of one message, so that its bounces name it. */
export const returnPath = (address: string, token: string): string => withPlus(address, token);

/** The Message-ID of one outbound message, with angle brackets. */
export const messageIdOf = (token: string, domain: string): string => `<${token}@${domain}>`;

/** The token on the left side of a Message-ID of ours (with or without angle brackets), whatever its domain. */
export function tokenOfMessageId(messageId: string): string | undefined {
  const left = /^<?([^@<>\s]+)@/.exec(messageId)?.[1]?.toLowerCase();
  return left !== undefined && MESSAGE_TOKEN.test(left) ? left : undefined;
}

/** The part behind the last at sign, lower-case; '' where there is none. */
export function domainOf(address: string): string {
  const at = address.lastIndexOf('@');
  return at < 0 ? '' : address.slice(at + 1).toLowerCase();
}

/**
 * Splits `a+b@c` at the last plus into `a@c` and `b` (an inbox's own address may have a plus part itself).
 * Mailboxes compare without case here: some relays change it.
 */
export function readPlus(address: string): PlusAddress {
  const lower = address.trim().toLowerCase();
  const at = lower.lastIndexOf('@');
  const local = at < 0 ? lower : lower.slice(0, at);
  const plus = local.lastIndexOf(PLUS);
  if (plus < 1) return { base: lower };
  return { base: local.slice(0, plus) + (at < 0 ? '' : lower.slice(at)), plus: local.slice(plus + 1) };
}

/** Whether mail to this address is mail to the inbox: its address, an alias, or a plus form of either. */
export function isOwn(address: string, own: OwnAddresses): boolean {
  const lower = address.trim().toLowerCase();
  return [own.address, ...(own.aliases ?? [])].some((each) => {
    const mine = each.trim().toLowerCase();
    if (lower === mine) return true;
    const at = mine.lastIndexOf('@');
    return at > 0 && lower.startsWith(mine.slice(0, at) + PLUS) && lower.endsWith(mine.slice(at));
  });
}

function withPlus(address: string, token: string): string {
  const at = address.lastIndexOf('@');
  return `${address.slice(0, at)}${PLUS}${token}${address.slice(at)}`;
}
