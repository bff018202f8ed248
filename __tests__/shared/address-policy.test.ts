import { describe, expect, test } from '@jest/globals';
import {
  isLoopbackAddress,
  isLoopbackHost,
  isPrivateAddress,
  isPublicAddress,
  isSameAddress,
} from '../../lib/shared/address-policy.ts';

/** First and last address of every refused block, with the neighbours outside it that are public. */
const ipv4Blocks: [block: string, first: string, last: string, publicNeighbours: string[]][] = [
  ['this network', '0.0.0.0', '0.255.255.255', ['1.0.0.0']],
  ['private 10/8', '10.0.0.0', '10.255.255.255', ['9.255.255.255', '11.0.0.0']],
  ['carrier-shared', '100.64.0.0', '100.127.255.255', ['100.63.255.255', '100.128.0.0']],
  ['loopback', '127.0.0.0', '127.255.255.255', ['126.255.255.255', '128.0.0.0']],
  ['link-local', '169.254.0.0', '169.254.255.255', ['169.253.255.255', '169.255.0.0']],
  ['private 172.16/12', '172.16.0.0', '172.31.255.255', ['172.15.255.255', '172.32.0.0']],
  ['protocol assignments', '192.0.0.0', '192.0.0.255', ['191.255.255.255', '192.0.1.0']],
  ['documentation 1', '192.0.2.0', '192.0.2.255', ['192.0.1.255', '192.0.3.0']],
  ['AS112 DNAME', '192.31.196.0', '192.31.196.255', ['192.31.195.255', '192.31.197.0']],
  ['AMT', '192.52.193.0', '192.52.193.255', ['192.52.192.255', '192.52.194.0']],
  ['6to4 relays', '192.88.99.0', '192.88.99.255', ['192.88.98.255', '192.88.100.0']],
  ['private 192.168/16', '192.168.0.0', '192.168.255.255', ['192.167.255.255', '192.169.0.0']],
  ['AS112', '192.175.48.0', '192.175.48.255', ['192.175.47.255', '192.175.49.0']],
  ['benchmarks', '198.18.0.0', '198.19.255.255', ['198.17.255.255', '198.20.0.0']],
  ['documentation 2', '198.51.100.0', '198.51.100.255', ['198.51.99.255', '198.51.101.0']],
  ['documentation 3', '203.0.113.0', '203.0.113.255', ['203.0.112.255', '203.0.114.0']],
  ['multicast', '224.0.0.0', '239.255.255.255', ['223.255.255.255']],
  ['reserved and broadcast', '240.0.0.0', '255.255.255.255', []],
];

const ipv6Blocks: [block: string, first: string, last: string, publicNeighbours: string[]][] = [
  ['unspecified to below global unicast', '::', '1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', ['2000::']],
  ['protocol assignments', '2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff', ['2000:ffff::', '2001:200::']],
  ['documentation', '2001:db8::', '2001:db8:ffff::1', ['2001:db7:ffff::', '2001:db9::']],
  ['6to4', '2002::', '2002:ffff:ffff::1', ['2001:ffff::', '2003::']],
  ['AS112', '2620:4f:8000::', '2620:4f:8000:ffff::1', ['2620:4f:7fff::', '2620:4f:8001::']],
  ['documentation 2', '3fff::', '3fff:fff:ffff::1', ['3ffe:ffff::', '3fff:1000::']],
  ['above global unicast', '4000::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', ['3fff:ffff::']],
];

describe('a public address', () => {
  test.each([...ipv4Blocks, ...ipv6Blocks])('is outside the block %s, to the bit (RFC 6890)', (...row) => {
    const [, first, last, publicNeighbours] = row;
    expect([first, last].filter(isPublicAddress)).toEqual([]);
    expect(publicNeighbours.filter(isPublicAddress)).toEqual(publicNeighbours);
  });

  test.each([
    ['loopback', '::1'],
    ['IPv4-mapped loopback', '::ffff:127.0.0.1'],
    ['IPv4-mapped loopback in groups', '::ffff:7f00:1'],
    ['IPv4-mapped public', '::ffff:8.8.8.8'],
    ['IPv4-compatible', '::8.8.8.8'],
    ['NAT64', '64:ff9b::808:808'],
    ['NAT64 for local use', '64:ff9b:1::808:808'],
    ['discard-only', '100::1'],
    ['Teredo', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
    ['ORCHIDv2', '2001:20::1'],
    ['6to4 of loopback', '2002:7f00:1::1'],
    ['ISATAP of a private address', '2606:4700::5efe:10.0.0.1'],
    ['ISATAP with the universal bit', '2606:4700::200:5efe:a00:1'],
    ['SRv6', '5f00::1'],
    ['unique local', 'fd00:ec2::254'],
    ['link-local', 'fe80::1'],
    ['multicast', 'ff02::1'],
    ['public with a zone', '2606:4700::1111%eth0'],
    ['link-local with a zone', 'fe80::1%1'],
  ])('is not %s (%s)', (_what, address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each([
    '8.8.8.8',
    '2606:4700:4700::1111',
    '2606:4700:4700:0:0:0:0:1111',
    '2A00:1450:4001:80B::200E',
    '2606:4700::5eff:1:1',
  ])('may be %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  test.each([
    '',
    'localhost',
    '1.2.3',
    '08.8.8.8',
    '0x8.8.8.8',
    '134744072',
    ' 8.8.8.8',
    '8.8.8.8.',
    '[2606::1]',
    '8.8.8.8/0',
  ])('is an address in its ordinary spelling, not %j', (text) => {
    expect(isPublicAddress(text)).toBe(false);
  });
});

test('a private address is one of RFC 1918, RFC 6598 and RFC 4193, and nothing of this machine or its link', () => {
  const members = ['10.0.0.1', '100.64.0.1', '172.16.0.1', '192.168.1.1', 'fc00::1', 'fdff::1'];
  const others = [
    '127.0.0.1',
    '::1',
    '169.254.169.254',
    'fe80::1',
    '0.0.0.0',
    '8.8.8.8',
    '::ffff:10.0.0.1',
    'fd00::1%eth0',
    '',
  ];
  expect(members.filter(isPrivateAddress)).toEqual(members);
  expect(others.filter(isPrivateAddress)).toEqual([]);
});

test('a loopback address is 127.0.0.0/8 or ::1, also as a dual-stack listener reports it', () => {
  const members = ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '::ffff:7f00:1'];
  const others = [
    '126.0.0.1',
    '128.0.0.1',
    '0.0.0.0',
    '::',
    '::2',
    '::127.0.0.1',
    '::ffff:10.0.0.1',
    '::1%lo',
    '64:ff9b::7f00:1',
    'localhost',
  ];
  expect(members.filter(isLoopbackAddress)).toEqual(members);
  expect(others.filter(isLoopbackAddress)).toEqual([]);
});

test('a loopback host is localhost or a loopback literal as URL.hostname spells it', () => {
  const members = ['localhost', 'LOCALHOST', '127.0.0.1', '127.1.2.3', '[::1]'];
  const others = [
    'localhost.',
    'a.localhost',
    'localhost.example',
    '127.0.0.1.example',
    '127.1',
    '::1',
    '[::ffff:7f00:1]',
    '0.0.0.0',
    '',
  ];
  expect(members.filter(isLoopbackHost)).toEqual(members);
  expect(others.filter(isLoopbackHost)).toEqual([]);
});

test('two spellings of one address are the same; an IPv4 address and its mapped form are two', () => {
  expect(isSameAddress('127.0.0.1', '127.0.0.1')).toBe(true);
  expect(isSameAddress('2606:4700::1:A', '2606:4700:0:0:0:0:1:a')).toBe(true);
  expect(isSameAddress('::ffff:127.0.0.1', '::ffff:7f00:1')).toBe(true);
  expect(isSameAddress('127.0.0.1', '::ffff:127.0.0.1')).toBe(false);
  expect(isSameAddress('::ffff:127.0.0.1', '127.0.0.1')).toBe(false);
  expect(isSameAddress('::1', '::1%lo')).toBe(false);
  expect(isSameAddress('nonsense', 'nonsense')).toBe(false);
});
