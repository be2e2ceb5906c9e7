import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isPublicAddress } from '../../src/lib/public-address.ts';

test.each(
  [
    '8.8.8.8',
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2001:4860:4860::8888',
    '2606:4700:4700::1111',
    '2a00:1450:4001:80e::200e',
    '2001:200::1',
  ].map((address) => ({ address })),
)('$address next to a private network is public, so real media are not refused', ({ address }) => {
  expect(isPublicAddress(address)).toBe(true);
});

test('an IPv4 address in the disguise of IPv6 is never public, whichever it is', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.constantFrom('::ffff:', '::', '64:ff9b::', '::ffff:0:'), (v4, prefix) => {
      expect(isPublicAddress(prefix + v4)).toBe(false);
    }),
  );
});

test('what is no address is not public', () => {
  for (const text of ['', 'localhost', '1.2.3', '8.8.8.8.', ' 8.8.8.8', '2001:4860::8888%eth0', '[::1]'])
    expect([text, isPublicAddress(text)]).toEqual([text, false]);
});
