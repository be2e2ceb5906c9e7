/**
 * Sealing at rest: AES-256-GCM under keys derived once per secret. A sealed value opens only under the context that
 * it was sealed for ("raw:ID"), so that one row's bytes cannot be passed off as another's.
 *
 * Sealed:  version 0x01 | key id (4) | nonce (12, random) | ciphertext | tag (16). The nonce is random: a secret
 *          should be rotated before 2^32 seals (NIST SP 800-38D, 8.3).
 * Streams: see seal-stream.ts.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Transform } from 'node:stream';
import { decrypt, deriveKey, encrypt, KEY_ID_BYTES, SealError, type SealKey, TAG_BYTES } from './seal-key.ts';
import { openingStream, sealingStream } from './seal-stream.ts';

const VERSION = 0x01;
const NONCE_BYTES = 12;
const HEADER_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES;
/** Bytes that sealing adds. */
export const SEAL_OVERHEAD = HEADER_BYTES + TAG_BYTES;

export { SealError, type SealErrorCode } from './seal-key.ts';

export interface Sealer {
  seal(bytes: Buffer, context: string): Buffer;
  /** Throws SealError. */
  open(sealed: Buffer, context: string): Buffer;
  /** For bytes of any size, in constant memory. */
  sealStream(context: string): Transform;
  /** Fails with SealError. Bytes of a frame come out only once it is proved; the end only once it was the last. */
  openStream(context: string): Transform;
  /** HMAC-SHA256 in hexadecimal, cut to `length` digits. `purpose` keeps the tokens of one use from serving another. */
  mac(purpose: string, data: string, length: number): string;
  /** Whether `given` is the mac of `data`, under any of the secrets; compared in constant time. */
  checkMac(purpose: string, data: string, given: string, length: number): boolean;
}

/** The first secret seals, all of them open. */
export function createSealer(secrets: readonly string[]): Sealer {
  const keys = secrets.map(deriveKey);
  const first = keys[0];
  if (!first) throw new TypeError('createSealer needs at least one secret');
  const byId = new Map(keys.map((key) => [key.id.toString('hex'), key]));
  const find = (id: Buffer): SealKey => {
    const key = byId.get(id.toString('hex'));
    if (key) return key;
    throw new SealError(
      'seal_unknown_key',
      'Sealed with a secret that is not in EARSHOT_SECRET; add it to the list.',
    );
  };
  return {
    seal: (bytes, context) => seal(first, bytes, context),
    open: (sealed, context) => open(find, sealed, context),
    sealStream: (context) => sealingStream(first, context),
    openStream: (context) => openingStream(find, context),
    mac: (purpose, data, length) => macOf(first, purpose, data).slice(0, length),
    checkMac(purpose, data, given, length) {
      if (length < 1 || given.length !== length || Buffer.byteLength(given) !== length) return false;
      let fits = false;
      for (const key of keys) {
        const wanted = macOf(key, purpose, data).slice(0, length);
        fits = timingSafeEqual(Buffer.from(wanted), Buffer.from(given)) || fits;
      }
      return fits;
    },
  };
}

function seal(key: SealKey, bytes: Buffer, context: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const { body, tag } = encrypt(key.seal, nonce, context, bytes);
  return Buffer.concat([Buffer.of(VERSION), key.id, nonce, body, tag]);
}

function open(find: (id: Buffer) => SealKey, sealed: Buffer, context: string): Buffer {
  if (sealed.length < SEAL_OVERHEAD || sealed[0] !== VERSION)
    throw new SealError('seal_malformed', 'These bytes were not sealed by Earshot.');
  const key = find(sealed.subarray(1, 1 + KEY_ID_BYTES));
  const nonce = sealed.subarray(1 + KEY_ID_BYTES, HEADER_BYTES);
  return decrypt(key.seal, nonce, context, sealed.subarray(HEADER_BYTES));
}

function macOf(key: SealKey, purpose: string, data: string): string {
  return createHmac('sha256', key.mac).update(`${purpose}\0${data}`).digest('hex');
}
