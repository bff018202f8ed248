/** Headers and framing through the proxy, on raw sockets: smuggled requests, spoofed identities, odd paths and methods */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { insides, request, startTarget, statusOf, type Target, type UpstreamRequest } from './support.ts';

let target: Target;
let token: string;
beforeAll(async () => {
  target = await startTarget();
  ({ access: token } = await target.tokens({ resource: `${target.url}/proxied` }));
});
afterEach(() => target.reset());
afterAll(() => target.close());

const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
const base = () => [
  `Host: ${new URL(target.url).host}`,
  `Authorization: Bearer ${token}`,
  'Content-Type: application/json',
];
const post = (headers: readonly string[] = [], text = body, line = 'POST /proxied HTTP/1.1') =>
  target.raw(request(line, [...base(), `Content-Length: ${Buffer.byteLength(text)}`, ...headers], text));
const names = ({ rawHeaders }: UpstreamRequest) =>
  rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
const received = () => target.upstream.received;

/** What of a caller must never be at the upstream. */
function expectClean(): void {
  for (const sent of received()) {
    expect([sent.method, sent.url]).toEqual([expect.stringMatching(/^(?:POST|GET|DELETE)$/), '/upstream/mcp']);
    const text = JSON.stringify(sent);
    expect(text).not.toContain(token);
    expect(text).not.toMatch(/forged|mcp_session|127\.0\.0\.1:\d+.*127\.0\.0\.1:\d+.*evil/);
    for (const name of [
      'authorization',
      'cookie',
      'proxy-authorization',
      'forwarded',
      'via',
      'proxy',
      'te',
      'upgrade',
      'expect',
      'dpop',
      'x-real-ip',
    ])
      expect(names(sent)).not.toContain(name);
    expect(names(sent).filter((name) => name.startsWith('x-forwarded'))).toEqual([]);
  }
}

describe('a header of the caller names no identity and no route (CVE-2025-64484, CVE-2025-48865, RFC 9110 section 7.6.1)', () => {
  it.each([
    'X-Forwarded-User: forged',
    'X-Forwarded-Email: forged',
    'X-Forwarded-For: forged',
    'X-Forwarded-Host: forged',
    'X-Forwarded-Proto: forged',
    'X-Forwarded-Prefix: /forged',
    'X_Forwarded_User: forged',
    'X-Forwarded_User: forged',
    'X.Forwarded.User: forged',
    'x-forwarded-user: forged',
    'X-FORWARDED-USER: forged',
    'Forwarded: for=forged;host=forged',
    'Via: 1.1 forged',
    'X-Real-IP: forged',
    'X-Client-IP: forged',
    'True-Client-IP: forged',
    'CF-Connecting-IP: forged',
    'X-Original-URL: /forged',
    'X-Rewrite-URL: /forged',
    'X-HTTP-Method-Override: DELETE-forged',
    'X-HTTP-Method: forged',
    'X-Method-Override: forged',
    'X-Original-Method: forged',
    'X-Auth-Request-User: forged',
    'X-Remote-User: forged',
    'Remote-User: forged',
    'REMOTE_USER: forged',
    'X-User: forged',
    'X-User-Id: forged',
    'X-WEBAUTH-USER: forged',
    'X-MCP-Identity: forged',
    'X-Goog-Authenticated-User-Email: forged',
    'Proxy: http://forged',
    'Proxy-Authorization: Basic forged',
    'Proxy-Connection: forged',
    'Cookie: mcp_session_x=forged',
    'Cookie2: forged',
    'DPoP: forged',
    'X-Api-Key: forged',
    'X-Access-Token: forged',
    'TE: trailers, forged',
    'Trailer: X-Forged',
    'Upgrade: forged',
    'HTTP2-Settings: forged',
    'Keep-Alive: forged',
    'Max-Forwards: 0',
    'Destination: /forged',
    'Origin-Trial: forged',
    'If-None-Match: "forged"',
    'Range: bytes=0-1',
    'Accept-Encoding: forged',
    'Referer: http://forged',
    'Early-Data: 1',
    'Surrogate-Capability: forged',
    'X-Amzn-Oidc-Identity: forged',
    'Front-End-Https: forged',
  ])('%s', async (header) => {
    expect(statusOf(await post([header]))).toBe(200);
    expect(received()).toHaveLength(1);
    expectClean();
  });

  it.each([
    'Connection: Content-Type',
    'Connection: Authorization',
    'Connection: Content-Length',
    'Connection: close, Host',
    'Connection: Mcp-Session-Id',
    'Connection: X-Forwarded-User',
    'Connection: keep-alive, Transfer-Encoding',
  ])('%s takes away nothing that the gateway sets', async (header) => {
    const lines = [...base(), `Content-Length: ${body.length}`, 'Mcp-Name: x', `${header}, close`];
    const raw = await target.raw(`POST /proxied HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
    expect([200, 400]).toContain(statusOf(raw));
    expectClean();
    for (const sent of received()) expect(sent.body).toBe(body);
  });

  it('bytes of the body pass as they are', async () => {
    const odd = '{"a":1,"a":2, "b" : "\\u0000\u00e9" ,"__proto__":{"x":1}}\n';
    await post([], odd);
    expect(received().map((sent) => sent.body)).toEqual([odd]);
  });
});

describe('one request of a caller is at most one at the upstream (RFC 9112 section 11.2, CWE-444)', () => {
  const smuggled = 'POST /admin HTTP/1.1\r\nHost: upstream\r\nContent-Length: 0\r\n\r\n';
  const chunks = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
  const send = (headers: readonly string[], text: string) =>
    target.raw(request('POST /proxied HTTP/1.1', [...base(), ...headers], text));

  it.each<[string, readonly string[], string]>([
    ['CL.TE', [`Content-Length: ${chunks(body).length}`, 'Transfer-Encoding: chunked'], chunks(body) + smuggled],
    ['TE.CL', ['Transfer-Encoding: chunked', 'Content-Length: 4'], chunks(body) + smuggled],
    ['two lengths', ['Content-Length: 5', `Content-Length: ${body.length}`], body + smuggled],
    ['two lengths in one', ['Content-Length: 5, 6'], body + smuggled],
    ['a signed length', ['Content-Length: +46'], body],
    ['a negative length', ['Content-Length: -1'], body],
    ['a length in hexadecimal', ['Content-Length: 0x2e'], body],
    ['a length with a space in it', ['Content-Length: 4 6'], body],
    ['a length in other digits', ['Content-Length: ４６'], body],
    ['no length at all', ['Content-Length:'], body],
    ['a huge length', ['Content-Length: 99999999999999999999'], body],
    ['a coding that is none', ['Transfer-Encoding: xchunked'], chunks(body)],
    ['chunked and another after it', ['Transfer-Encoding: chunked, identity'], chunks(body)],
    ['chunked twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], chunks(body)],
    ['chunked with a tab', ['Transfer-Encoding:\tchunked', 'Content-Length: 3'], chunks(body)],
    ['chunked with a vertical tab', ['Transfer-Encoding: \x0bchunked'], chunks(body)],
    ['a space before the colon', ['Transfer-Encoding : chunked'], chunks(body)],
    ['a folded line', ['Transfer-Encoding:\r\n chunked', 'Content-Length: 3'], chunks(body)],
    ['a bare line feed between headers', [`X: y\nTransfer-Encoding: chunked`, `Content-Length: ${body.length}`], body],
    ['a bare carriage return', ['X: y\rTransfer-Encoding: chunked', `Content-Length: ${body.length}`], body],
    ['NUL in a header', ['X: \0', `Content-Length: ${body.length}`], body],
    ['a header without a name', [': x', `Content-Length: ${body.length}`], body],
    ['a header without a colon', ['X', `Content-Length: ${body.length}`], body],
    ['chunk sizes that are none', ['Transfer-Encoding: chunked'], `zz\r\n${body}\r\n0\r\n\r\n`],
    ['a chunk size with a sign', ['Transfer-Encoding: chunked'], `+2e\r\n${body}\r\n0\r\n\r\n`],
    ['a chunk size that overflows', ['Transfer-Encoding: chunked'], `ffffffffffffffff1\r\n${body}\r\n0\r\n\r\n`],
    ['a chunk that is longer than it says', ['Transfer-Encoding: chunked'], `5\r\n${body}\r\n0\r\n\r\n`],
    [
      'trailers',
      ['Transfer-Encoding: chunked', 'Trailer: Authorization'],
      `${chunks(body).slice(0, -2)}X-Forwarded-User: forged\r\nAuthorization: Bearer forged\r\n\r\n`,
    ],
    ['extensions of chunks', ['Transfer-Encoding: chunked'], chunks(body).replace('\r\n', ';forged="x"\r\n')],
  ])('%s', async (_what, headers, text) => {
    const raw = await send(headers, text);
    expect([200, 400, 413]).toContain(statusOf(raw));
    expect(received().length).toBeLessThanOrEqual(1);
    expect(received().filter(({ url }) => url.includes('admin'))).toEqual([]);
    expectClean();
    for (const { body: passed } of received()) expect(['', body, '{"jso']).toContain(passed);
  });

  it('a body that waits for 100 Continue is one body', async () => {
    const raw = await send([`Content-Length: ${body.length}`, 'Expect: 100-continue'], body);
    expect(raw).toMatch(/^HTTP\/1\.1 (?:100 Continue\r\n\r\nHTTP\/1\.1 )?200/);
    expect(received().map((sent) => sent.body)).toEqual([body]);
    expectClean();
  });

  it('an expectation that is unknown is refused, and reaches nobody', async () => {
    expect(statusOf(await send([`Content-Length: ${body.length}`, 'Expect: forged'], body))).toBe(417);
    expect(received()).toEqual([]);
  });

  it('what follows on one connection needs a token of its own (CWE-288)', async () => {
    const host = `Host: ${new URL(target.url).host}`;
    const first = `POST /proxied HTTP/1.1\r\n${[...base(), `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`;
    const raw = await target.raw(first + request('POST /proxied HTTP/1.1', [host, 'Content-Length: 0']));
    expect([...raw.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status)).toEqual(['200', '401']);
    expect(received()).toHaveLength(1);
  });
});

describe('without a token nothing reaches the upstream, however it is spelled (CVE-2025-54576, CVE-2026-40575)', () => {
  const bare = (line: string, headers: readonly string[] = []) =>
    target.raw(request(line, [`Host: ${new URL(target.url).host}`, 'Content-Length: 0', ...headers]));

  it.each([
    '/proxied',
    '/proxied/',
    '//proxied',
    '/./proxied',
    '/x/../proxied',
    '/%70roxied',
    '/PROXIED',
    '/proxied%2f',
    '/proxied;x',
    '/proxied?x=/public',
    '/proxied%00',
    '/proxied#/public',
    '/public/../proxied',
    '/public/..%2fproxied',
    '/proxied\\',
    '\\proxied',
    'http://127.0.0.1/proxied',
    'http://evil.example/proxied',
    '*',
  ])('%s', async (path) => {
    for (const method of ['POST', 'GET', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'TRACE', 'PROPFIND']) {
      const raw = await bare(`${method} ${path} HTTP/1.1`);
      expect(raw).not.toContain('"result":{}');
      expect(statusOf(raw)).toBeLessThan(500);
    }
    expect(received()).toEqual([]);
  });

  it.each([
    'X-Original-URL: /public',
    'X-Rewrite-URL: /public',
    'X-Forwarded-Uri: /public',
    'X-HTTP-Method-Override: OPTIONS',
    'X-Forwarded-Method: OPTIONS',
    'X-Forwarded-User: alice',
    'X-Auth-Request-Email: a@b',
    'User-Agent: kube-probe',
    'Access-Control-Request-Method: POST',
    'Sec-WebSocket-Key: x',
    'Authorization: Basic eDp4',
    'Cookie: mcp_session=x',
  ])('with %s', async (header) => {
    expect(statusOf(await bare('POST /proxied HTTP/1.1', [header]))).toBe(401);
    expect(received()).toEqual([]);
  });

  it('OPTIONS is answered here, and goes nowhere', async () => {
    for (const headers of [[], ['Origin: https://evil.example', 'Access-Control-Request-Method: POST']]) {
      const raw = await bare('OPTIONS /proxied HTTP/1.1', headers);
      expect([204, 401, 403, 405]).toContain(statusOf(raw));
    }
    expect(received()).toEqual([]);
  });

  it('a WebSocket upgrade, CONNECT and h2c reach nobody (CVE-2026-44578 class)', async () => {
    const upgrade = ['Upgrade: websocket', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Version: 13'];
    const host = `Host: ${new URL(target.url).host}`;
    const attempts = [
      `GET /proxied HTTP/1.1\r\n${[host, 'Connection: Upgrade, close', ...upgrade].join('\r\n')}\r\n\r\n`,
      `GET /proxied HTTP/1.1\r\n${[host, 'Connection: Upgrade, HTTP2-Settings, close', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'].join('\r\n')}\r\n\r\n`,
      `CONNECT 127.0.0.2:80 HTTP/1.1\r\n${host}\r\n\r\n`,
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    ];
    for (const bytes of attempts) expect(await target.raw(bytes)).not.toMatch(/^HTTP\/1\.1 (?:101|200)/);
    expect(received()).toEqual([]);
  });
});

describe('with a token, too, only the configured path and the methods of MCP', () => {
  it.each([
    '/proxied/../admin',
    '/proxied/%2e%2e/admin',
    '/proxied//evil.example/x',
    '/proxied/x',
    '/proxied@evil.example',
    '/proxied:80@evil.example',
    'http://evil.example/proxied',
    '//evil.example/proxied',
    '/proxied?x=1#y',
  ])('%s', async (path) => {
    await post([], body, `POST ${path} HTTP/1.1`);
    for (const { url } of received()) expect(url).toMatch(/^\/upstream\/mcp(?:\?|$)/);
  });

  it.each(['TRACE', 'PUT', 'PATCH', 'HEAD', 'PROPFIND', 'LOCK', 'PURGE', 'SEARCH', 'LINK', 'M-SEARCH'])(
    '%s is refused',
    async (method) => {
      const raw = await post([], body, `${method} /proxied HTTP/1.1`);
      expect([400, 405]).toContain(statusOf(raw));
      expect(raw).not.toContain(token);
      expect(received()).toEqual([]);
    },
  );

  it.each(['HTTP/1.2', 'HTTP/1.1x', 'http/1.1', ''])('the version %j serves nobody', async (version) => {
    const raw = await target.raw(`GET /proxied ${version}\r\n${[...base(), 'Connection: close'].join('\r\n')}\r\n\r\n`);
    expect([400, 505]).toContain(statusOf(raw));
    expect(received()).toEqual([]);
  });
});

it('answers of the parser itself tell nothing of the inside', async () => {
  for (const bytes of [
    '\0\0\0\0\r\n\r\n',
    'GET\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01',
    `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
    `GET / HTTP/1.1\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
  ]) {
    const raw = await target.raw(bytes);
    expect([400, 414, 431]).toContain(statusOf(raw));
    expect(raw).not.toMatch(insides);
  }
});
