import libmime from 'libmime';

/** Labels that mean "I did not say": the bytes decide. */
const UNSAID =
  /^(?:|us-?ascii|ascii|ansi_x3[._-]4-1968|unknown.*|x-unknown|default.*|x-user-defined|8bit|7bit|none)$/;
/** What Python's mail library calls GB2312, and many Chinese shops therefore. */
export const PYTHON_GB2312 = 'eucgb2312_cn';
const META_CHARSET = /<meta\b[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})/i;
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]+/;
const META_LOOKED_AT_BYTES = 2048;

export interface Decoded {
  text: string;
  /** The label that nobody knows; the text was then read as UTF-8, or as Windows-1252. */
  unknownCharset?: string;
}

/**
 * Bytes to text, whatever is declared: never throws. WHATWG decoders first (they are what mail programs use), then
 * the wider list of libmime, then UTF-8 where the bytes are that, else Windows-1252, which any byte fits.
 */
export function decodeText(bytes: Buffer, declared: string | undefined, html = false): Decoded {
  let label = (declared ?? '')
    .trim()
    .toLowerCase()
    .replace(/^["']|["']$/g, '');
  if (label === PYTHON_GB2312) label = 'gb2312';
  if (html && UNSAID.test(label)) label = sniffMeta(bytes) ?? label;
  if (UNSAID.test(label)) return { text: tidy(guess(bytes)) };
  if (/^utf-?8/.test(label)) return { text: tidy(bytes.toString('utf8')) };
  const decoder = decoderOf(label) ?? decoderOf(libmime.normalizeCharset(label));
  if (decoder) {
    const text = tidy(decoder.decode(bytes));
    // Vietnamese in Windows-1258 comes as letters and loose accents.
    return { text: decoder.encoding === 'windows-1258' ? text.normalize('NFC') : text };
  }
  const wide = decodeWide(bytes, label);
  if (wide !== undefined) return { text: tidy(wide) };
  return { text: tidy(guess(bytes)), unknownCharset: label.slice(0, 64) };
}

/** UTF-8 where the bytes are that (a cut character at the end is forgiven), else Windows-1252. */
export function guess(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

/** Without control characters, byte order mark and halves of surrogate pairs; line ends are \n. */
export function tidy(text: string): string {
  let tidied = text;
  if (tidied.charCodeAt(0) === 0xfeff) tidied = tidied.slice(1);
  if (tidied.includes('\r')) tidied = tidied.replace(/\r\n?/g, '\n');
  if (CONTROLS.test(tidied)) tidied = tidied.replace(new RegExp(CONTROLS, 'g'), '');
  return tidied.isWellFormed() ? tidied : tidied.toWellFormed();
}

function decoderOf(label: string): TextDecoder | undefined {
  try {
    return new TextDecoder(label);
  } catch {
    return undefined;
  }
}

/** By way of an encoded word, the one door of libmime to its decoders that takes a whole text at once. */
function decodeWide(bytes: Buffer, label: string): string | undefined {
  const stream = libmime.createDecodeStream(label);
  if (!stream.supported) return undefined;
  return libmime.decodeWord(label, 'B', bytes.toString('base64'));
}

function sniffMeta(bytes: Buffer): string | undefined {
  return META_CHARSET.exec(bytes.toString('latin1', 0, META_LOOKED_AT_BYTES))?.[1]?.toLowerCase();
}
