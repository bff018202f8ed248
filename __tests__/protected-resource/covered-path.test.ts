import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { isCovered, isExactly } from '../../lib/protected-resource/covered-path.ts';

/** A request as Express shows it: to the app itself, or below a mount, or on a route. */
function request(
  originalUrl: string,
  express: { baseUrl?: string; route?: object; url?: string } = {},
): IncomingMessage {
  const { baseUrl = '' } = express;
  const url = originalUrl.startsWith(baseUrl) ? originalUrl.slice(baseUrl.length) || '/' : originalUrl;
  return { originalUrl, url, ...express } as unknown as IncomingMessage;
}

describe('app.use(auth.authenticate(path)) covers the path and all below it', () => {
  test.each([
    '/mcp',
    '/mcp/',
    '/mcp?a=1',
    '/mcp#a',
    '/mcp/sub/deep',
    '/MCP',
    '/%6dcp',
    '/%6D%63%70/x',
    '//mcp',
    '/mcp//x',
    '/mcp/%zz',
    '/mcp%2fsub',
    '/x/../mcp',
    'http://gateway/mcp',
    'http://evil.example/mcp/x?y',
  ])('in the spelling %s, as a router may understand it (CVE-2025-54576)', (url) => {
    expect(isCovered(request(url), '/mcp')).toBe(true);
  });

  test.each(['/', '/mcp2', '/mc', '/other/mcp', '/mcpx/y', '/oauth/token', '/?/mcp', '/#/mcp'])('and not %s', (url) => {
    expect(isCovered(request(url), '/mcp')).toBe(false);
  });

  test('of the root: everything', () => {
    for (const url of ['/', '/a', '/a/b?c', '//', 'http://gateway']) expect(isCovered(request(url), '/')).toBe(true);
  });

  test('without Express the same', () => {
    expect(isCovered({ url: '/mcp/x' } as IncomingMessage, '/mcp')).toBe(true);
    expect(isCovered({ url: '/other' } as IncomingMessage, '/mcp')).toBe(false);
  });
});

describe('what cannot lead to the path covers all that reaches it, since passing on would leave it open', () => {
  test('a route: the app has asked for protection there by name', () => {
    expect(isCovered(request('/elsewhere', { route: {} }), '/mcp')).toBe(true);
  });

  test.each([
    ['a mount elsewhere', '/elsewhere/x', '/elsewhere', true],
    ['a mount whose name starts the same', '/mc/x', '/mc', true],
    ['a mount with a parameter', '/acme/x', '/acme', true],
    ['a mount above the path', '/api/other', '/api', false],
    ['a mount above the path in another case', '/API/other', '/API', false],
    ['the path as mount', '/api/mcp/x', '/api/mcp', true],
  ])('%s: %s under %s is covered: %p', (_what, url, baseUrl, covered) => {
    expect(isCovered(request(url, { baseUrl }), '/api/mcp')).toBe(covered);
  });
});

describe('a proxy serves its path exactly', () => {
  test.each(['/mcp', '/mcp/', '/MCP', '/mcp?a=1', '//mcp', '/%6dcp', 'http://gateway/mcp'])('%s is it', (url) => {
    expect(isExactly(request(url), '/mcp')).toBe(true);
  });

  test.each(['/mcp/x', '/mcp2', '/', '/x/mcp', '/mcp/..', '/mcp%20'])('%s is not', (url) => {
    expect(isExactly(request(url), '/mcp')).toBe(false);
  });

  test('of the root: the root alone', () => {
    expect(isExactly(request('/'), '/')).toBe(true);
    expect(isExactly(request('http://gateway'), '/')).toBe(true);
    expect(isExactly(request('/a'), '/')).toBe(false);
  });
});
