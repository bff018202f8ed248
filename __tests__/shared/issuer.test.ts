import { describe, expect, test } from '@jest/globals';
import { parseIssuer } from '../../lib/shared/issuer.ts';

describe('an issuer identifier (RFC 8414 section 2)', () => {
  test.each([
    ['https', 'https://mcp.example.com'],
    ['https with a port', 'https://mcp.example.com:8443'],
    ['https with a path', 'https://mcp.example.com/gw/eu'],
    ['http on localhost', 'http://localhost:3000'],
    ['http on 127.0.0.1', 'http://127.0.0.1:3000'],
    ['http on another loopback address', 'http://127.0.0.2'],
    ['http on [::1]', 'http://[::1]:3000'],
    ['https on an IPv6 address', 'https://[2001:db8::1]'],
  ])('may be %s', (_what, identifier) => {
    expect(parseIssuer(identifier)?.identifier).toBe(identifier);
  });

  test.each([
    ['a trailing slash', 'https://mcp.example.com/'],
    ['a trailing slash behind a path', 'https://mcp.example.com/gw/'],
    ['a query', 'https://mcp.example.com?a=1'],
    ['an empty query', 'https://mcp.example.com?'],
    ['a fragment', 'https://mcp.example.com#a'],
    ['an empty fragment', 'https://mcp.example.com#'],
    ['a user', 'https://user@mcp.example.com'],
    ['an empty user', 'https://@mcp.example.com'],
    ['a password', 'https://user:secret@mcp.example.com'],
    ['an upper-case host', 'https://MCP.example.com'],
    ['an upper-case scheme', 'HTTPS://mcp.example.com'],
    ['the default port', 'https://mcp.example.com:443'],
    ['the default port of http', 'http://127.0.0.1:80'],
    ['http off loopback', 'http://mcp.example.com'],
    ['http on a private address', 'http://192.168.0.1'],
    ['http on a name that starts like loopback', 'http://localhost.example.com'],
    ['http on an address that starts like loopback', 'http://127.0.0.1.example.com'],
    ['a short form of loopback', 'http://127.1:3000'],
    ['dot segments', 'https://mcp.example.com/a/../b'],
    ['backslashes', 'https:\\\\mcp.example.com'],
    ['surrounding space', ' https://mcp.example.com '],
    ['a line feed', 'https://mcp.example.com/\na'],
    ['a host name in Unicode', 'https://münchen.example'],
    [
      'a path that a redirect would take for another host (RFC 3986 section 4.2)',
      'https://mcp.example.com//evil.example',
    ],
    ['another scheme', 'ftp://mcp.example.com'],
    ['script', 'javascript:alert(1)'],
    ['no scheme', 'mcp.example.com'],
    ['no text', ''],
  ])('with %s is refused, not repaired: clients compare byte by byte (RFC 8414 section 3.3)', (_what, identifier) => {
    expect(parseIssuer(identifier)).toBeUndefined();
  });

  test('is taken apart once', () => {
    expect(parseIssuer('https://mcp.example.com:8443/gw')).toEqual({
      identifier: 'https://mcp.example.com:8443/gw',
      origin: 'https://mcp.example.com:8443',
      host: 'mcp.example.com:8443',
      pathPrefix: '/gw',
      isSecure: true,
      isLoopback: false,
      tag: expect.stringMatching(/^[A-Za-z0-9]{12}$/),
    });
    expect(parseIssuer('http://[::1]:3000')).toMatchObject({
      host: '[::1]:3000',
      pathPrefix: '',
      isSecure: false,
      isLoopback: true,
    });
  });

  test('has a tag of its own that stays the same and fits into cookie names and storage ids', () => {
    const identifiers = Array.from({ length: 200 }, (_, port) => `http://127.0.0.1:${3000 + port}`);
    const tags = identifiers.map((identifier) => parseIssuer(identifier)?.tag ?? '');
    expect(new Set(tags).size).toBe(200);
    expect(tags.every((tag) => /^[A-Za-z0-9]{12}$/.test(tag))).toBe(true);
    expect(identifiers.map((identifier) => parseIssuer(identifier)?.tag)).toEqual(tags);
    expect(parseIssuer('https://mcp.example.com/gw')?.tag).not.toBe(parseIssuer('https://mcp.example.com')?.tag);
  });
});
