import { Readable } from 'node:stream';
import type { InboxId, RawId, RawInbound } from '../contract/index.ts';
import type { Blobs } from '../store/blobs.ts';
import type { Sealer } from '../store/seal.ts';
import type { RawDoc } from './model.ts';
import { unpack } from './pack.ts';

/** A stored delivery as the channel wants it. Throws SealError when no secret opens it. */
export function openRaw(doc: RawDoc, { sealer, blobs }: { sealer: Sealer; blobs: Blobs }): RawInbound {
  const { envelope, body } = unpack(sealer, doc.inbox, Buffer.from(doc.sealed.buffer));
  const { blob } = doc;
  return {
    id: doc._id.toHexString() as RawId,
    inbox: doc.inbox as InboxId,
    envelope,
    body: blob
      ? { size: doc.size, open: () => blobs.open(blob) }
      : { size: body.length, bytes: body, open: () => Readable.from([body]) },
    receivedAt: doc.receivedAt,
  };
}
