import libmime from 'libmime';
import { decodeText, PYTHON_GB2312, tidy } from './decode-text.ts';
import { FIELD_CHARS_MAX } from './limits.ts';
import type { MimeNode } from './walk.ts';

export interface HeaderLine {
  key: string;
  /** As transferred: one character a byte, folds included. */
  line: string;
}

/** The header of a mail, in the order in which it was written, topmost first. */
export interface Headers {
  lines: readonly HeaderLine[];
  /** All values of a field, unfolded, encoded words as they are. Raw 8-bit is decoded. */
  all(key: string, charsMax?: number): string[];
  first(key: string): string | undefined;
  has(key: string): boolean;
}

/** `fallbackCharset`: what raw 8-bit bytes that are no UTF-8 are read as (the body's own charset). */
export function headersOf(lines: readonly HeaderLine[], fallbackCharset?: string): Headers {
  const byKey = new Map<string, string[]>();
  for (const { key, line } of lines) {
    const lineOf = byKey.get(key);
    if (lineOf) lineOf.push(line);
    else byKey.set(key, [line]);
  }
  const all = (key: string, charsMax = FIELD_CHARS_MAX): string[] =>
    (byKey.get(key) ?? [])
      .map((line) => fieldValue(line, fallbackCharset, charsMax))
      .filter((value) => value !== '');
  return { lines, all, first: (key) => all(key)[0], has: (key) => byKey.has(key) };
}

/** The header lines of a MIME node; a node whose header was never finished has none. */
export const linesOf = (node: MimeNode): HeaderLine[] => (node.headers ? node.headers.getList() : []);

/** Encoded words (RFC 2047) undone, as far as they can be. */
export function decodeWords(value: string): string {
  if (!value.includes('=?')) return tidy(value);
  try {
    return tidy(libmime.decodeWords(value.replaceAll(`=?${PYTHON_GB2312}?`, '=?gb2312?')));
  } catch {
    return tidy(value);
  }
}

/** Every control character, and what would turn the direction of the text around it, to a blank. */
export function oneLine(value: string): string {
  return value
    .replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
}

function fieldValue(line: string, fallbackCharset: string | undefined, charsMax: number): string {
  const colon = line.indexOf(':');
  const raw = line.slice(colon + 1, colon + 1 + charsMax).replace(/\r?\n/g, '');
  return (/[\u0080-\u00ff]/.test(raw) ? decode8bit(raw, fallbackCharset) : raw).replaceAll('\0', '').trim();
}

function decode8bit(raw: string, fallbackCharset: string | undefined): string {
  const bytes = Buffer.from(raw, 'latin1');
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd')) return text;
  return decodeText(bytes, /^utf-?8/i.test(fallbackCharset ?? '') ? undefined : fallbackCharset).text;
}
