const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** Obsolete zone names of RFC 5322 section 4.3, in minutes; every other name says nothing and counts as UTC. */
const ZONES: Record<string, number> = {
  edt: -240,
  est: -300,
  cdt: -300,
  cst: -360,
  mdt: -360,
  mst: -420,
  pdt: -420,
  pst: -480,
};
const DATE =
  /(\d{1,2})[ -]([a-z]{3})[a-z]*[ -](\d{2,4})\s+(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?(?:\.\d+)?\s*(?:([+-])(\d{2}):?(\d{2})|\(?([a-z]{1,5})\b)?/i;
const YEAR_MIN = 1980;
const YEAR_MAX = 2200;

/** The moment that a Date field names (RFC 5322 section 3.3), independent of where this runs. */
export function readDate(value: string | undefined): Date | undefined {
  const match = DATE.exec((value ?? '').slice(0, 200));
  if (!match) return readIso(value);
  const [, day, month, yearText = '', hour, minute, second = '0', sign, offsetHours, offsetMinutes, zone] =
    match;
  const monthIndex = MONTHS.indexOf((month ?? '').toLowerCase());
  if (monthIndex < 0) return undefined;
  let year = Number(yearText);
  // RFC 5322 section 4.3: two digits up to 49 are this century's, three digits count from 1900.
  if (yearText.length === 2) year += year < 50 ? 2000 : 1900;
  else if (yearText.length === 3) year += 1900;
  const offset = sign
    ? (sign === '-' ? -1 : 1) * (Number(offsetHours) * 60 + Number(offsetMinutes))
    : (ZONES[(zone ?? '').toLowerCase()] ?? 0);
  return plausible(
    Date.UTC(year, monthIndex, Number(day), Number(hour), Number(minute) - offset, Number(second)),
  );
}

function readIso(value: string | undefined): Date | undefined {
  const match = /^\s*(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s*(Z|[+-]\d{2}:?\d{2})?/.exec(
    value ?? '',
  );
  if (!match) return undefined;
  const zone = (match[3] ?? 'Z').replace(/^([+-]\d{2})(\d{2})$/, '$1:$2');
  return plausible(Date.parse(`${match[1]}T${match[2]}${zone}`));
}

function plausible(time: number): Date | undefined {
  if (Number.isNaN(time)) return undefined;
  const date = new Date(time);
  return date.getUTCFullYear() >= YEAR_MIN && date.getUTCFullYear() <= YEAR_MAX ? date : undefined;
}
