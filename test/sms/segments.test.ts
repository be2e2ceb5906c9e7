import { expect, test } from '@jest/globals';
import { countSegments } from '../../channels/sms/index.ts';

/** Limits of 3GPP TS 23.038 and 23.040: what a customer pays for is counted in these. */
test.each([
  { name: 'a full GSM-7 segment', text: 'a'.repeat(160), count: 1, encoding: 'GSM-7' },
  { name: 'one septet more', text: 'a'.repeat(161), count: 2, encoding: 'GSM-7' },
  { name: 'two full parts', text: 'a'.repeat(306), count: 2, encoding: 'GSM-7' },
  { name: 'one more than two parts', text: 'a'.repeat(307), count: 3, encoding: 'GSM-7' },
  { name: 'the euro sign costs two', text: '€'.repeat(80), count: 1, encoding: 'GSM-7' },
  { name: 'and so this is two segments', text: '€'.repeat(81), count: 2, encoding: 'GSM-7' },
  {
    name: 'one foreign letter turns all into UCS-2',
    text: `${'a'.repeat(70)}ê`,
    count: 2,
    encoding: 'UCS-2',
  },
  { name: 'a full UCS-2 segment', text: '你'.repeat(70), count: 1, encoding: 'UCS-2' },
  { name: 'one more', text: '你'.repeat(71), count: 2, encoding: 'UCS-2' },
  { name: 'an emoji is two units', text: '😀'.repeat(35), count: 1, encoding: 'UCS-2' },
  { name: 'so many emoji are two segments', text: '😀'.repeat(36), count: 2, encoding: 'UCS-2' },
])('$name', ({ text, count, encoding }) => {
  expect(countSegments(text)).toEqual({ count, encoding });
});
