import { CUT_CHARS_MAX } from './limits.ts';
import {
  ATTRIBUTIONS,
  BLOCK_LABELS,
  DEVICE_LINES,
  FORWARD_SUBJECT,
  ORIGINAL_MESSAGE,
} from './quote-words.ts';

/** How many lines an attribution may be wrapped over, and how long it may be then. */
const ATTRIBUTION_LINES_MAX = 4;
const ATTRIBUTION_CHARS_MAX = 400;
/** Lines within which the labels of a block must follow each other. */
const BLOCK_LINES_MAX = 9;
/** A signature below `--` is short; more lines than this are text. */
const SIGNATURE_LINES_MAX = 15;
const RULE_CHARS_MAX = 200;
const DEVICE_LINE_CHARS_MAX = 100;

const MARKS = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u061c]/g;

/**
 * The words that the sender wrote himself: without what he quotes and without his signature. Where that would be
 * nothing, the whole is kept; of answers below or between quoted lines, the answers. A forwarded mail is kept:
 * what stands below is what the sender wants to be read.
 */
export function cutQuote(text: string, subject: string | undefined): string {
  const whole = text.trim();
  if (FORWARD_SUBJECT.test(subject ?? '')) return whole;
  const behind = whole.slice(CUT_CHARS_MAX);
  const lines = whole.slice(0, CUT_CHARS_MAX).split('\n');
  const end = findSeparator(lines);
  const own = withoutQuotedLines(lines.slice(0, end));
  const tail = end === lines.length ? behind : '';
  const signed = joined(own) + tail;
  if (signed.trim() === '') return whole;
  const unsigned = joined(withoutSignature(own)) + tail;
  return unsigned.trim() === '' ? signed.trim() : unsigned.trim();
}

/** Index of the line from which on everything is the quoted mail, though no line of it is marked. */
function findSeparator(lines: readonly string[]): number {
  for (let at = 0; at < lines.length; at++) {
    const line = plain(lines[at]!);
    if (line === '' || line.startsWith('>')) continue;
    if (isOriginalMessage(line) || isBlock(lines, at)) return above(lines, at);
    if (/[:：]$/.test(line)) {
      const start = attributionStart(lines, at);
      if (start !== undefined && !quotedBelow(lines, at)) return start;
    }
  }
  return lines.length;
}

/** Without lines marked `>`, and without the attribution right above them. */
function withoutQuotedLines(lines: readonly string[]): string[] {
  const own: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    if (!isQuoted(line)) {
      own.push(line);
      continue;
    }
    if (at > 0 && isQuoted(lines[at - 1]!)) continue;
    let last = own.length - 1;
    while (last >= 0 && plain(own[last]!) === '') last--;
    const start = last < 0 ? undefined : attributionStart(own, last, true);
    if (start !== undefined) own.length = start;
  }
  return own;
}

/** `-- ` (RFC 3676 section 4.3; many relays eat its blank) with few lines below, and lines that telephones add. */
function withoutSignature(lines: readonly string[]): string[] {
  let own = [...lines];
  const dashes = own.findLastIndex((line) => /^--\s*$/.test(line) || /^[-—]{2}\u00a0$/.test(line));
  if (dashes >= 0 && own.slice(dashes + 1).filter((line) => plain(line) !== '').length <= SIGNATURE_LINES_MAX)
    own = own.slice(0, dashes);
  for (let looked = 0; looked < 2; looked++) {
    const last = own.findLastIndex((line) => plain(line) !== '');
    if (last < 0) break;
    const line = plain(own[last]!);
    if (line.length <= DEVICE_LINE_CHARS_MAX && DEVICE_LINES.some((pattern) => pattern.test(line)))
      own = own.slice(0, last);
  }
  return own;
}

/**
 * Where the attribution that ends at this line begins; it names a date, and a time or an address. Right above marked
 * lines the date will do: Alpine writes no more ("On Tue, 24 Nov 2026, Desk wrote:").
 */
function attributionStart(lines: readonly string[], last: number, marked = false): number | undefined {
  let text = '';
  for (let start = last; start >= 0 && last - start < ATTRIBUTION_LINES_MAX; start--) {
    const line = plain(lines[start]!);
    if (line === '' || line.length > ATTRIBUTION_CHARS_MAX || isQuoted(line)) return undefined;
    text = start === last ? line.replace(/\s*[:：]$/, '') : `${line} ${text}`;
    if (text.length > ATTRIBUTION_CHARS_MAX) return undefined;
    if (start === last && text === line) return undefined;
    const dated = /\d/.test(text) && (marked || /@/.test(text) || /\d{1,2}\s?[:.h時点]\s?\d{2}/.test(text));
    if (dated && ATTRIBUTIONS.some((pattern) => pattern.test(text))) return start;
  }
  return undefined;
}

function quotedBelow(lines: readonly string[], at: number): boolean {
  const next = lines.slice(at + 1, at + 4).find((line) => plain(line) !== '');
  return next !== undefined && isQuoted(next);
}

const isOriginalMessage = (line: string): boolean => {
  if (line.length > RULE_CHARS_MAX) return false;
  const bare = /^[-_—–=*]{2,}\s*(.{2,190}?)\s*[-_—–=*]{2,}$/.exec(line)?.[1];
  return bare !== undefined && ORIGINAL_MESSAGE.test(bare);
};

/** From, date and subject, or a recipient with an address: "From: Jakarta, Date: …, To: Bali" is a journey. */
function isBlock(lines: readonly string[], at: number): boolean {
  if (labelOf(lines[at]!) !== 'from') return false;
  const found = new Set<string>(['from']);
  let address = lines[at]!.includes('@');
  for (let next = at + 1; next < lines.length && next - at < BLOCK_LINES_MAX; next++) {
    const label = labelOf(lines[next]!);
    if (!label) continue;
    found.add(label);
    address ||= lines[next]!.includes('@');
  }
  return found.has('date') && (found.has('subject') || (found.has('to') && address));
}

function labelOf(line: string): string | undefined {
  const bare = plain(line)
    .slice(0, 60)
    .replace(/^[*_>\s]+/, '');
  const colon = bare.search(/[:：]/);
  if (colon < 1) return undefined;
  const label = bare
    .slice(0, colon)
    .replace(/[*_\s]+$/, '')
    .replace(/\s+/g, ' ')
    .toLowerCase();
  return (Object.keys(BLOCK_LABELS) as (keyof typeof BLOCK_LABELS)[]).find((key) =>
    BLOCK_LABELS[key].has(label),
  );
}

/** Takes in the rule of dashes or underscores that stands above a block. */
function above(lines: readonly string[], at: number): number {
  let start = at;
  while (start > 0 && at - start < 3 && /^[-_=—–*\s]*$/.test(plain(lines[start - 1]!))) start--;
  return start;
}

const isQuoted = (line: string): boolean => /^\s{0,3}>/.test(line);
/** QQ Mail writes `&nbsp;` into plain text as well. */
const plain = (line: string): string =>
  line
    .replace(MARKS, '')
    .replace(/\u00a0|&nbsp;/g, ' ')
    .trim();
const joined = (lines: readonly string[]): string => lines.join('\n').replace(/\n{3,}/g, '\n\n');
