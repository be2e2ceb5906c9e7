import { compile, type DomNode, type FormatCallback } from 'html-to-text';
import { HTML_DEPTH_MAX } from './limits.ts';

/** Private-use characters that mark what is quoted while HTML is turned into text; the mail's own are dropped. */
const QUOTE_BEGINS = '\ue0f0';
const QUOTE_ENDS = '\ue0f1';
const QUOTED_TO_THE_END = '\ue0f2';
const MARKS = /[\ue0f0-\ue0f2]/g;

/** Elements in which mail programs wrap what they quote, or a signature. */
const QUOTED = [
  ...['div.gmail_quote', 'blockquote.gmail_quote', 'div.gmail_quote_container', 'div.gmail_signature'],
  ...['blockquote[type=cite]', 'div.moz-cite-prefix', 'pre.moz-signature', 'div.moz-signature'],
  ...['div.yahoo_quoted', 'div.protonmail_quote', 'blockquote.protonmail_quote', 'div.zmail_extra'],
  ...[
    'div.ntes-mailmaster-quote',
    'blockquote#isReplyContent',
    'div#isReplyContent',
    'div#AppleMailSignature',
  ],
  ...['div#Signature', 'div.tutanota_quote', 'blockquote.tutanota_quote'],
];
/** Elements behind which, as their siblings, the quoted mail stands: Outlook on the web, for telephones, old ones. */
const BORDERS = [
  'div#appendonsend',
  'div#divRplyFwdMsg',
  'div#mail-editor-reference-message-container',
  'div.OutlookMessageHeader',
];

const quoted: FormatCallback = (element: DomNode, walk, builder) => {
  builder.openBlock({ leadingLineBreaks: 1 });
  builder.addLiteral(QUOTE_BEGINS);
  walk(element.children, builder);
  builder.addLiteral(QUOTE_ENDS);
  builder.closeBlock({ trailingLineBreaks: 1 });
};

const border: FormatCallback = (element: DomNode, walk, builder) => {
  builder.openBlock({ leadingLineBreaks: 1 });
  builder.addLiteral(QUOTED_TO_THE_END);
  walk(element.children, builder);
  builder.closeBlock({ trailingLineBreaks: 1 });
};

/** Where a link leads is worth reading only where it leads somewhere. */
const pathRewrite = (path: string): string => (/^\s*(?:https?|mailto|tel):/i.test(path) ? path.trim() : '');

const convert = compile({
  wordwrap: false,
  limits: { maxDepth: HTML_DEPTH_MAX },
  formatters: { quoted, border },
  selectors: [
    ...QUOTED.map((selector) => ({ selector, format: 'quoted' })),
    ...BORDERS.map((selector) => ({ selector, format: 'border' })),
    { selector: 'a', options: { hideLinkHrefIfSameAsText: true, linkBrackets: ['<', '>'], pathRewrite } },
    { selector: 'img', format: 'skip' },
    { selector: 'hr', options: { length: 10 } },
    { selector: 'p', options: { leadingLineBreaks: 1, trailingLineBreaks: 1 } },
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, options: { uppercase: false } })),
    ...['script', 'style', 'title', 'head', 'svg', 'noscript', 'template'].map((selector) => ({
      selector,
      format: 'skip',
    })),
  ],
});

/**
 * The words of HTML, with marks where mail programs say that they quote (see `unquoted`). Blocks while it works:
 * give it no more than boundHtml lets through. HTML that cannot be converted is stripped of its tags.
 */
export function htmlToMarkedText(html: string): string {
  const source = html.replace(MARKS, '');
  try {
    return convert(source).replace(/\u00a0/g, ' ');
  } catch {
    return source.replace(/<[^<>]{0,2000}>/g, ' ').replace(/[ \t]{2,}/g, ' ');
  }
}

/** All the words. */
export const unmarked = (text: string): string => text.replace(MARKS, '');

/** The words outside the marks. */
export function unquoted(text: string): string {
  if (text.search(MARKS) < 0) return text;
  let own = '';
  let depth = 0;
  for (const piece of text.split(/([\ue0f0-\ue0f2])/)) {
    if (piece === QUOTE_BEGINS) depth++;
    else if (piece === QUOTE_ENDS) depth = Math.max(0, depth - 1);
    else if (piece === QUOTED_TO_THE_END) break;
    else if (depth === 0) own += piece;
  }
  return own;
}

/** Plain text between two pieces of HTML, as HTML. */
export const textToHtml = (text: string): string =>
  `<div style="white-space:pre-wrap">${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}</div>`;
