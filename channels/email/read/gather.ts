import type { Body } from '../../../src/contract/index.ts';
import { BodyDigest } from './body-digest.ts';
import { type HeaderLine, linesOf } from './headers.ts';
import {
  REPORT_PART_BYTES_MAX,
  REPORT_TOTAL_BYTES_MAX,
  TEXT_PART_BYTES_MAX,
  TEXT_TOTAL_BYTES_MAX,
} from './limits.ts';
import { type Decoder, undoTransfer } from './undo-transfer.ts';
import { type MimeNode, walk } from './walk.ts';

/** A part of a mail that holds no further parts. */
export interface Leaf {
  /** Its place among all MIME nodes: its key in `Normalised.parts`. */
  ordinal: number;
  type: string;
  role: 'text' | 'html' | 'attachment';
  charset: string | undefined;
  flowed: boolean;
  delSp: boolean;
  filename: string | undefined;
  /** A text with a file name, which a few programs give to what was written: text where there is no other. */
  spare: boolean;
  contentId: string | undefined;
  /** The outermost multipart/alternative that it lies in. */
  alternative: number | undefined;
  /** Bytes, decoded. */
  size: number;
  /** Its decoded bytes, or as many of them as were kept. */
  kept: Buffer;
  whole: boolean;
}

export interface Gathered {
  header: HeaderLine[];
  leaves: Leaf[];
  /** What a multipart/report reports (RFC 6522). */
  reportType: string | undefined;
  bodyHash: string;
}

/** How many bytes may be kept of one part, and of all such parts together. */
interface Purse {
  each: number;
  left: number;
}

/**
 * One pass over the mail: its header, its texts, and facts about its attachments. Of a mail that is at hand the
 * attachments are kept too, of a streamed one only what reports need. Throws TooComplex.
 */
export async function gather(body: Body): Promise<Gathered> {
  const digest = new BodyDigest();
  const gathered: Gathered = {
    header: [],
    leaves: [],
    reportType: undefined,
    bodyHash: '',
  };
  const ordinals = new WeakMap<object, number>();
  const text: Purse = { each: TEXT_PART_BYTES_MAX, left: TEXT_TOTAL_BYTES_MAX };
  const report: Purse = { each: REPORT_PART_BYTES_MAX, left: REPORT_TOTAL_BYTES_MAX };
  const purseOf = (leaf: Leaf): Purse => {
    if (leaf.role !== 'attachment' || (leaf.spare && !body.bytes)) return text;
    if (body.bytes) return { each: Number.POSITIVE_INFINITY, left: Number.POSITIVE_INFINITY };
    return isReportPart(leaf) ? report : { each: 0, left: 0 };
  };
  let decode: Decoder | undefined;

  await walk(body, {
    begin(node, ordinal) {
      ordinals.set(node, ordinal);
      if (ordinal === 0) {
        gathered.header = linesOf(node);
        gathered.reportType = reportTypeOf(gathered.header);
      }
      if (node.multipart && node._boundary) return;
      const leaf = leafOf(node, ordinal, ordinals);
      gathered.leaves.push(leaf);
      const textual = node.encoding !== 'base64' || leaf.type.startsWith('text/');
      digest.begin(leaf.type, textual);
      const purse = purseOf(leaf);
      const limit = Math.min(purse.each, purse.left);
      const chunks: Buffer[] = [];
      let kept = 0;
      decode = undoTransfer(
        node,
        (chunk) => {
          leaf.size += chunk.length;
          digest.update(chunk);
          if (kept >= limit) return;
          // A copy: a view would hold the whole chunk of the file that it was cut from.
          const piece = Buffer.from(chunk.subarray(0, limit - kept));
          chunks.push(piece);
          kept += piece.length;
        },
        () => {
          digest.end();
          leaf.kept = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, kept);
          leaf.whole = kept === leaf.size;
          purse.left -= kept;
        },
      );
    },
    body: (bytes) => decode?.write(bytes),
    async end() {
      await decode?.end();
      decode = undefined;
    },
  });
  gathered.bodyHash = digest.hex();
  if (!gathered.leaves.some(({ role, size }) => role !== 'attachment' && size > 0)) {
    const spare = gathered.leaves.find((leaf) => leaf.spare);
    if (spare) spare.role = roleOf(spare.type);
  }
  return gathered;
}

/** What a report is made of (RFC 3464, RFC 5965, RFC 8098), and texts that say the same in older ones. */
export const isReportPart = ({ type, role }: Leaf): boolean =>
  role === 'attachment' && (type.startsWith('message/') || type.startsWith('text/'));

function leafOf(node: MimeNode, ordinal: number, ordinals: WeakMap<object, number>): Leaf {
  const type = typeOf(node);
  const filename = node.filename || undefined;
  let alternative: number | undefined;
  for (let up = node.parentNode; up; up = up.parentNode) {
    if (up.multipart === 'alternative') alternative = ordinals.get(up) ?? alternative;
  }
  const shown = node.disposition !== 'attachment' && (!filename || node.root || alternative !== undefined);
  return {
    ordinal,
    type,
    role: shown ? roleOf(type) : 'attachment',
    charset: node.charset || undefined,
    flowed: node.flowed,
    delSp: node.delSp,
    filename,
    spare: !shown && node.disposition !== 'attachment' && isText(type),
    contentId: contentIdOf(node),
    alternative,
    size: 0,
    kept: Buffer.alloc(0),
    whole: true,
  };
}

const isText = (type: string): boolean => type === 'text/plain' || type === 'text/html';
const roleOf = (type: string): Leaf['role'] =>
  type === 'text/plain' ? 'text' : type === 'text/html' ? 'html' : 'attachment';

/** A multipart without a boundary holds no parts: what it holds is text. */
function typeOf(node: MimeNode): string {
  const type = (node.contentType || 'text/plain').slice(0, 128).toLowerCase();
  if (node.multipart && !node._boundary) return 'text/plain';
  return /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(type)
    ? type
    : node.root
      ? 'text/plain'
      : 'application/octet-stream';
}

function contentIdOf(node: MimeNode): string | undefined {
  const value = node.headers ? node.headers.getFirst('content-id') : '';
  const id = value.replace(/^<|>$/g, '').trim();
  return id && id.length <= 512 ? id.toWellFormed() : undefined;
}

function reportTypeOf(header: readonly HeaderLine[]): string | undefined {
  const line = header.find(({ key }) => key === 'content-type')?.line.slice(0, 2000) ?? '';
  return /;\s*report-type\s*=\s*"?\s*([\w-]+)/i.exec(line)?.[1]?.toLowerCase();
}
