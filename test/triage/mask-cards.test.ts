import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { maskHtml, maskText } from '../../src/triage/mask.ts';
import { cardNumber, withCheckDigit, writtenInHtml, writtenInText } from './card-numbers.ts';

/** Words around a number; numbers of other kinds among them, apart from it by a word. */
const around = fc
  .array(
    fc.constantFrom(
      'my card',
      'kartu saya',
      '卡号',
      'paid 50.000 on',
      'order 12345678 with',
      '+62 812 3456 789, or',
      '•',
      '"',
      '(',
      'x,',
      '日',
    ),
    { maxLength: 4 },
  )
  .map((words) => words.join(' '));
const RUNS = { seed: 11, numRuns: 2_000 };

/** Folds every script to ASCII and drops all that is no digit: what somebody could read out of it. */
const digitsOf = (text: string) =>
  [...text.normalize('NFKC')]
    .map((sign) => {
      if (!/\p{Nd}/u.test(sign)) return '';
      let first = sign.codePointAt(0)!;
      while (/\p{Nd}/u.test(String.fromCodePoint(first - 1))) first -= 1;
      return String((sign.codePointAt(0)! - first) % 10);
    })
    .join('');
const visible = (html: string) =>
  html
    .replace(/<!--.*?-->|<(?:"[^"]*"|[^>"])*>/g, '')
    .replace(/&#x([\da-f]+);/gi, (_, hex) => String.fromCodePoint(Number.parseInt(hex, 16)))
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)));

describe('a card number cannot be read out of what is kept', () => {
  test('of a text, whatever separates its digits and in whatever script', () => {
    fc.assert(
      fc.property(around, writtenInText, around, (before, { number, text }, behind) => {
        const masked = maskText(`${before} ${text} ${behind}`);
        expect(digitsOf(masked)).not.toContain(number.slice(0, -4));
        expect(digitsOf(masked)).not.toContain(number.slice(0, 9));
        expect(digitsOf(masked)).not.toContain(number.slice(-9));
        expect(masked).toContain(`•••• ${number.slice(-4)}`);
        expect(maskText(masked)).toBe(masked);
      }),
      RUNS,
    );
  });

  test('of HTML, where tags and entities stand between or for the digits', () => {
    fc.assert(
      fc.property(around, writtenInHtml, around, (before, { number, text }, behind) => {
        const html = `<p>${before} ${text} ${behind}</p>`;
        const masked = maskHtml(html);
        const read = digitsOf(visible(masked));
        expect(read).not.toContain(number.slice(0, 9));
        expect(read).not.toContain(number.slice(-9));
        expect(masked).toContain(`•••• ${number.slice(-4)}`);
        expect(maskHtml(masked)).toBe(masked);
        expect(tagsOf(masked)).toEqual(tagsOf(html));
      }),
      RUNS,
    );
  });

  test('among other numbers that only a blank or a line keeps apart', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^\d{1,6}$/), { maxLength: 4 }),
        cardNumber,
        fc.array(fc.stringMatching(/^\d{1,6}$/), { maxLength: 4 }),
        fc.constantFrom(' ', '\n', ' / '),
        (before, number, behind, gap) => {
          const masked = maskText([...before, number.replace(/(.{4})(?=.)/g, '$1 '), ...behind].join(gap));
          expect(digitsOf(masked)).not.toContain(number.slice(0, -4));
          expect(maskText(masked)).toBe(masked);
        },
      ),
      RUNS,
    );
  });

  test.each([
    [
      '<a href="https://x.example/?c=4111111111111111">pay</a>',
      '<a href="https://x.example/?c=•••• 1111">pay</a>',
    ],
    ['<img alt="4111 1111 &#49;111 1111" src="cid:a">', '<img alt="•••• 1111" src="cid:a">'],
    ['<td>4111111111111111</td><td>500</td>', '<td>•••• 1111</td><td>500</td>'],
    ['a < b 4111111111111111', 'a < b •••• 1111'],
    ['<b title="4111111111111111', '<b title="•••• 1111'],
  ])('in HTML: %s', (html, masked) => {
    expect(maskHtml(html)).toBe(masked);
  });

  test.each([
    ['> 4111 1111\n> 1111 1111 is my card', '> •••• 1111 is my card'],
    ['• 4111 1111 1111 1111', '• •••• 1111'],
    ['卡号4111111111111111谢谢', '卡号•••• 1111谢谢'],
    ['3782-822463-10005', '•••• 0005'],
    ['4111111111111111 12/27 123', '•••• 1111 12/27 ••••'],
    ['4111111111111111|12|2027|123', '•••• 1111|12|2027|••••'],
    ['4111111111111111 and 5555555555554444', '•••• 1111 and •••• 4444'],
    ['4️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣', '•••• 1111️⃣'],
  ])('in a text: %s', (text, masked) => {
    expect(maskText(text)).toBe(masked);
  });
});

const tagsOf = (html: string) => html.match(/<!--.*?-->|<(?:"[^"]*"|[^>"])*>/g);

describe('what is no card number stays', () => {
  test.each([
    ['a phone', 'call me on +62 812 3456 7890 or 0812-3456-7890'],
    ['two phones of 13 digits', '6281234567890\n6281234567891'],
    ['a transaction id that begins with a card number', '4111111111111111200141234567'],
    ['an id of 16 digits that begins with the year', `id ${withCheckDigit('202611240001234')}`],
    ['a time stamp in milliseconds', withCheckDigit('179000000000')],
    ['an IMEI', withCheckDigit('35209900176148')],
    ['a SIM card', withCheckDigit('896210000000000000')],
    ['a wrong check digit', '4111 1111 1111 1112'],
    ['amounts', 'Rp 4.500.000, Rp 1.250.000 and 5,000,000.00'],
    ['dates', '2026-11-24 11:19, 24/11/2026'],
    ['digits that words keep apart', '4111 1111 and 1111 1111'],
    ['a mask', 'card •••• 6616 and •••• 1111'],
  ])('%s', (_, text) => {
    expect(maskText(text)).toBe(text);
    expect(maskHtml(`<p>${text}</p>`)).toBe(`<p>${text}</p>`);
  });

  test('of random ids of 16 digits fewer than one in twenty is lost', () => {
    let lost = 0;
    const ids = fc.sample(fc.stringMatching(/^[1-9]\d{15}$/), { numRuns: 4_000, seed: 7 });
    for (const id of ids) if (maskText(`order ${id} failed`) !== `order ${id} failed`) lost += 1;
    expect(lost / ids.length).toBeLessThan(0.05);
    expect(lost).toBeGreaterThan(0);
  });
});
