import fc from 'fast-check';

/** First digits and lengths of schemes, written down apart from those of the code. */
const ISSUED: readonly [prefix: string, lengths: number[]][] = [
  ['4', [13, 16, 19]],
  ['51', [16]],
  ['55', [16]],
  ['2221', [16]],
  ['2720', [16]],
  ['34', [15]],
  ['37', [15]],
  ['36', [14, 16]],
  ['38', [14]],
  ['3530', [16]],
  ['6011', [16, 19]],
  ['62', [16, 17, 18, 19]],
  ['6759', [13, 16, 19]],
  ['2200', [16]],
  ['9558', [19]],
];

/** A number that a scheme could have issued, with a right check digit. */
export const cardNumber = fc.constantFrom(...ISSUED).chain(([prefix, lengths]) =>
  fc.constantFrom(...lengths).chain((length) =>
    fc
      .array(fc.integer({ min: 0, max: 9 }), {
        minLength: length - prefix.length - 1,
        maxLength: length - prefix.length - 1,
      })
      .map((digits) => withCheckDigit(prefix + digits.join(''))),
  ),
);

export function withCheckDigit(digits: string): string {
  for (let check = 0; check < 10; check++) if (luhn(digits + check)) return digits + check;
  throw new Error('no check digit');
}

export function luhn(digits: string): boolean {
  const sum = [...digits].reverse().reduce((total, sign, i) => {
    const value = Number(sign) * (i % 2 === 0 ? 1 : 2);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

const TEXT_SEPARATORS = [
  '',
  '',
  '',
  ' ',
  '-',
  '.',
  '/',
  '\u00a0',
  '\u200b',
  '\u2060',
  '\u00ad',
  '\n',
  '\r\n',
  '\n> ',
  '\r\n> > ',
  ' - ',
  '–',
  '\u3000',
  '\t',
  '\u202f',
  '\ufeff',
  '_',
  '·',
];
const HTML_SEPARATORS = [
  ...TEXT_SEPARATORS.filter((it) => !it.includes('>')),
  '&nbsp;',
  '&#160;',
  '&#8203;',
  '&#x2d;',
  '&ndash;',
  '<b>',
  '</b>',
  '<br>',
  '<br/>\n',
  '</td>\n    <td class="x1">',
  '<span style="color: #123456">',
  '<!-- 1 -->',
  '<a href="x>y">',
  '</p><blockquote><p>',
  '&zwnj;',
  '&shy;',
  '\n&gt; ',
];
const SCRIPTS = ['0', '\uff10', '\u0660', '\u06f0', '\u0966', '\u0e50', '\u{1d7ce}'];

const inScript = (digit: string, zero: string) => String.fromCodePoint(zero.codePointAt(0)! + Number(digit));
const asEntity = (digit: string, form: number) =>
  [`&#${digit.charCodeAt(0)};`, `&#x${digit.charCodeAt(0).toString(16)};`, `&#00${digit.charCodeAt(0)};`][
    form
  ]!;

/** The number as a person, a mail program or somebody who wants to hide it may write it. */
export const written = (separators: string[], entities: boolean) =>
  cardNumber.chain((number) =>
    fc
      .tuple(
        fc.array(fc.constantFrom(...separators), {
          minLength: number.length - 1,
          maxLength: number.length - 1,
        }),
        fc.constantFrom(...SCRIPTS),
        fc.array(entities ? fc.integer({ min: -3, max: 2 }) : fc.constant(-1), {
          minLength: number.length,
          maxLength: number.length,
        }),
      )
      .map(([gaps, zero, forms]) => ({
        number,
        text: [...number]
          .map(
            (digit, i) =>
              (forms[i]! >= 0 ? asEntity(digit, forms[i]!) : inScript(digit, zero)) + (gaps[i] ?? ''),
          )
          .join(''),
      })),
  );

export const writtenInText = written(TEXT_SEPARATORS, false);
export const writtenInHtml = written(HTML_SEPARATORS, true);
