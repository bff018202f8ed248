/**
 * Which network addresses a fetch may reach. Pure functions over the text that a resolver, a URL or a socket gives;
 * what is not exactly one known-good address is refused.
 */
import net from 'node:net';

type Subnet = readonly [prefix: string, bits: number];

/** IANA IPv4 Special-Purpose Address Registry (RFC 6890 and later entries), whole blocks, and multicast. */
const specialIpv4 = blockList('ipv4', [
  ['0.0.0.0', 8], // this network, RFC 791
  ['10.0.0.0', 8], // private use, RFC 1918
  ['100.64.0.0', 10], // shared by carriers, RFC 6598
  ['127.0.0.0', 8], // loopback, RFC 1122
  ['169.254.0.0', 16], // link-local and cloud metadata, RFC 3927
  ['172.16.0.0', 12], // private use, RFC 1918
  ['192.0.0.0', 24], // protocol assignments, RFC 6890
  ['192.0.2.0', 24], // documentation, RFC 5737
  ['192.31.196.0', 24], // AS112, RFC 7535
  ['192.52.193.0', 24], // AMT, RFC 7450
  ['192.88.99.0', 24], // 6to4 relays, RFC 7526
  ['192.168.0.0', 16], // private use, RFC 1918
  ['192.175.48.0', 24], // AS112, RFC 7534
  ['198.18.0.0', 15], // benchmarks, RFC 2544
  ['198.51.100.0', 24], // documentation, RFC 5737
  ['203.0.113.0', 24], // documentation, RFC 5737
  ['224.0.0.0', 4], // multicast, RFC 5771
  ['240.0.0.0', 4], // reserved and broadcast, RFC 1112, RFC 919
]);

/**
 * The only IPv6 block with public unicast addresses (RFC 4291 section 2.4). What lies outside needs no entry of its own:
 * loopback, IPv4-mapped and -compatible, NAT64 (64:ff9b::/96), discard-only, unique local, link-local, multicast, SRv6.
 */
const globalUnicastIpv6 = blockList('ipv6', [['2000::', 3]]);

/** IANA IPv6 Special-Purpose Address Registry, the blocks inside 2000::/3. */
const specialIpv6 = blockList('ipv6', [
  ['2001::', 23], // protocol assignments, among them Teredo, RFC 2928, RFC 4380
  ['2001:db8::', 32], // documentation, RFC 3849
  ['2002::', 16], // 6to4: carries any IPv4 address, RFC 3056
  ['2620:4f:8000::', 48], // AS112, RFC 7534
  ['3fff::', 20], // documentation, RFC 9637
]);

const privateIpv4 = blockList('ipv4', [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
]);
const privateIpv6 = blockList('ipv6', [['fc00::', 7]]);

const loopbackIpv6 = blockList('ipv6', [['::1', 128]]);

/**
 * Whether an address is public unicast. False for every special-use range, for an address that carries or tunnels to an
 * IPv4 address, for one with a zone and for text that is no address. RFC 6890; MCP 2026-07-28, Security Best Practices, SSRF.
 */
export function isPublicAddress(address: string): boolean {
  if (net.isIPv4(address)) return !specialIpv4(address);
  const groups = ipv6Groups(address);
  if (groups === undefined) return false;
  return globalUnicastIpv6(address) && !specialIpv6(address) && !isIsatap(groups);
}

/** Whether an address is for use inside an organisation: RFC 1918, RFC 6598, RFC 4193. Never loopback, never link-local. */
export function isPrivateAddress(address: string): boolean {
  if (net.isIPv4(address)) return privateIpv4(address);
  return isPlainIpv6(address) && privateIpv6(address);
}

/**
 * Whether an address means this machine: 127.0.0.0/8 or ::1. True too for the IPv4-mapped form, which a dual-stack
 * listener reports as the peer of an IPv4 connection.
 */
export function isLoopbackAddress(address: string): boolean {
  if (net.isIPv4(address)) return isLoopbackIpv4(address);
  const groups = ipv6Groups(address);
  if (groups === undefined) return false;
  return loopbackIpv6(address) || (isMapped(groups) && groups[6] !== undefined && groups[6] >> 8 === 127);
}

/** Whether a host as `URL.hostname` gives it is loopback without asking a resolver: localhost, 127.0.0.0/8, [::1]. */
export function isLoopbackHost(hostname: string): boolean {
  const host = hostname.toLowerCase();
  if (host === 'localhost' || host === '[::1]') return true;
  return net.isIPv4(host) && isLoopbackIpv4(host);
}

/** 127.0.0.0/8 (RFC 1122). Node takes only four plain decimal numbers for an IPv4 address. */
const isLoopbackIpv4 = (address: string) => address.startsWith('127.');

/** Whether two texts are the same address. An IPv4 address and its IPv4-mapped form are two; text that is no address equals nothing. */
export function isSameAddress(one: string, other: string): boolean {
  if (net.isIPv4(one)) return one === other;
  const groups = ipv6Groups(one);
  return groups !== undefined && groups.join() === ipv6Groups(other)?.join();
}

/**
 * Whether an address of one family is in a list, which is made when it is first asked. `net.BlockList` applies IPv4 rules to
 * IPv4-mapped IPv6 addresses as well, so the two families never share a list, and a list is asked only about its own.
 */
function blockList(family: 'ipv4' | 'ipv6', subnets: readonly Subnet[]): (address: string) => boolean {
  let list: net.BlockList | undefined;
  return (address) => {
    if (!list) {
      list = new net.BlockList();
      for (const [prefix, bits] of subnets) list.addSubnet(prefix, bits, family);
    }
    return list.check(address, family);
  };
}

/** RFC 4291 section 2.5.5.2. */
function isMapped(groups: readonly number[]): boolean {
  return groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
}

/** An interface identifier that tunnels to an IPv4 address, under any prefix (RFC 5214 section 6.1). */
function isIsatap(groups: readonly number[]): boolean {
  return (groups[4] === 0 || groups[4] === 0x200) && groups[5] === 0x5efe;
}

/** A zone picks an interface of this machine; no address of a public host has one (RFC 4007 section 11). */
function isPlainIpv6(address: string): boolean {
  return net.isIPv6(address) && !address.includes('%');
}

/** The eight 16-bit groups of an IPv6 address; undefined for other text and for an address with a zone. */
function ipv6Groups(address: string): number[] | undefined {
  if (!isPlainIpv6(address)) return undefined;
  const dotted = address.slice(address.lastIndexOf(':') + 1);
  const text = net.isIPv4(dotted) ? address.slice(0, -dotted.length) + ipv4AsGroups(dotted) : address;
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16));
}

function ipv4AsGroups(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}
