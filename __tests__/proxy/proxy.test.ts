import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import express from 'express';
import { staticHeaders } from '../../lib/upstream/static-headers.ts';
import { startUpstreamPair, type UpstreamPair, type UpstreamPairOptions } from '../helpers/upstream-pair.ts';

const json = { 'content-type': 'application/json' };
const call = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
let pair: UpstreamPair;

afterEach(() => pair.close());

async function start(options?: UpstreamPairOptions): Promise<UpstreamPair> {
  pair = await startUpstreamPair(options);
  return pair;
}

function post(body: RequestInit['body'] = call, headers: Record<string, string> = json): Promise<Response> {
  return fetch(pair.url, { method: 'POST', body, headers, duplex: 'half' } as RequestInit);
}

/** One request with this target and these header lines, on a connection that is closed after it. */
const head = (target: string, ...lines: string[]) =>
  `${[`POST ${target} HTTP/1.1`, 'Host: gateway', 'Content-Length: 0', 'Connection: close', ...lines].join('\r\n')}\r\n\r\n`;

describe('the path at the upstream is the one configured', () => {
  test.each([
    '/mcp',
    '/mcp/',
    '/mcp/../admin',
    '/mcp/%2e%2e/admin',
    '/mcp/..%2fadmin',
    '//evil.example/admin',
    '/mcp//admin',
    '/mcp;x=1',
    '/%6dcp',
    '/other',
    'http://evil.example/admin',
    '/\\evil.example',
    '/@evil.example/',
    '*',
  ])('whatever the caller asks for: %s (CVE-2026-32871, CVE-2026-55602)', async (target) => {
    await start();
    expect(await pair.raw(head(target))).toMatch(/^HTTP\/1\.1 200 /);
    expect(pair.received.map(({ url, headers }) => [url, headers.host])).toEqual([
      ['/upstream/mcp', pair.upstreamHost],
    ]);
  });

  test.each([
    ['/mcp?a=1&b=%2F&a=2', '/upstream/mcp?a=1&b=%2F&a=2'],
    ['/mcp?', '/upstream/mcp'],
    ['/mcp??x', '/upstream/mcp??x'],
    ['/mcp?x=/../../admin', '/upstream/mcp?x=/../../admin'],
    ['/mcp?http://evil.example/', '/upstream/mcp?http://evil.example/'],
    ['/mcp/../x?y=1', '/upstream/mcp?y=1'],
  ])('with the query of %s: %s', async (target, url) => {
    await start();
    await pair.raw(head(target));
    expect(pair.received.map((received) => received.url)).toEqual([url]);
  });

  test('without the query where forwardSearch is false', async () => {
    await start({ proxy: { forwardSearch: false } });
    await pair.raw(head('/mcp?a=1'));
    expect(pair.received[0]?.url).toBe('/upstream/mcp');
  });

  test("with the target's own query first, which the caller can neither change nor repeat", async () => {
    await start({ path: '/upstream/mcp?tenant=acme&empty=' });
    await pair.raw(head('/mcp'));
    await pair.raw(head('/mcp?a=1&tenant=evil&%74enant=evil&empty=no'));
    expect(pair.received.map(({ url }) => url)).toEqual([
      '/upstream/mcp?tenant=acme&empty=',
      '/upstream/mcp?tenant=acme&empty=&a=1',
    ]);
  });

  test.each(['/', ''])('at the root of the upstream too (%p)', async (path) => {
    await start({ path });
    await pair.raw(head('/mcp/../admin?a=1'));
    expect(pair.received[0]?.url).toBe('/?a=1');
  });
});

describe('headers', () => {
  test('of the caller reach the upstream by an allow-list alone, credentials and identities never (MCP 2026-07-28, Token Passthrough)', async () => {
    await start();
    const hostile = [
      'Authorization: Bearer of-the-client',
      'Proxy-Authorization: Basic eDp5',
      'Cookie: mcp_session_x=1; app=2',
      'X-Forwarded-For: 203.0.113.9',
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Proto: https',
      'Forwarded: for=203.0.113.9',
      'Proxy: http://evil.example',
      'X-User: admin',
      'mcp_session_id: spoofed',
      'Content_Type: text/evil',
      'TE: trailers',
      'X-Original-URL: /admin',
      'X-HTTP-Method-Override: DELETE',
      'Origin: http://localhost:1',
      'Accept-Encoding: gzip',
    ];
    const allowed = [
      'Accept: text/event-stream',
      'MCP-Session-Id: s1',
      'Mcp-Param-Region: eu',
      'traceparent: 00-1-2-01',
    ];
    await pair.raw(head('/mcp', ...hostile, ...allowed));
    expect(pair.received[0]?.headers).toEqual({
      host: pair.upstreamHost,
      connection: 'keep-alive',
      'content-length': '0',
      accept: 'text/event-stream',
      'mcp-session-id': 's1',
      'mcp-param-region': 'eu',
      traceparent: '00-1-2-01',
    });
  });

  test('come with Expect: 100-continue as without it (httpxy skips its hooks then)', async () => {
    await start();
    const bytes = `POST /mcp HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\nExpect: 100-continue\r\nAuthorization: Bearer x\r\nCookie: a=1\r\nContent-Length: 2\r\n\r\n{}`;
    expect(await pair.raw(bytes)).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    expect(pair.received[0]?.body.toString()).toBe('{}');
    expect(Object.keys(pair.received[0]?.headers ?? {}).sort()).toEqual(['connection', 'content-length', 'host']);
  });

  test('that Connection names for this hop stop here (RFC 9110 section 7.6.1)', async () => {
    await start();
    await pair.raw(
      head('/mcp', 'Connection: Mcp-Session-Id, X-Secret', 'Mcp-Session-Id: s1', 'X-Secret: 1', 'Mcp-Name: n'),
    );
    expect(pair.received[0]?.headers).not.toHaveProperty('mcp-session-id');
    expect(pair.received[0]?.headers).toMatchObject({ 'mcp-name': 'n' });
  });

  test('of the credential are set last, over what the caller sent under their names', async () => {
    await start({
      proxy: { upstream: staticHeaders({ Authorization: 'Bearer of-the-gateway', 'Mcp-Tenant': 'acme' }) },
    });
    await post(call, { ...json, authorization: 'Bearer of-the-client', 'mcp-tenant': 'evil' });
    expect(pair.received[0]?.headers).toMatchObject({ authorization: 'Bearer of-the-gateway', 'mcp-tenant': 'acme' });
  });

  test("of the upstream's answer reach the client by an allow-list alone (RFC 9728 section 7.7)", async () => {
    await start({
      answer: (res) =>
        res
          .writeHead(200, 'Fine And Dandy', {
            'content-type': 'application/json',
            'mcp-session-id': 's1',
            'retry-after': '3',
            'set-cookie': ['a=1', 'b=2'],
            'www-authenticate': 'Bearer resource_metadata="https://evil.example"',
            'access-control-allow-origin': '*',
            'access-control-allow-credentials': 'true',
            location: 'https://evil.example',
            server: 'secret/1.0',
            'x-powered-by': 'Express',
            'strict-transport-security': 'max-age=0',
            connection: 'X-Hop',
            'x-hop': '1',
          })
          .end('{}'),
    });
    const answer = await post();
    expect(answer.statusText).toBe('OK');
    const names = [...answer.headers.keys()].sort();
    // One of them, by whether the upstream's answer was there as a whole.
    const framing = ['content-length', 'transfer-encoding'];
    expect(names.filter((name) => framing.includes(name))).toHaveLength(1);
    expect(names.filter((name) => !framing.includes(name))).toEqual([
      'connection',
      'content-type',
      'date',
      'mcp-session-id',
      'retry-after',
      'x-accel-buffering',
    ]);
  });

  test.each(['HTTP/1.1\r\nConnection: close', 'HTTP/1.0\r\nX: 1'])(
    "of the connection are the gateway's own: it closes where the client asks for it (%#, RFC 9112 section 9.6)",
    async (asking) => {
      await start();
      const answer = await pair.raw(`POST /mcp ${asking}\r\nHost: gateway\r\nContent-Length: 0\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 200 .*\r\nconnection: close\r\n/is);
    },
  );
});

describe('bodies arrive byte for byte (CVE-2025-32996, CVE-2026-55603)', () => {
  const multipart = `--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n`;
  const big = randomBytes(2 * 1024 * 1024);

  test.each([
    ['JSON with odd spaces', Buffer.from(' {"a" :1,"a":2 }\n'), 'application/json'],
    ['multipart', Buffer.from(multipart), 'multipart/form-data; boundary=b'],
    ['a form', Buffer.from('a=1&a=%20+&b'), 'application/x-www-form-urlencoded'],
    ['2 MB of noise', big, 'application/octet-stream'],
    ['nothing', Buffer.alloc(0), 'application/json'],
  ])('%s, fixed and chunked, there and back', async (_what, bytes, type) => {
    await start({ answer: (res, { body }) => void res.end(body) });
    const chunked = ReadableStream.from([bytes.subarray(0, 7), bytes.subarray(7)].filter(({ length }) => length > 0));
    for (const body of [bytes, chunked]) {
      const answer = await post(body as never, { 'content-type': type });
      expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
    }
    expect(pair.received.map(({ body, headers }) => [body.equals(bytes), headers['content-type']])).toEqual([
      [true, type],
      [true, type],
    ]);
  });

  test('with their content coding, in both directions', async () => {
    const coded = randomBytes(100);
    await start({ answer: (res) => void res.writeHead(200, { 'content-encoding': 'x-own' }).end(coded) });
    const answer = await post(coded, { ...json, 'content-encoding': 'gzip' });
    expect(pair.received[0]?.headers['content-encoding']).toBe('gzip');
    expect(pair.received[0]?.body.equals(coded)).toBe(true);
    expect(answer.headers.get('content-encoding')).toBe('x-own');
    expect(Buffer.from(await answer.arrayBuffer()).equals(coded)).toBe(true);
  });

  test.each([
    ['JSON', express.json(), call],
    ['text', express.text({ type: '*/*' }), call],
    ['bytes', express.raw({ type: '*/*' }), call],
  ])('also where a parser of the app has read them as %s', async (_what, parser, body) => {
    const app = express().use(parser);
    await start({ inFront: (req, res, next) => void app(req as never, res as never, next) });
    await post(body);
    expect(pair.received[0]?.body.toString()).toBe(body);
    expect(pair.received[0]?.headers['content-length']).toBe(String(body.length));
  });
});

test('1,000 requests share a few connections to the upstream', async () => {
  await start();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 10 });
  const once = () =>
    new Promise<number>((resolve, reject) => {
      const sent = http.request(pair.url, {
        method: 'POST',
        agent,
        headers: { ...json, 'content-length': call.length },
      });
      sent.on('error', reject).on('response', (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
      });
      sent.end(call);
    });
  const statuses = await Promise.all(Array.from({ length: 1000 }, once));
  agent.destroy();
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(pair.received).toHaveLength(1000);
  expect(pair.connections.length).toBeLessThanOrEqual(20);
});
