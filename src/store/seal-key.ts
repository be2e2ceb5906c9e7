import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';

const KEY_BYTES = 32;
export const KEY_ID_BYTES = 4;
export const TAG_BYTES = 16;
const SALT = 'earshot';

/**
 * tampered: the bytes, or the context, are not those that were sealed. unknown_key: sealed by a secret that is not
 * among EARSHOT_SECRET. malformed: not a sealed value at all. truncated: the end of a stream is missing.
 */
export type SealErrorCode = 'seal_tampered' | 'seal_unknown_key' | 'seal_malformed' | 'seal_truncated';

export class SealError extends Error {
  readonly code: SealErrorCode;
  constructor(code: SealErrorCode, message: string) {
    super(message);
    this.name = 'SealError';
    this.code = code;
  }
}

/** What one secret gives: derived once, since HKDF for every seal would cost more than the seal. */
export interface SealKey {
  id: Buffer;
  seal: Buffer;
  stream: Buffer;
  mac: Buffer;
}

export function deriveKey(secret: string): SealKey {
  const derive = (info: string, bytes: number) => Buffer.from(hkdfSync('sha256', secret, SALT, info, bytes));
  return {
    id: derive('key id', KEY_ID_BYTES),
    seal: derive('seal', KEY_BYTES),
    stream: derive('stream', KEY_BYTES),
    mac: derive('mac', KEY_BYTES),
  };
}

export function encrypt(
  key: Buffer,
  nonce: Buffer,
  context: string,
  bytes: Buffer,
): { body: Buffer; tag: Buffer } {
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
  const body = cipher.update(bytes);
  cipher.final();
  return { body, tag: cipher.getAuthTag() };
}

/** `body`: ciphertext and tag. Throws SealError `seal_tampered`. */
export function decrypt(key: Buffer, nonce: Buffer, context: string, body: Buffer): Buffer {
  const end = body.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(context))
    .setAuthTag(body.subarray(end));
  try {
    const bytes = decipher.update(body.subarray(0, end));
    decipher.final();
    return bytes;
  } catch {
    throw new SealError('seal_tampered', 'The sealed bytes were changed, or belong elsewhere.');
  }
}
