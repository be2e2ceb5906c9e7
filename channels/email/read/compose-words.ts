import { cleanHtml } from './clean-html.ts';
import { cutQuote } from './cut-quote.ts';
import { decodeText } from './decode-text.ts';
import type { Leaf } from './gather.ts';
import { boundHtml } from './html-shape.ts';
import { htmlToMarkedText, textToHtml, unmarked, unquoted } from './html-text.ts';
import { FORWARD_SUBJECT } from './quote-words.ts';
import { unflow } from './unflow.ts';

export interface Words {
  text: string;
  fullText?: string;
  html?: string;
  flags: string[];
  /** Text parts of which not everything could be read: they are attachments as well. */
  unread: Leaf[];
}

interface Segment {
  text: string;
  html: string;
}

/**
 * The words of a mail from its text parts, in their order: of alternatives the plain one (unless it is empty), with
 * the HTML beside it. Yields to the event loop between steps that block for some milliseconds.
 */
export async function composeWords(leaves: readonly Leaf[], subject: string | undefined): Promise<Words> {
  const flags = new Set<string>();
  const unread: Leaf[] = [];
  const segments = new Map<string, Segment>();
  for (const leaf of leaves) {
    if (leaf.role === 'attachment') continue;
    const key = leaf.alternative === undefined ? `part ${leaf.ordinal}` : `alternative ${leaf.alternative}`;
    const segment = segments.get(key) ?? { text: '', html: '' };
    segments.set(key, segment);
    const content = decodeLeaf(leaf, flags);
    if (leaf.role === 'text') segment.text = join(segment.text, content, '\n');
    else segment.html = join(segment.html, content, '<br>\n');
    if (!leaf.whole) {
      flags.add('text-cut');
      unread.push(leaf);
    }
  }

  const rich = [...segments.values()].some((segment) => segment.html.trim() !== '');
  let marked = '';
  let source = '';
  for (const segment of segments.values()) {
    marked = join(marked, segment.text.trim() === '' ? await convert(segment.html) : segment.text, '\n');
    if (rich)
      source = join(source, segment.html.trim() === '' ? textToHtml(segment.text) : segment.html, '<br>\n');
  }

  const full = unmarked(marked).trim();
  const own = FORWARD_SUBJECT.test(subject ?? '') ? full : unquoted(marked).trim() || full;
  const text = cutQuote(own, subject);
  const words: Words = { text, flags: [], unread };
  if (full !== text) words.fullText = full;
  if (rich) {
    const bound = boundHtml(source);
    if (bound.cut) {
      flags.add('html-cut');
      for (const leaf of leaves) if (leaf.role === 'html' && !unread.includes(leaf)) unread.push(leaf);
    }
    if (source.length > YIELD_ABOVE_CHARS) await turn();
    const html = cleanHtml(bound.html);
    if (html) words.html = html.isWellFormed() ? html : html.toWellFormed();
  }
  words.flags = [...flags];
  return words;
}

const YIELD_ABOVE_CHARS = 16 * 1024;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function convert(html: string): Promise<string> {
  if (html.length > YIELD_ABOVE_CHARS) await turn();
  return htmlToMarkedText(boundHtml(html).html);
}

function decodeLeaf(leaf: Leaf, flags: Set<string>): string {
  const { text, unknownCharset } = decodeText(leaf.kept, leaf.charset, leaf.role === 'html');
  if (unknownCharset !== undefined) flags.add('charset-unknown');
  return leaf.flowed ? unflow(text, leaf.delSp) : text;
}

const join = (left: string, right: string, between: string): string =>
  left === '' ? right : right === '' ? left : left + between + right;
