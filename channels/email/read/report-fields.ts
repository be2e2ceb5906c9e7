import { decodeText } from './decode-text.ts';
import type { Leaf } from './gather.ts';
import { decodeWords, oneLine } from './headers.ts';
import { REPORT_PART_BYTES_MAX } from './limits.ts';
import { mailboxOf } from './read-addresses.ts';

/** A block of fields inside a report; keys are lower-case, the first of a name counts. */
export type Fields = ReadonlyMap<string, string>;

/** The text of a part of a report, as far as it is looked at. */
export const reportText = (leaf: Leaf): string =>
  decodeText(leaf.kept.subarray(0, REPORT_PART_BYTES_MAX), leaf.charset).text;

/** Blocks of fields, parted by empty lines (RFC 3464 section 2.1). */
export const fieldBlocks = (text: string): Fields[] =>
  text
    .split(/\n[ \t]*\n+/)
    .map(readFields)
    .filter((fields) => fields.size > 0);

export function readFields(block: string): Fields {
  const fields = new Map<string, string>();
  for (const line of block.replace(/\n[ \t]+/g, ' ').split('\n')) {
    const match = /^([\w-]{1,80})\s*:\s*(.*)$/.exec(line);
    if (match && !fields.has(match[1]!.toLowerCase())) fields.set(match[1]!.toLowerCase(), match[2]!.trim());
  }
  return fields;
}

/** The value behind its type: `rfc822; a@b.c` gives `a@b.c`. */
export const behindType = (value: string | undefined): string =>
  (value ?? '').replace(/^\s*[\w-]{1,40}\s*;\s*/, '').trim();

/** An address field of a report; `+3D` is xtext for `=` (RFC 3461 section 4). */
export function addressIn(value: string | undefined): string | undefined {
  const bare = behindType(value).replace(/^.*<([^<>]*)>.*$/, '$1');
  return mailboxOf(bare) === undefined ? undefined : mailboxOf(xtext(bare));
}

export const readable = (text: string, charsMax: number): string =>
  oneLine(decodeWords(text)).slice(0, charsMax).toWellFormed();

const xtext = (value: string): string =>
  /\+[0-9A-F]{2}(?![0-9A-Fa-f]{3})/.test(value) && !/\+[mc][a-f0-9]{40}@/.test(value)
    ? value.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : value;
