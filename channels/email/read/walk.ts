import { finished } from 'node:stream';
import mailsplit from '@zone-eu/mailsplit';
import type { Body } from '../../../src/contract/index.ts';
import { DEPTH_MAX, HEADER_BYTES_MAX, PARTS_MAX } from './limits.ts';

export type MimeNode = InstanceType<typeof mailsplit.MimeNode>;

/** Why a mail cannot be taken apart. It is then read plainly. */
export class TooComplex extends Error {
  readonly flag: string;
  constructor(flag: string) {
    super(`The mail breaks a limit of structure: ${flag}.`);
    this.name = 'TooComplex';
    this.flag = flag;
  }
}

/** The bytes themselves could not be read: no fault of the mail, and worth another try. */
export class BodyFailed extends Error {
  constructor(cause: unknown) {
    super('The bytes of a mail could not be read.', { cause });
    this.name = 'BodyFailed';
  }
}

export interface Visitor {
  /** A MIME node begins; its headers are known. `ordinal` counts from 0, the root. */
  begin(node: MimeNode, ordinal: number): void | Promise<void>;
  /** A piece of its body as it was transferred, before base64 or quoted-printable are undone. */
  body(bytes: Buffer): void | Promise<void>;
  /** The last begun node has ended. */
  end(): void | Promise<void>;
}

/**
 * Walks the MIME nodes of a mail in their order, holding one chunk of it at a time. A message inside the message
 * is a leaf like any attachment. Throws TooComplex, BodyFailed, and what the visitor throws.
 */
export async function walk(body: Body, visitor: Visitor): Promise<void> {
  const splitter = new mailsplit.Splitter({
    ignoreEmbedded: true,
    maxHeadSize: HEADER_BYTES_MAX,
    maxChildNodes: PARTS_MAX,
  });
  const source = body.bytes ? undefined : body.open();
  if (source) {
    // Also when it closes before its end, which no pipe passes on.
    finished(source, { writable: false }, (error) => {
      if (error) splitter.destroy(new BodyFailed(error));
    });
    source.pipe(splitter);
  } else splitter.end(body.bytes);

  const depths = new WeakMap<object, number>();
  let ordinal = 0;
  try {
    for await (const chunk of splitter) {
      if (chunk.type === 'node') {
        const depth = chunk.parentNode ? (depths.get(chunk.parentNode) ?? 0) + 1 : 0;
        if (depth > DEPTH_MAX) throw new TooComplex('nested-too-deeply');
        depths.set(chunk, depth);
        if (ordinal > 0) await visitor.end();
        await visitor.begin(chunk, ordinal++);
      } else if (isBody(chunk)) {
        const pending = visitor.body(chunk.value);
        if (pending) await pending;
      }
    }
    if (ordinal > 0) await visitor.end();
  } catch (error) {
    if ((error as { code?: string }).code !== 'EMAXLEN') throw error;
    throw new TooComplex(/header/i.test((error as Error).message) ? 'header-too-long' : 'too-many-parts');
  } finally {
    source?.destroy();
    splitter.destroy();
  }
}

type Chunk = mailsplit.SplitterChunk;

/** What a multipart without a boundary holds is nobody's preamble: it is all there is. */
const isBody = (chunk: Chunk): chunk is Extract<Chunk, { value?: Buffer }> & { value: Buffer } =>
  chunk.type !== 'node' &&
  'value' in chunk &&
  chunk.value !== undefined &&
  (chunk.type === 'body' || (chunk.type === 'data' && !!chunk.node.multipart && !chunk.node._boundary));
