import { parseAddressHeader } from 'mailparser';
import { ADDRESSES_MAX, type Address, NAME_MAX_CHARS } from '../../../src/contract/index.ts';
import { type Headers, oneLine } from './headers.ts';
import { FIELD_CHARS_MAX } from './limits.ts';

const ADDRESS_CHARS_MAX = 512;

export interface ReadAddresses {
  addresses: Address[];
  /** There were more than a message may have; the rest was left out. */
  cut: boolean;
}

/**
 * The mailboxes of all fields of that name (RFC 5322 section 3.4), groups taken apart, each once. Values are
 * lower-case and otherwise as written, international domains too. What is no address is left out.
 */
export function readAddresses(headers: Headers, key: string): ReadAddresses {
  const seen = new Map<string, Address>();
  let cut = false;
  let chars = 0;
  for (const field of headers.all(key)) {
    chars += field.length;
    if (chars > FIELD_CHARS_MAX) return { addresses: [...seen.values()], cut: true };
    // The last address of a field that was cut may have lost its end.
    const long = field.length >= FIELD_CHARS_MAX;
    cut ||= long;
    for (const { address, name } of parse(long ? field.slice(0, field.lastIndexOf(',')) : field)) {
      const value = mailboxOf(address);
      if (value === undefined || seen.has(value)) continue;
      if (seen.size >= ADDRESSES_MAX) cut = true;
      else seen.set(value, addressOf(value, name));
    }
  }
  return { addresses: [...seen.values()], cut };
}

/** An address as the core compares it, or nothing where the text is none. */
export function mailboxOf(address: string | undefined): string | undefined {
  const value = (address ?? '').trim().replace(/^<|>$/g, '').toLowerCase();
  return value.length <= ADDRESS_CHARS_MAX &&
    /^[^\s@<>()\u0000-\u001f]+@[^\s@<>()\u0000-\u001f]+$/.test(value)
    ? value.toWellFormed()
    : undefined;
}

export function addressOf(value: string, name?: string): Address {
  const shown = oneLine(name ?? '')
    .slice(0, NAME_MAX_CHARS)
    .toWellFormed();
  return { kind: 'email', value, ...(shown && shown.toLowerCase() !== value ? { name: shown } : {}) };
}

function parse(field: string): { address?: string | undefined; name: string }[] {
  try {
    return parseAddressHeader(field, { flatten: true, decodePunycode: false }).value;
  } catch {
    return [];
  }
}
