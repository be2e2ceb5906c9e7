/**
 * Card numbers (ISO/IEC 7812): the length and the first digits of a known scheme, a right check digit, and no digit
 * directly before or behind. Check digit and run alone would take every tenth order id of 13 to 19 digits; the
 * schemes' prefixes spare ids that begin with a year or a time stamp (1…, 20…), IMEIs (15 digits, 35…, 86…), ICCIDs
 * (89…) and phones (62 and 13 digits), so that about one id in thirty is lost. Where a number could be both, it is
 * taken for a card: a hidden id costs a question, a stored card number a breach.
 */
import type { Span } from './mask-view.ts';

const SHORTEST = 13;
const LONGEST = 19;
/** E.164 allows no more; a `+` before it makes it a phone number. */
const PHONE_LONGEST = 15;
/** Signs between two digits of one line (" - "); zero-width ones are free. */
const GAP_SIGNS = 3;
/** Lines (in HTML: block tags) between two digits. */
const GAP_LINES = 8;
export const MASK = '••••';

/** First four digits from, to; lengths allowed. https://en.wikipedia.org/wiki/Payment_card_number#Issuer_identification_number_(IIN) */
const SCHEMES: readonly [from: number, to: number, shortest: number, longest: number][] = [
  [1946, 1946, 16, 16], // GPN, Indonesia
  [2200, 2204, 16, 19], // Mir
  [2221, 2720, 16, 16], // Mastercard
  [3000, 3059, 14, 19], // Diners Club
  [3095, 3095, 14, 19],
  [3400, 3499, 15, 15], // American Express
  [3528, 3589, 16, 19], // JCB
  [3600, 3699, 14, 19], // Diners Club
  [3700, 3799, 15, 15], // American Express
  [3800, 3999, 14, 19], // Diners Club
  [4000, 4999, 16, 19], // Visa
  [4000, 4999, 13, 13],
  [5000, 5099, 16, 19], // Maestro, RuPay, Verve, Elo
  [5018, 5020, 13, 15], // Maestro
  [5038, 5038, 13, 15],
  [5100, 5599, 16, 16], // Mastercard
  [5600, 5899, 16, 19], // Maestro
  [5893, 5893, 13, 15],
  [6000, 6999, 16, 19], // UnionPay, Discover, Maestro, RuPay, Troy
  [6304, 6304, 13, 15], // Maestro
  [6759, 6763, 13, 15],
  [8100, 8299, 16, 19], // UnionPay, RuPay
  [9558, 9558, 16, 19], // ICBC
  [9792, 9792, 16, 16], // Troy
];

const DASHES_AND_DOTS = /[-‐-―−﹘﹣－_./\\·•∙・。．／|]/;
const ZERO_WIDTH = /\p{Cf}|\u034f|\u20e3|[\ufe00-\ufe0f]/u;

/** A card in a text that holds no such number ends in "•••• 6616". */
const MASKED = `${MASK} `;
const MASKED_DIGITS = 4;

/** Expiry and security code right behind a card number: "12/27 123". The code is what must go. */
const EXPIRY_AND_CODE =
  /[\s,;|/]{1,3}(?:0[1-9]|1[0-2])[ /|.-]{1,3}(?:20)?\d\d[\s,;|/]{1,3}(?=\d{3,4}(?!\d))/y;

/** Every card number in the view, and the security codes that stand right behind one; sorted, apart. */
export function findCards(view: string): Span[] {
  const cards = findNumbers(view);
  return cards.flatMap((card, i) => {
    const code = codeBehind(view, card);
    const next = cards[i + 1];
    return code && !(next && next.from < code.to) ? [card, code] : [card];
  });
}

function findNumbers(view: string): Span[] {
  const spans: Span[] = [];
  let chain: number[] = [];
  const endChain = () => {
    if (chain.length >= SHORTEST) for (const span of cardsOf(chain, view)) spans.push(span);
    chain = [];
  };
  let signs = 0;
  let lines = 0;
  for (let i = 0; i < view.length; i++) {
    const code = view.charCodeAt(i);
    if (code >= 48 && code <= 57) {
      chain.push(i);
      signs = lines = 0;
      continue;
    }
    if (chain.length === 0) continue;
    if (code === 10 || code === 13) {
      lines += 1;
      signs = 0;
    } else if (!isFree(view[i]!, lines > 0)) {
      signs = isSeparator(view[i]!) ? signs + 1 : GAP_SIGNS + 1;
    }
    if (signs > GAP_SIGNS || lines > GAP_LINES) endChain();
  }
  endChain();
  return spans;
}

/** Indentation and quote marks at the beginning of a line, and what cannot be seen. */
const isFree = (sign: string, afterBreak: boolean) =>
  (afterBreak && (sign === '>' || /\s/.test(sign))) || ZERO_WIDTH.test(sign);

const isSeparator = (sign: string) => /\s/.test(sign) || DASHES_AND_DOTS.test(sign);

/** Whatever windows of whole groups are card numbers, those that overlap as one. `chain`: where the digits are. */
function cardsOf(chain: number[], view: string): Span[] {
  const starts = (k: number) => k === chain.length || k === 0 || chain[k] !== chain[k - 1]! + 1;
  const spans: Span[] = [];
  let from = -1;
  let to = -1;
  const end = () => {
    if (from >= 0)
      spans.push({ from: chain[from]!, to: chain[to - 1]! + 1, mask: MASKED + lastDigits(chain, to, view) });
  };
  for (let k = alreadyMasked(chain, view); k <= chain.length - SHORTEST; k++) {
    if (!starts(k)) continue;
    const length = longestCard(chain, k, view, starts);
    if (length === 0) continue;
    if (k >= to) {
      end();
      from = k;
    }
    to = Math.max(to, k + length);
  }
  end();
  return spans;
}

/** The digits that a mask has kept are no beginning of anything: masking twice changes nothing. */
function alreadyMasked(chain: number[], view: string): number {
  const first = chain[0]!;
  const last = chain[MASKED_DIGITS - 1];
  const behind = chain[MASKED_DIGITS];
  const kept = view.startsWith(MASKED, first - MASKED.length) && last === first + MASKED_DIGITS - 1;
  return kept && behind !== last + 1 ? MASKED_DIGITS : 0;
}

function longestCard(chain: number[], k: number, view: string, starts: (k: number) => boolean): number {
  const prefix = Number(
    view[chain[k]!]! + view[chain[k + 1]!]! + view[chain[k + 2]!]! + view[chain[k + 3]!]!,
  );
  const phone = view[chain[k]! - 1] === '+';
  for (let length = Math.min(LONGEST, chain.length - k); length >= SHORTEST; length--) {
    if (phone && length <= PHONE_LONGEST) return 0;
    if (!starts(k + length) || !isIssued(prefix, length)) continue;
    if (passesLuhn(chain, k, length, view)) return length;
  }
  return 0;
}

const isIssued = (prefix: number, length: number) =>
  SCHEMES.some(([from, to, min, max]) => prefix >= from && prefix <= to && length >= min && length <= max);

/** ISO/IEC 7812-1, annex B. */
function passesLuhn(chain: number[], k: number, length: number, view: string): boolean {
  let sum = 0;
  for (let i = 0; i < length; i++) {
    const digit = view.charCodeAt(chain[k + length - 1 - i]!) - 48;
    sum += i % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
  }
  return sum % 10 === 0;
}

const lastDigits = (chain: number[], to: number, view: string) =>
  chain
    .slice(to - MASKED_DIGITS, to)
    .map((i) => view[i])
    .join('');

function codeBehind(view: string, card: Span): Span | undefined {
  EXPIRY_AND_CODE.lastIndex = card.to;
  if (!EXPIRY_AND_CODE.test(view)) return undefined;
  const from = EXPIRY_AND_CODE.lastIndex;
  const to = from + /^\d+/.exec(view.slice(from, from + 4))![0].length;
  return { from, to, mask: MASK };
}
