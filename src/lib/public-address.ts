import { BlockList, isIP, isIPv4 } from 'node:net';

/** IPv4 networks that are not the public internet (IANA special-purpose registry, RFC 6890 and its successors). */
const SPECIAL_V4: readonly [string, number][] = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // carrier-grade NAT
  ['127.0.0.0', 8],
  ['169.254.0.0', 16], // link-local, where clouds keep their metadata
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24], // documentation
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24], // 6to4 relay
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15], // benchmarking
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, and the broadcast address
];

/** Within 2000::/3, the only IPv6 space that is global unicast, what is not the public internet after all. */
const SPECIAL_V6: readonly [string, number][] = [
  ['2001::', 23], // protocol assignments, Teredo among them: an IPv4 address in disguise
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: likewise in disguise
  ['3fff::', 20], // documentation
];

const special = new BlockList();
for (const [network, bits] of SPECIAL_V4) special.addSubnet(network, bits, 'ipv4');
for (const [network, bits] of SPECIAL_V6) special.addSubnet(network, bits, 'ipv6');
const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/**
 * Whether an IP address lies on the public internet. Mapped, compatible and translated IPv6 forms of IPv4 (::ffff:0:0/96,
 * ::/96, 64:ff9b::/96) are outside 2000::/3 and so refused, as is everything that is no address.
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0 || address.includes('%')) return false;
  if (isIPv4(address)) return !special.check(address, 'ipv4');
  return globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

/** Whether a URL's host can be reached from elsewhere, as far as its letters tell: a name of one word is a local one. */
export function isPublicHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return isIP(host) ? isPublicAddress(host) : host.includes('.') && !host.endsWith('.localhost');
}
