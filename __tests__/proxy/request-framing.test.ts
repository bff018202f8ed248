import { afterEach, describe, expect, test } from '@jest/globals';
import { startUpstreamPair, type UpstreamPair } from '../helpers/upstream-pair.ts';

const inner = 'POST /admin HTTP/1.1\r\nHost: upstream\r\nContent-Length: 0\r\n\r\n';
const chunk = `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`;
let pair: UpstreamPair;

afterEach(() => pair.close());

function request(method: string, headers: readonly string[], body: string): string {
  return `${[`${method} /mcp HTTP/1.1`, 'Host: gateway', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n${body}`;
}

const reached = () => pair.received.map(({ method, url, body }) => [method, url, body.toString()]);

describe('one request of a caller is one request to the upstream (RFC 9112 section 11.2, CWE-444)', () => {
  test.each(['GET', 'DELETE'])('%s with a body in chunks: the body goes nowhere', async (method) => {
    pair = await startUpstreamPair();
    expect(await pair.raw(request(method, ['Transfer-Encoding: chunked'], chunk))).toMatch(/^HTTP\/1\.1 200 /);
    expect(reached()).toEqual([[method, '/upstream/mcp', '']]);
  });

  test.each(['GET', 'DELETE'])('%s with a body of a declared length: the body goes nowhere', async (method) => {
    pair = await startUpstreamPair();
    const answer = await pair.raw(request(method, [`Content-Length: ${inner.length}`], inner));
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(reached()).toEqual([[method, '/upstream/mcp', '']]);
  });

  test.each([
    ['chunks', ['Transfer-Encoding: chunked'], chunk],
    ['a declared length', [`Content-Length: ${inner.length}`], inner],
    ['a length that Connection takes away', [`Content-Length: ${inner.length}`, 'Connection: Content-Length'], inner],
  ])('POST with %s: the body is a body', async (_what, headers, body) => {
    pair = await startUpstreamPair();
    expect(await pair.raw(request('POST', headers, body))).toMatch(/^HTTP\/1\.1 200 /);
    expect(reached()).toEqual([['POST', '/upstream/mcp', inner]]);
  });

  test.each([
    ['length and chunks at once', ['Content-Length: 5', 'Transfer-Encoding: chunked']],
    ['two lengths', ['Content-Length: 5', 'Content-Length: 6']],
    ['a length that is none', ['Content-Length: +5']],
    ['an unknown coding', ['Transfer-Encoding: xchunked']],
    ['chunked not last', ['Transfer-Encoding: chunked, identity']],
    ['space before the colon', ['Content-Length : 5']],
  ])('POST with %s is 400 and reaches nobody (RFC 9112 sections 5.1, 6.1 and 6.3)', async (_what, headers) => {
    pair = await startUpstreamPair();
    expect(await pair.raw(request('POST', headers, chunk))).toMatch(/^HTTP\/1\.1 400 /);
    expect(reached()).toEqual([]);
  });

  test('two requests on one connection are two, each with its own body', async () => {
    pair = await startUpstreamPair();
    const first = 'GET /mcp HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n';
    const answers = await pair.raw(first + chunk + request('POST', ['Content-Length: 2'], '{}'));
    expect(answers.match(/HTTP\/1\.1 200 /g)).toHaveLength(2);
    expect(reached()).toEqual([
      ['GET', '/upstream/mcp', ''],
      ['POST', '/upstream/mcp', '{}'],
    ]);
  });
});

describe('other methods than POST, GET and DELETE', () => {
  test.each(['TRACE', 'PUT', 'PATCH', 'OPTIONS', 'PROPFIND'])(
    '%s is 405 and reaches nobody (MCP 2026-07-28, Streamable HTTP)',
    async (method) => {
      pair = await startUpstreamPair();
      const answer = await pair.raw(request(method, ['Authorization: Bearer secret', 'Content-Length: 0'], ''));
      expect(answer).toMatch(/^HTTP\/1\.1 405 /);
      expect(answer.toLowerCase()).toContain('\r\nallow: post, get, delete, options\r\n');
      expect(answer).not.toContain('secret');
      expect(reached()).toEqual([]);
    },
  );

  test('HEAD is 405 without a body', async () => {
    pair = await startUpstreamPair();
    expect(await pair.raw(request('HEAD', [], ''))).toMatch(/^HTTP\/1\.1 405 .*\r\n\r\n$/s);
    expect(reached()).toEqual([]);
  });
});
