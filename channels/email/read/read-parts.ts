import { PassThrough } from 'node:stream';
import { type Attachment, type Body, type Parts, partsOf } from '../../../src/contract/index.ts';
import type { Leaf } from './gather.ts';
import { nameOf } from './name-attachment.ts';
import { type Decoder, undoTransfer } from './undo-transfer.ts';
import { BodyFailed, walk } from './walk.ts';

const keyOf = (leaf: Leaf): string => `part-${leaf.ordinal}`;

/** Facts about the leaves that are attachments, or too long to be read as text. */
export const attachmentsOf = (leaves: readonly Leaf[]): Attachment[] =>
  leaves.map((leaf) => ({
    name: nameOf(leaf),
    type: leaf.type,
    size: leaf.size,
    ...(leaf.contentId ? { contentId: leaf.contentId } : {}),
    part: keyOf(leaf),
  }));

/** Their bytes: of a small mail at hand, of a big one decoded anew while being read, one chunk at a time. */
export function readParts(body: Body, leaves: readonly Leaf[]): Parts {
  if (body.bytes) return partsOf(new Map(leaves.map((leaf) => [keyOf(leaf), leaf.kept])));
  const wanted = new Map(leaves.map((leaf) => [leaf.ordinal, keyOf(leaf)]));
  return { read: (visit) => readAnew(body, wanted, visit) };
}

/** The whole mail as its one part. */
export function wholeMail(body: Body): Parts {
  return { read: (visit) => visit(WHOLE_MAIL, body.bytes ? PassThrough.from([body.bytes]) : body.open()) };
}
export const WHOLE_MAIL = 'original';

async function readAnew(
  body: Body,
  wanted: ReadonlyMap<number, string>,
  visit: Parameters<Parts['read']>[0],
): Promise<void> {
  let open: { decoder: Decoder; stream: PassThrough; visited: Promise<void> } | undefined;
  try {
    await walk(body, {
      begin(node, ordinal) {
        const part = wanted.get(ordinal);
        if (part === undefined) return;
        const stream = new PassThrough();
        // Whoever visits may leave early: what is left of the part is then passed over.
        const take = (chunk: Buffer): void => {
          if (!stream.destroyed) stream.write(chunk);
        };
        const visited = visit(part, stream).finally(() => stream.destroy());
        visited.catch(() => {});
        open = { decoder: undoTransfer(node, take, () => stream.end()), stream, visited };
      },
      async body(bytes) {
        if (!open) return;
        await open.decoder.write(bytes);
        if (open.stream.writableNeedDrain && !open.stream.destroyed) await drained(open.stream);
      },
      async end() {
        if (!open) return;
        const { decoder, visited } = open;
        open = undefined;
        await decoder.end();
        await visited;
      },
    });
  } catch (error) {
    throw error instanceof BodyFailed ? error.cause : error;
  } finally {
    open?.stream.destroy();
  }
}

const drained = (stream: PassThrough): Promise<void> =>
  new Promise((resolve) => {
    const settle = (): void => {
      stream.off('drain', settle).off('close', settle);
      resolve();
    };
    stream.on('drain', settle).on('close', settle);
  });
