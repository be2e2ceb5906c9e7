import type { Envelope } from '../contract/index.ts';
import type { Sealer } from '../store/seal.ts';

const LENGTH_BYTES = 4;

/** What the seal is bound to: a sealed record cannot be passed off as another inbox's. */
const context = (inbox: string) => `raw:${inbox}`;

/** Envelope and body in one sealed piece: length of the envelope, envelope as JSON, bytes of the body. */
export function pack(sealer: Sealer, inbox: string, envelope: Envelope, body: Buffer): Buffer {
  const head = Buffer.from(JSON.stringify(envelope));
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32BE(head.length);
  return sealer.seal(Buffer.concat([length, head, body]), context(inbox));
}

/** Opens what `pack` has made. Throws SealError when the bytes were altered or no secret fits. */
export function unpack(sealer: Sealer, inbox: string, sealed: Buffer): { envelope: Envelope; body: Buffer } {
  const clear = sealer.open(sealed, context(inbox));
  const bodyAt = LENGTH_BYTES + clear.readUInt32BE(0);
  return {
    envelope: JSON.parse(clear.toString('utf8', LENGTH_BYTES, bodyAt)) as Envelope,
    body: clear.subarray(bodyAt),
  };
}
