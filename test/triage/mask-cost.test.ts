import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { maskHtml, maskText } from '../../src/triage/mask.ts';

const SIZE = 256 * 1024;
/** Linear code needs some 150 ms for the worst of them here; one that grows with the square needs minutes. */
const WORST_MS = 2_000;

const repeat = (part: string, size = SIZE) => part.repeat(Math.ceil(size / part.length));

function spent(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

test.each([
  '4',
  '4 ',
  '4111 1111 1111 1111 ',
  '4111111111111 ',
  '1-',
  '1\u200b',
  '\u{1d7d2}',
  '٤',
  '&#52;',
  '&#',
  '&',
  '<',
  '<a',
  '<a ',
  '<a>1',
  '<!--1',
  '<a \'"1>',
  '<a "1>',
  '</',
  '>1',
  '1\n',
  '1\n> ',
  'otp ',
  'otp 1 ',
  'otp is ',
  'password is ',
  'password for a b ',
  'password saya ',
  'password :',
  '1234 is ',
  '1234 is your ',
  '1234 是',
  '1234 (',
  '1234, ',
  'pin 1234, ',
  '•••• 1234 ',
  '•••• ',
  '是',
  'sandi',
  '1 password )',
  '1 2 3 4 5 6 7 ',
  'kode ',
  'kode is ',
  'what my password is ',
  '12/27 123 ',
])('a text made of %j takes linear time', (part) => {
  const text = repeat(part);
  expect(spent(() => maskText(text))).toBeLessThan(WORST_MS);
  expect(spent(() => maskHtml(text))).toBeLessThan(WORST_MS);
});

test.each([
  ['blanks', `1 password is${' '.repeat(SIZE)}1`],
  ['one long word', `password is ${'a1'.repeat(SIZE / 2)}`],
  ['one long tail', `password is ab${')'.repeat(SIZE)}`],
  ['zero-width signs', `4${'\u200b'.repeat(SIZE)}1`],
])('a text with endless %s takes linear time', (_, text) => {
  expect(spent(() => maskText(text))).toBeLessThan(WORST_MS);
  expect(spent(() => maskHtml(text))).toBeLessThan(WORST_MS);
});

test('killers made of any parts take linear time', () => {
  const part = fc.constantFrom(
    '4',
    '1',
    ' ',
    '\n',
    '> ',
    'otp',
    'pin',
    'password',
    ' is ',
    ':',
    '•',
    '<',
    '>',
    '"',
    "'",
    '&#',
    ';',
    '-',
    'a',
    '是',
    '密码',
    ',',
    '/',
    '!--',
  );
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const text = repeat(parts.join(''), SIZE / 4);
      expect(spent(() => maskText(text))).toBeLessThan(WORST_MS);
      expect(spent(() => maskHtml(text))).toBeLessThan(WORST_MS);
    }),
    { seed: 11, numRuns: 60 },
  );
});

test('the usual message costs next to nothing', () => {
  const text =
    'Hello, since yesterday I cannot see my balance. Could you please look into it and tell me why? '.repeat(
      2,
    );
  const each = () => {
    for (let i = 0; i < 1_000; i++) maskText(text);
  };
  each();
  const best = Math.min(...Array.from({ length: 5 }, () => spent(each)));
  // Milliseconds of a thousand are microseconds of one.
  expect(best).toBeLessThan(20);
});
