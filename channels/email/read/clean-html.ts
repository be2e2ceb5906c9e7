import sanitize from 'sanitize-html';

/** Closed lists: what is not named is dropped. Nothing that is left fetches anything or takes input. */
const TAGS = [
  ...[
    'a',
    'abbr',
    'address',
    'b',
    'bdi',
    'bdo',
    'big',
    'blockquote',
    'br',
    'caption',
    'center',
    'cite',
    'code',
  ],
  ...[
    'col',
    'colgroup',
    'dd',
    'del',
    'dfn',
    'div',
    'dl',
    'dt',
    'em',
    'figcaption',
    'figure',
    'font',
    'h1',
    'h2',
  ],
  ...[
    'h3',
    'h4',
    'h5',
    'h6',
    'hr',
    'i',
    'img',
    'ins',
    'kbd',
    'li',
    'mark',
    'ol',
    'p',
    'pre',
    'q',
    'rp',
    'rt',
  ],
  ...[
    'ruby',
    's',
    'samp',
    'small',
    'span',
    'strike',
    'strong',
    'sub',
    'sup',
    'table',
    'tbody',
    'td',
    'tfoot',
  ],
  ...['th', 'thead', 'tr', 'tt', 'u', 'ul', 'var', 'wbr'],
];

const COLOUR = /^(?:#[0-9a-f]{3,8}|[a-z]{3,24}|rgba?\([\d\s.,%]{1,40}\))$/i;
const LENGTH = /^-?\d{1,4}(?:\.\d{1,3})?(?:px|pt|em|rem|ex|%|in|cm|mm)?$/i;
const WORD = /^[a-z-]{1,24}$/i;
/** What a style may say. Values match wholly, so nothing that fetches (url, expression, image-set) fits. */
const STYLES: ReadonlyMap<string, RegExp> = new Map([
  ['color', COLOUR],
  ['background-color', COLOUR],
  ['text-align', WORD],
  ['text-decoration', /^[a-z -]{1,40}$/i],
  ['font-weight', /^(?:[a-z]{1,10}|\d{3})$/i],
  ['font-style', WORD],
  ['font-size', /^(?:-?\d{1,4}(?:\.\d{1,3})?(?:px|pt|em|rem|%)|[a-z-]{1,24})$/i],
  ['white-space', WORD],
  ['direction', WORD],
  ['vertical-align', WORD],
  ['border-collapse', WORD],
  ['width', LENGTH],
  ['height', LENGTH],
]);
const STYLE_CHARS_MAX = 2000;

const OPTIONS: sanitize.IOptions = {
  allowedTags: TAGS,
  allowedAttributes: {
    '*': ['dir', 'lang', 'title', 'align', 'valign', 'style'],
    a: ['href', 'rel', 'target'],
    img: ['src', 'alt', 'width', 'height', 'data-remote-src'],
    table: ['border', 'cellpadding', 'cellspacing', 'width', 'bgcolor'],
    td: ['colspan', 'rowspan', 'width', 'height', 'bgcolor', 'nowrap'],
    th: ['colspan', 'rowspan', 'width', 'height', 'bgcolor', 'nowrap'],
    tr: ['bgcolor'],
    col: ['span', 'width'],
    colgroup: ['span', 'width'],
    font: ['color', 'size', 'face'],
    ol: ['start', 'type', 'reversed'],
    li: ['value'],
    blockquote: ['type'],
  },
  // Styles are told apart below, by a table: a whole CSS parser for each attribute costs half of the time.
  parseStyleAttributes: false,
  allowedSchemes: ['http', 'https', 'mailto', 'tel'],
  allowedSchemesByTag: { img: ['cid'] },
  allowedSchemesAppliedToAttributes: ['href', 'src'],
  allowProtocolRelative: false,
  nonTextTags: [
    ...[
      'script',
      'style',
      'textarea',
      'option',
      'select',
      'noscript',
      'title',
      'template',
      'svg',
      'math',
      'xmp',
    ],
    ...['iframe', 'object', 'embed', 'noembed', 'noframes', 'audio', 'video', 'canvas', 'map', 'xml'],
  ],
  exclusiveFilter: ({ tag, attribs }) => tag === 'img' && !attribs.src && !attribs['data-remote-src'],
  transformTags: { a: link, img: image, '*': style },
};

/** Whether an address is one that a browser would go to: shown to the agent, fetched only when he asks. */
const REMOTE = /^(?:https?:)?\/\//i;
const URL_CHARS_MAX = 2048;

/**
 * HTML that may be shown to an agent: no script, form, vector drawing, style sheet or foreign fetch. Pictures of
 * the mail itself stay as `cid:`; a remote one loses its `src`, which stands in `data-remote-src` instead.
 * Blocks while it works: give it no more than boundHtml lets through.
 */
export const cleanHtml = (html: string): string => sanitize(html, OPTIONS).trim();

function link(tagName: string, attribs: sanitize.Attributes): sanitize.Tag {
  const { rel: _rel, target: _target, ...rest } = attribs;
  return { tagName, attribs: { ...rest, rel: 'noopener noreferrer nofollow', target: '_blank' } };
}

function image(tagName: string, attribs: sanitize.Attributes): sanitize.Tag {
  const { src = '', 'data-remote-src': _claimed, ...rest } = attribs;
  const from = src.trim();
  if (/^cid:/i.test(from)) return { tagName, attribs: { ...rest, src: `cid:${from.slice(4)}` } };
  if (REMOTE.test(from))
    return { tagName, attribs: { ...rest, 'data-remote-src': from.slice(0, URL_CHARS_MAX) } };
  return { tagName, attribs: rest };
}

function style(tagName: string, attribs: sanitize.Attributes): sanitize.Tag {
  if (attribs.style === undefined) return { tagName, attribs };
  const { style: written, ...rest } = attribs;
  const kept = written
    .slice(0, STYLE_CHARS_MAX)
    .split(';')
    .map((declaration) => {
      const colon = declaration.indexOf(':');
      return [declaration.slice(0, colon).trim().toLowerCase(), declaration.slice(colon + 1).trim()] as const;
    })
    .filter(([property, value]) => STYLES.get(property)?.test(value) === true)
    .map(([property, value]) => `${property}:${value}`);
  return { tagName, attribs: kept.length ? { ...rest, style: kept.join(';') } : rest };
}
