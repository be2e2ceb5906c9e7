import { Readable } from 'node:stream';
import { TEXT_INLINE_BYTES } from '../../src/contract/index.ts';
import type { WorkerDeps } from '../deps.ts';
import { type Draft, effectKey } from './draft.ts';

/** No part of a delivery is bigger than the delivery can be. In bytes. */
const PART_MAX = 64 * 1024 * 1024;

/** Puts the bytes that came along, and texts too long for a document, into the blob store. Done twice, it is done once. */
export async function keepParts({ blobs }: Pick<WorkerDeps, 'blobs'>, drafts: Draft[]): Promise<void> {
  await Promise.all(
    drafts.map(async (draft) => {
      const user = effectKey(draft, 'parts');
      const wanted = new Set(draft.message.attachments.flatMap(({ part }) => part ?? []));
      if (wanted.size > 0) {
        draft.blobs = new Map();
        await draft.delivery.parts.read(async (part, bytes) => {
          if (!wanted.has(part)) return void bytes.resume();
          draft.blobs!.set(part, await blobs.put(bytes, { user, maxBytes: PART_MAX }));
        });
      }
      await keepLongText(draft, async (text) => {
        const kept = await blobs.put(Readable.from([text]), { user, maxBytes: PART_MAX });
        return kept.sha256;
      });
    }),
  );
}

async function keepLongText(draft: Draft, put: (text: Buffer) => Promise<string>): Promise<void> {
  const { message } = draft;
  const whole = message.fullText ?? message.text;
  if (Buffer.byteLength(whole) > TEXT_INLINE_BYTES) draft.textBlob = await put(Buffer.from(whole));
  draft.message = {
    ...message,
    text: beginning(message.text),
    ...(message.fullText === undefined ? {} : { fullText: beginning(message.fullText) }),
    // Half a document of HTML is no document: the text shows what there is, the original holds the rest.
    html: message.html && Buffer.byteLength(message.html) <= TEXT_INLINE_BYTES ? message.html : undefined,
  };
}

/** As much of a text as a document may hold, cut at a character. */
function beginning(text: string): string {
  if (Buffer.byteLength(text) <= TEXT_INLINE_BYTES) return text;
  return new TextDecoder().decode(Buffer.from(text).subarray(0, TEXT_INLINE_BYTES)).replace(/\uFFFD+$/, '');
}
