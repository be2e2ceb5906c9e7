import { unescape as unescapeLoosely } from 'node:querystring';

/** More than any provider sends; a form beyond it is not well-formed. */
const PAIRS_MAX = 2000;

export interface Form {
  /** Every value of every key, in the order of the body. */
  params: Map<string, string[]>;
  /** false: truncated escapes, bytes that are no UTF-8, or absurdly many pairs. `params` is then a best effort. */
  wellFormed: boolean;
}

/** Reads application/x-www-form-urlencoded (WHATWG URL, section 5.1) from raw bytes. Never throws. */
export function parseForm(bytes: Buffer | string): Form {
  const params = new Map<string, string[]>();
  const source = typeof bytes === 'string' ? bytes : bytes.toString('utf8');
  let wellFormed = typeof bytes === 'string' || Buffer.from(source, 'utf8').equals(bytes);
  const decode = (text: string): string => {
    const spaced = text.replaceAll('+', ' ');
    if (!spaced.includes('%')) return spaced;
    try {
      return decodeURIComponent(spaced);
    } catch {
      wellFormed = false;
      return unescapeLoosely(spaced);
    }
  };
  const pairs = source.split('&', PAIRS_MAX + 1);
  if (pairs.length > PAIRS_MAX) {
    wellFormed = false;
    pairs.length = PAIRS_MAX;
  }
  for (const pair of pairs) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const key = decode(equals === -1 ? pair : pair.slice(0, equals));
    const value = equals === -1 ? '' : decode(pair.slice(equals + 1));
    const values = params.get(key);
    if (values) values.push(value);
    else params.set(key, [value]);
  }
  return { params, wellFormed };
}
