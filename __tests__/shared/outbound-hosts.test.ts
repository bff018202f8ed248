import { describe, expect, test } from '@jest/globals';
import { loopbackAddressOf, namedHosts } from '../../lib/shared/outbound-hosts.ts';

describe('the loopback address of a host', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['127.9.8.7', '127.9.8.7'],
    ['[::1]', '::1'],
    ['localhost', '127.0.0.1'],
  ])('called %s is %s', (hostname, address) => {
    expect(loopbackAddressOf(hostname)).toBe(address);
  });
});

describe('the hosts that an operator named', () => {
  test('have the port of their scheme where they name none, and count where they were given', () => {
    const urls = ['https://idp.corp.example', undefined, 'http://idp.corp.example/x', 'https://[fd00::1]:8443/token'];
    expect(namedHosts(urls)).toEqual(['idp.corp.example:443', 'idp.corp.example:80', '[fd00::1]:8443']);
    expect(namedHosts([undefined])).toEqual([]);
  });
});
