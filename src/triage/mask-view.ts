/**
 * What a reader sees, next to where it stands: a text with one character a sign. Digits of any script become ASCII;
 * in HTML a tag and an entity become one character each. Every character of the source belongs to exactly one
 * character of the view, so that a span found in the view can be cut out of the source.
 */
export interface View {
  source: string;
  text: string;
  /** Where character i begins in the source; one more entry than `text` has characters. null: at i itself. */
  at: Int32Array | null;
  /** HTML alone: where in the source each tag begins and ends. */
  tags: [from: number, to: number][];
}

/** A half-open range of the view, and what stands there instead. */
export interface Span {
  from: number;
  to: number;
  mask: string;
}

/** Tags inside which a word or a number goes on; every other tag begins a line. */
const INLINE_TAG =
  /^<\/?(?:a|abbr|b|big|code|del|em|font|i|ins|mark|s|small|span|strong|sub|sup|tt|u|wbr)\b/i;
/** Stands for an inline tag: a zero-width space. */
const INLINE = '\u200b';
/** The longest entity that stands for one sign that matters here (`&nbsp;`, `&#x0000034;`). */
const ENTITY = /&(?:#(\d{1,9})|#[xX]([\da-fA-F]{1,8})|([a-zA-Z]{2,12}));?/y;
const NAMED: Record<string, string> = {
  nbsp: ' ',
  ensp: ' ',
  emsp: ' ',
  thinsp: ' ',
  Tab: '\t',
  NewLine: '\n',
  zwnj: '\u200b',
  zwj: '\u200b',
  shy: '\u00ad',
  ndash: '-',
  mdash: '-',
  minus: '-',
  hyphen: '-',
  dash: '-',
  sol: '/',
  period: '.',
  middot: '.',
  gt: '>',
  lt: '<',
  amp: '&',
  quot: '"',
  colon: ':',
  equals: '=',
};
const FOREIGN_DIGIT = /(?![0-9])\p{Nd}/u;
const FOREIGN_DIGITS = /(?![0-9])\p{Nd}/gu;

/** The view of a plain text. */
export function viewText(source: string): View {
  if (!FOREIGN_DIGIT.test(source)) return { source, text: source, at: null, tags: [] };
  const builder = viewBuilder(source);
  let end = 0;
  for (const match of source.matchAll(FOREIGN_DIGITS)) {
    builder.copy(end, match.index);
    builder.put(digitOf(match[0]), match.index);
    end = match.index + match[0].length;
  }
  builder.copy(end, source.length);
  return builder.done();
}

/** The view of HTML. With `tags: false` a `<` is a sign like any other: for the inside of a tag. */
export function viewHtml(source: string, { tags = true } = {}): View {
  const builder = viewBuilder(source);
  const mark = tags ? /[<&]|(?![0-9])\p{Nd}/gu : /&|(?![0-9])\p{Nd}/gu;
  const endOfTag = tagScanner(source);
  let end = 0;
  for (let match = mark.exec(source); match; match = mark.exec(source)) {
    const from = match.index;
    let to = from + match[0].length;
    let sign: string;
    if (match[0] === '<') {
      to = endOfTag(from);
      if (to === -1) continue;
      builder.tags.push([from, to]);
      sign = INLINE_TAG.test(source.slice(from, from + 10)) ? INLINE : '\n';
    } else if (match[0] === '&') {
      ENTITY.lastIndex = from;
      const entity = ENTITY.exec(source);
      if (!entity) continue;
      to = from + entity[0].length;
      sign = decodeEntity(entity);
    } else {
      sign = digitOf(match[0]);
    }
    builder.copy(end, from);
    builder.put(sign, from);
    end = to;
    mark.lastIndex = to;
  }
  builder.copy(end, source.length);
  return builder.done();
}

/** The source with the spans (sorted, apart) masked. Tags inside a span stay, so that HTML stays well-formed. */
export function replaceSpans({ source, at }: View, spans: Span[], keepTags: boolean): string {
  const offset = (i: number) => (at ? at[i]! : i);
  let out = '';
  let end = 0;
  for (const { from, to, mask } of spans) {
    out += source.slice(end, offset(from)) + mask;
    for (let i = from; keepTags && i < to; i++) {
      const part = source.slice(offset(i), offset(i + 1));
      if (part.length > 1 && part[0] === '<') out += part;
    }
    end = offset(to);
  }
  return out + source.slice(end);
}

function viewBuilder(source: string) {
  const at = new Int32Array(source.length + 1);
  const parts: string[] = [];
  const tags: [number, number][] = [];
  let length = 0;
  return {
    tags,
    copy(from: number, to: number) {
      if (to <= from) return;
      parts.push(source.slice(from, to));
      for (let i = from; i < to; i++) at[length++] = i;
    },
    put(sign: string, from: number) {
      parts.push(sign);
      at[length++] = from;
    },
    done(): View {
      at[length] = source.length;
      return { source, text: parts.join(''), at: at.subarray(0, length + 1), tags };
    },
  };
}

/** Digits of every script stand in tens, from nought to nine, so the distance to the first tells the value. */
function digitOf(sign: string): string {
  const code = sign.codePointAt(0)!;
  let first = code;
  while (/\p{Nd}/u.test(String.fromCodePoint(first - 1))) first -= 1;
  return String((code - first) % 10);
}

function decodeEntity([, decimal, hex, name]: RegExpExecArray): string {
  if (name) return NAMED[name] ?? '&';
  const code = decimal ? Number.parseInt(decimal, 10) : Number.parseInt(hex!, 16);
  if (code > 0x10ffff) return '&';
  const sign = String.fromCodePoint(code);
  if (FOREIGN_DIGIT.test(sign)) return digitOf(sign);
  return sign.length === 1 ? sign : '&';
}

/**
 * Finds the end of the tag that begins at an offset, -1 when none begins there. Linear over the whole source: a
 * quote that is never closed is walked to the end at most once for each kind of quote.
 */
function tagScanner(source: string): (from: number) => number {
  let lastClose: number | undefined;
  let lastComment: number | undefined;
  return (from) => {
    if (!/[a-zA-Z/!?]/.test(source[from + 1] ?? '')) return -1;
    lastClose ??= source.lastIndexOf('>');
    if (lastClose < from) return -1;
    if (source.startsWith('<!--', from)) {
      lastComment ??= source.lastIndexOf('-->');
      if (lastComment >= from + 4) return source.indexOf('-->', from + 4) + 3;
    }
    let quote = '';
    for (let i = from + 1; i < source.length; i++) {
      const sign = source[i]!;
      if (quote) {
        if (sign === quote) quote = '';
      } else if (sign === '>') {
        return i + 1;
      } else if (sign === '"' || sign === "'") {
        quote = sign;
      }
    }
    return source.indexOf('>', from) + 1;
  };
}
