import { buffer } from 'node:stream/consumers';
import { ChannelError, type RawInbound } from '../../src/contract/index.ts';
import { parseForm } from './parse-form.ts';
import { MAX_BODY_BYTES } from './verify.ts';

/** The parameters of one event. Every value is text, as Twilio's forms have it; repeated keys: the first counts. */
export type Params = ReadonlyMap<string, string>;

/** One entry an element of the delivery; undefined: an element that is no set of parameters. */
export interface Delivery {
  elements: (Params | undefined)[];
  /** The query of the URL that was called; empty for a bare body. */
  query: Params;
}

/** Form, JSON (an object or a batch of them) or the query of a GET, told apart by content: headers may be absent. */
export async function readDelivery(raw: RawInbound): Promise<Delivery> {
  const { envelope } = raw;
  const path = envelope.via === 'http' ? envelope.path : '';
  const queryStart = path.indexOf('?');
  const query = firstValues(queryStart === -1 ? '' : path.slice(queryStart + 1));
  if (envelope.via === 'http' && envelope.method.toUpperCase() === 'GET' && raw.body.size === 0)
    return { elements: [query], query };
  if (raw.body.size > MAX_BODY_BYTES)
    throw new ChannelError('too_complex', 'permanent', `An SMS webhook has at most ${MAX_BODY_BYTES} bytes.`);
  const bytes = raw.body.bytes ?? (await buffer(raw.body.open()));
  const first = bytes.toString('latin1', 0, 64).trimStart()[0];
  if (first === '{' || first === '[') return { elements: readJson(bytes), query };
  return { elements: [firstValues(bytes)], query };
}

function firstValues(source: Buffer | string): Params {
  const params = new Map<string, string>();
  for (const [key, values] of parseForm(source).params) params.set(key, values[0]!);
  return params;
}

function readJson(bytes: Buffer): (Params | undefined)[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new ChannelError('malformed', 'permanent', 'The body looks like JSON and is none.', { cause });
  }
  return Array.isArray(parsed) ? parsed.map(paramsOf) : [paramsOf(parsed)];
}

function paramsOf(element: unknown): Params | undefined {
  if (typeof element !== 'object' || element === null || Array.isArray(element)) return undefined;
  const params = new Map<string, string>();
  for (const [key, value] of Object.entries(element)) {
    if (typeof value === 'string') params.set(key, value);
    else if (typeof value === 'number' || typeof value === 'boolean') params.set(key, String(value));
  }
  return params;
}
