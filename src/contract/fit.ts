import type { Capabilities } from './capabilities.ts';

const HOUR_MS = 3_600_000;
/** A reply longer than this many pieces is refused: no agent means to send so many messages. */
export const PIECES_MAX = 10;

export interface Fittable {
  text: string;
  attachments: { type: string; size: number }[];
}

export type Fit =
  | { ok: true; pieces: string[] }
  | {
      ok: false;
      code: 'empty_message' | 'text_too_long' | 'window_closed' | 'media_unsupported' | 'media_too_large';
      message: string;
    };

/**
 * Whether this message may go out on such a channel now, and in which pieces. Pure: asked when the agent presses
 * send, and again by the worker. Attachments travel with the first piece.
 */
export function fit(
  message: Fittable,
  capabilities: Capabilities,
  lastInboundAt: Date | undefined,
  now: Date,
): Fit {
  if (message.text.trim() === '' && message.attachments.length === 0)
    return refuse('empty_message', 'Write a text or attach a file.');
  const window = capabilities.replyWindow;
  if (window && (!lastInboundAt || now.getTime() - lastInboundAt.getTime() > window.hours * HOUR_MS))
    return refuse(
      'window_closed',
      `The customer wrote more than ${window.hours} hours ago; this channel lets nobody write freely after that.`,
    );
  const { maxBytes, maxCount, types } = capabilities.media;
  if (message.attachments.length > maxCount)
    return refuse('media_unsupported', `At most ${maxCount} attachments fit on this channel.`);
  const foreign = message.attachments.find((a) => types.length && !types.some((t) => a.type.startsWith(t)));
  if (foreign) return refuse('media_unsupported', `This channel carries no ${foreign.type}.`);
  if (message.attachments.reduce((sum, a) => sum + a.size, 0) > maxBytes)
    return refuse('media_too_large', `Attachments of one message may have ${maxBytes} bytes together.`);
  const limit = capabilities.text.limit;
  if (!limit || measure(message.text, limit.unit) <= limit.max) return { ok: true, pieces: [message.text] };
  if (capabilities.text.overflow === 'reject')
    return refuse('text_too_long', `At most ${limit.max} characters fit on this channel.`);
  const pieces = split(message.text, limit.max, limit.unit);
  if (pieces.length > PIECES_MAX)
    return refuse(
      'text_too_long',
      `This would go out as ${pieces.length} messages; at most ${PIECES_MAX} may.`,
    );
  return { ok: true, pieces };
}

const refuse = (code: Extract<Fit, { ok: false }>['code'], message: string): Fit => ({
  ok: false,
  code,
  message,
});

type Unit = NonNullable<Capabilities['text']['limit']>['unit'];

function measure(text: string, unit: Unit): number {
  if (unit === 'utf8') return Buffer.byteLength(text);
  if (unit === 'codepoint') return [...text].length;
  return text.length;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Cuts at the last blank that leaves a piece at least half full, else at a grapheme border: never inside one. */
function split(text: string, max: number, unit: Unit): string[] {
  const pieces: string[] = [];
  let piece = '';
  let size = 0;
  for (const { segment } of graphemes.segment(text)) {
    const width = measure(segment, unit);
    if (size + width > max) {
      const blank = Math.max(piece.lastIndexOf(' '), piece.lastIndexOf('\n'));
      const cut = blank > piece.length / 2 ? blank : piece.length;
      pieces.push(piece.slice(0, cut).trimEnd());
      piece = piece.slice(cut).trimStart();
      size = measure(piece, unit);
    }
    piece += segment;
    size += width;
  }
  if (piece.trim()) pieces.push(piece);
  return pieces;
}
