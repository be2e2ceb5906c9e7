import { HTML_CHARS_MAX, HTML_DEPTH_MAX, HTML_TAGS_MAX } from './limits.ts';

/** Elements that open no level, and those that a sibling closes, so that thousands of them do not nest. */
const FLAT = new Set(
  'area base br col embed hr img input link meta param source track wbr p li dt dd option optgroup tr td th thead tbody tfoot rt rp'.split(
    ' ',
  ),
);
const TAG = /<(\/?)([a-zA-Z][\w:-]{0,40})/g;
/** A picture inside the HTML would use up all that may be read of it. */
const LONG_DATA_URL = /data:[\w/+.;=-]{0,100},[\w+/=%-]{1000,}/g;

/** HTML as far as the parsers may have it, since both block while they work. `cut`: there was more. */
export function boundHtml(html: string): { html: string; cut: boolean } {
  const slim = html.length > HTML_CHARS_MAX ? html.replace(LONG_DATA_URL, 'data:,') : html;
  const short = slim.slice(0, HTML_CHARS_MAX);
  const end = shapeLimit(short);
  return { html: short.slice(0, end), cut: end < slim.length || slim.length < html.length };
}

/** Where the elements get too many, or lie too deeply; else the length. One pass; it need not be exact. */
function shapeLimit(html: string): number {
  const open = new Map<string, number>();
  let depth = 0;
  let tags = 0;
  for (const match of html.matchAll(TAG)) {
    if (++tags > HTML_TAGS_MAX) return match.index;
    const name = match[2]!.toLowerCase();
    if (FLAT.has(name)) continue;
    const count = open.get(name) ?? 0;
    if (match[1] === '') {
      open.set(name, count + 1);
      if (++depth > HTML_DEPTH_MAX) return match.index;
    } else if (count > 0) {
      open.set(name, count - 1);
      depth--;
    }
  }
  return html.length;
}
