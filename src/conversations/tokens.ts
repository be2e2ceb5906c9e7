import type { Sealer } from '../store/seal.ts';

/** c: a conversation (in the reply address). m: an outbound message (in its Message-ID, return path, callback). */
export type TokenKind = 'c' | 'm';

/** 16 hexadecimal digits = 64 bits: nobody guesses one, and it fits a mail's local part. */
const MAC_DIGITS = 16;
const TOKEN = /^([cm])([a-f0-9]{24})([a-f0-9]{16})$/;

const purpose = (kind: TokenKind) => `token:${kind}`;

/** Names a document to the outside so that it cannot be guessed: kind, id, MAC; [a-z0-9] only, 41 characters. */
export function mintToken(sealer: Sealer, kind: TokenKind, id: string): string {
  return `${kind}${id}${sealer.mac(purpose(kind), id, MAC_DIGITS)}`;
}

/** The id that a token names, or undefined for one that we have not made. */
export function readToken(sealer: Sealer, kind: TokenKind, token: string | undefined): string | undefined {
  const match = token === undefined ? null : TOKEN.exec(token.toLowerCase());
  if (!match || match[1] !== kind) return undefined;
  const [, , id, mac] = match as unknown as [string, string, string, string];
  return sealer.checkMac(purpose(kind), id, mac, MAC_DIGITS) ? id : undefined;
}
