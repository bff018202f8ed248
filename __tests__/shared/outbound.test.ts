import type http from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createRemoteJWKSet, exportJWK, generateKeyPair, customFetch as joseFetch, jwtVerify, SignJWT } from 'jose';
import { discovery, customFetch as openidFetch } from 'openid-client';
import { asFetch, createOutbound, OutboundError, type OutboundRequest } from '../../lib/shared/outbound.ts';
import { closed, createListeners, createTestAuthority, type TestAuthority } from '../helpers/listeners.ts';

const limits = { timeoutMs: 5000, maxResponseBytes: 1000, purpose: 'test document' };
const listeners = createListeners();
let authority: TestAuthority;

beforeAll(() => {
  authority = createTestAuthority(['DNS:client.test']);
});

afterEach(() => listeners.close());

/** The client of an issuer on 127.0.0.1; every name is there too. */
const client = createOutbound({
  loopbackAddress: '127.0.0.1',
  lookup: (_hostname, _options, callback) => callback(null, '127.0.0.1'),
});

/** Fetches over http from the issuer's own address. */
function fetchFrom(port: number, request: Partial<OutboundRequest> = {}, path = '/'): Promise<Response> {
  return client.fetch(`http://127.0.0.1:${port}${path}`, { ...limits, allowHttpLoopback: true, ...request });
}

/** The reason why a fetch fails; undefined where it does not. */
function reasonOf(outcome: Promise<Response>): Promise<string | undefined> {
  return outcome.then(
    () => undefined,
    (error) => (error instanceof OutboundError ? error.reason : `not an OutboundError: ${error}`),
  );
}

/** A listener that records each request with its body, and answers 200. */
async function serveRecording() {
  const requests: {
    method?: string | undefined;
    url?: string | undefined;
    headers: http.IncomingHttpHeaders;
    body: string;
  }[] = [];
  const { port } = await listeners.http(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    requests.push({ method: request.method, url: request.url, headers: request.headers, body });
    response.end('{"ok":true}');
  });
  return { port, requests };
}

describe('the URL', () => {
  test.each([
    ['http to a public address', 'http://8.8.8.8/', 'scheme_refused'],
    ['file', 'file:///etc/passwd', 'scheme_refused'],
    ['data', 'data:application/json,{}', 'scheme_refused'],
    ['ftp', 'ftp://client.test/', 'scheme_refused'],
    ['ws', 'ws://client.test/', 'scheme_refused'],
    ['a user', 'https://user@client.test/', 'invalid_url'],
    ['a password', 'https://:secret@client.test/', 'invalid_url'],
    ['a host name beyond 255 characters (RFC 1035)', `https://${'a.'.repeat(128)}test/`, 'invalid_url'],
    ['no absolute form', '/client.json', 'invalid_url'],
    ['a host that is no address', 'https://1.2.3.4.5/', 'invalid_url'],
  ])('with %s is refused', async (_what, url, reason) => {
    expect(await reasonOf(client.fetch(url, { ...limits, allowHttpLoopback: true }))).toBe(reason);
  });

  test("may be http only where the caller allows it, the issuer is on loopback and the address is the issuer's", async () => {
    const { port, connections } = await listeners.http();
    const url = `http://client.test:${port}/`;
    expect(await reasonOf(client.fetch(url, limits))).toBe('scheme_refused');
    expect(
      await reasonOf(createOutbound().fetch(`http://127.0.0.1:${port}/`, { ...limits, allowHttpLoopback: true })),
    ).toBe('scheme_refused');
    const elsewhere = createOutbound({
      loopbackAddress: '127.0.0.1',
      lookup: (_hostname, _options, callback) => callback(null, '8.8.8.8'),
    });
    expect(await reasonOf(elsewhere.fetch(url, { ...limits, allowHttpLoopback: true }))).toBe('scheme_refused');
    expect(connections.length).toBe(0);
    expect((await client.fetch(url, { ...limits, allowHttpLoopback: true })).status).toBe(200);
  });

  test('appears in an error as host only, and nowhere in its cause', async () => {
    const urls = [
      'https://127.0.0.2:8443/path?code=secret',
      'https://u:secret@127.0.0.2:8443/path',
      'https://secret:path/',
    ];
    const errors = await Promise.all(urls.map((url) => client.fetch(url, limits).catch((error: Error) => error)));
    expect(errors.map((error) => (error as Error).message)).toEqual([
      'test document from 127.0.0.2:8443: address_refused',
      'test document from 127.0.0.2:8443: invalid_url',
      'test document: invalid_url',
    ]);
    expect(errors.map((error) => (error as Error).cause)).toEqual([undefined, undefined, undefined]);
  });
});

describe('the request', () => {
  test('says who asks, wants no encoding and carries no credential of its own', async () => {
    const { port, requests } = await serveRecording();
    await fetchFrom(port, {}, '/client.json?v=1');
    const headers = {
      host: `127.0.0.1:${port}`,
      'user-agent': 'express-mcp-auth',
      'accept-encoding': 'identity',
      connection: 'close',
    };
    expect(requests).toEqual([{ method: 'GET', url: '/client.json?v=1', headers, body: '' }]);
  });

  test("carries the caller's headers but for those of the connection (request smuggling)", async () => {
    const { port, requests } = await serveRecording();
    const given = { authorization: 'Basic eDp5', accept: 'application/json', 'user-agent': '' };
    const dropped = {
      host: 'other.test',
      'content-length': '1',
      'transfer-encoding': 'chunked',
      expect: '100-continue',
      'accept-encoding': 'gzip',
    };
    await fetchFrom(port, { method: 'POST', body: 'body', headers: { ...given, ...dropped } });
    expect(requests[0]).toMatchObject({ method: 'POST', body: 'body' });
    expect(requests[0]?.headers).toEqual({
      authorization: 'Basic eDp5',
      accept: 'application/json',
      host: `127.0.0.1:${port}`,
      'user-agent': 'express-mcp-auth',
      'accept-encoding': 'identity',
      'content-length': '4',
      connection: 'close',
    });
  });

  test('sends text, bytes and forms with their length', async () => {
    const { port, requests } = await serveRecording();
    await fetchFrom(port, { method: 'POST', body: 'é' });
    await fetchFrom(port, { method: 'POST', body: new Uint8Array([0x61, 0x62]) });
    await fetchFrom(port, { method: 'POST', body: new URLSearchParams({ grant_type: 'a b' }) });
    const seen = requests.map(({ headers, body }) => [body, headers['content-length'], headers['content-type']]);
    expect(seen).toEqual([
      ['é', '2', undefined],
      ['ab', '2', undefined],
      ['grant_type=a+b', '14', 'application/x-www-form-urlencoded;charset=UTF-8'],
    ]);
  });

  test('with a header that cannot be sent fails without quoting it, before any connection', async () => {
    const { port, connections } = await listeners.http();
    const error = await fetchFrom(port, { headers: { authorization: 'Bearer top\r\nsecret' } }).catch(
      (error: Error) => error,
    );
    expect(error).toBeInstanceOf(TypeError);
    expect(String((error as Error).stack)).not.toContain('secret');
    expect(connections.length).toBe(0);
  });
});

describe('the answer', () => {
  test('is a Response with status, headers, URL and body, without cookies', async () => {
    const { port } = await listeners.http((_request, response) => {
      response.writeHead(
        404,
        [
          ['X-Twice', 'a'],
          ['x-twice', 'b'],
          ['Set-Cookie', 'a=b'],
          ['Content-Type', 'application/json'],
        ].flat(),
      );
      response.end('{"error":"none"}');
    });
    const response = await fetchFrom(port, {}, '/missing');
    expect([response.status, response.ok, response.url]).toEqual([404, false, `http://127.0.0.1:${port}/missing`]);
    expect([response.headers.get('x-twice'), response.headers.get('set-cookie')]).toEqual(['a, b', null]);
    expect(await response.clone().text()).toBe('{"error":"none"}');
    expect(await response.json()).toEqual({ error: 'none' });
  });

  test('that redirects is returned; its target sees no connection', async () => {
    const target = await listeners.http();
    const { port } = await listeners.http((_request, response) => {
      response.writeHead(302, { location: `http://127.0.0.1:${target.port}/` }).end();
    });
    const response = await fetchFrom(port);
    expect([response.status, response.headers.get('location')]).toEqual([302, `http://127.0.0.1:${target.port}/`]);
    expect(target.connections.length).toBe(0);
  });

  test('may have no body', async () => {
    const { port } = await listeners.http((request, response) => {
      response
        .writeHead(request.method === 'HEAD' ? 200 : 204, request.method === 'HEAD' ? { 'content-length': 5000 } : {})
        .end();
    });
    expect((await fetchFrom(port)).status).toBe(204);
    expect(await (await fetchFrom(port, { method: 'HEAD' })).text()).toBe('');
  });

  test('may fill the limit, whether or not its length was announced', async () => {
    const { port } = await listeners.http((request, response) => {
      if (request.url === '/chunked') response.write('a');
      response.end('a'.repeat(request.url === '/chunked' ? 999 : 1000));
    });
    expect((await (await fetchFrom(port)).text()).length).toBe(1000);
    expect((await (await fetchFrom(port, {}, '/chunked')).text()).length).toBe(1000);
  });

  test('of one byte more is refused; a limit that is no number lets nothing through', async () => {
    const { port } = await listeners.http((_request, response) => {
      response.write('a');
      response.end('a'.repeat(1000));
    });
    expect(await reasonOf(fetchFrom(port))).toBe('too_large');
    expect(await reasonOf(fetchFrom(port, { maxResponseBytes: Number.NaN }))).toBe('too_large');
  });

  test('that announces too much is refused before its body', async () => {
    const { port, firstConnection } = await listeners.http((_request, response) => {
      response.writeHead(200, { 'content-length': 1001 }).flushHeaders();
    });
    expect(await reasonOf(fetchFrom(port))).toBe('too_large');
    expect(await closed(await firstConnection)).toBe(true);
  });

  test('without an end is cut off and the connection closed', async () => {
    const { port, firstConnection } = await listeners.http((_request, response) => {
      const more = (): void =>
        void (response.write('a'.repeat(10_000)) ? setImmediate(more) : response.once('drain', more));
      more();
    });
    expect(await reasonOf(fetchFrom(port))).toBe('too_large');
    expect(await closed(await firstConnection)).toBe(true);
  });

  test.each([
    ['gzip', { 'content-encoding': 'gzip' }],
    ['br after identity', { 'content-encoding': 'identity, br' }],
    ['gzip as transfer coding', { 'transfer-encoding': 'gzip, chunked' }],
  ])('in an encoding that was not asked for is refused: %s', async (_what, headers) => {
    const { port } = await listeners.http((_request, response) => {
      response.writeHead(200, headers).end(gzipSync('a'.repeat(1_000_000)).subarray(0, 500));
    });
    expect(await reasonOf(fetchFrom(port))).toBe('encoding_refused');
  });

  test.each([
    ['another protocol', 'SSH-2.0-server\r\n'],
    ['nothing', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\ncontent-'],
    ['half a body', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'],
    ['half a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    ['length and chunks', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['headers beyond 16 KiB', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`],
    ['another protocol by upgrade', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
    ['a status out of range', 'HTTP/1.1 999 Whatever\r\ncontent-length: 0\r\n\r\n'],
  ])('that is not whole and valid HTTP is refused: %s', async (_what, bytes) => {
    const { port } = await listeners.tcp((socket) => void socket.once('data', () => socket.end(bytes)));
    const error = await fetchFrom(port).catch((error: unknown) => error);
    expect(error).toMatchObject({ name: 'OutboundError', reason: 'response_invalid' });
    expect((error as Error).cause).not.toHaveProperty('rawPacket');
  });
});

describe('the deadline', () => {
  const brief = { timeoutMs: 150 };

  test.each<[string, http.RequestListener]>([
    ['headers that do not come', () => {}],
    ['a body that does not come', (_request, response) => response.writeHead(200).flushHeaders()],
    [
      'informational answers without an end',
      (_request, response) => {
        const more = setInterval(() => response.writeProcessing(), 20);
        response.once('close', () => clearInterval(more));
      },
    ],
    [
      'a body that drips',
      (_request, response) => {
        const drip = setInterval(() => response.write('a'), 20);
        response.once('close', () => clearInterval(drip));
      },
    ],
  ])('ends %s and closes the connection', async (_what, listener) => {
    const { port, firstConnection } = await listeners.http(listener);
    expect(await reasonOf(fetchFrom(port, brief))).toBe('timed_out');
    expect(await closed(await firstConnection)).toBe(true);
  });

  test('ends a TLS handshake that does not go on and closes the connection', async () => {
    const { port, firstConnection } = await listeners.tcp((socket) => void socket.resume());
    expect(await reasonOf(client.fetch(`https://127.0.0.1:${port}/`, { ...limits, ...brief }))).toBe('timed_out');
    expect(await closed(await firstConnection)).toBe(true);
  });

  test('ends a look-up that does not answer', async () => {
    const waiting = createOutbound({ lookup: () => {} });
    expect(await reasonOf(waiting.fetch('https://client.test/', { ...limits, ...brief }))).toBe('timed_out');
  });

  test('is told apart from a caller who gives up, whose own time limit counts as a deadline', async () => {
    const { port } = await listeners.http(() => {});
    const caller = new AbortController();
    const given = fetchFrom(port, { signal: caller.signal });
    caller.abort();
    expect(await reasonOf(given)).toBe('aborted');
    expect(await reasonOf(fetchFrom(port, { signal: caller.signal }))).toBe('aborted');
    expect(await reasonOf(fetchFrom(port, { signal: AbortSignal.timeout(100) }))).toBe('timed_out');
  });

  test('does not start a request for a caller who has given up', async () => {
    const { port, connections } = await listeners.http();
    expect(await reasonOf(fetchFrom(port, { signal: AbortSignal.abort() }))).toBe('aborted');
    expect(connections.length).toBe(0);
  });

  test('reports a closed port as connect_failed', async () => {
    const { port } = await listeners.http();
    await listeners.close();
    expect(await reasonOf(fetchFrom(port))).toBe('connect_failed');
  });
});

describe('in the shape of fetch', () => {
  const defaults = { ...limits, maxResponseBytes: 65_536, allowHttpLoopback: true };

  test('takes what fetch takes: a Request, headers, every kind of body, unknown options', async () => {
    const { port, requests } = await serveRecording();
    const fetch = asFetch(client, defaults);
    const url = `http://127.0.0.1:${port}/`;
    const stream = new Blob(['streamed']).stream();
    await fetch(new Request(url, { method: 'POST', body: 'text', headers: { 'x-a': 'b' } }));
    await fetch(new URL(url), { method: 'PUT', body: stream, duplex: 'half' });
    await fetch(url, {
      method: 'POST',
      body: new URLSearchParams({ a: 'b' }),
      redirect: 'manual',
      dispatcher: {},
    });
    expect(await (await fetch(url)).json()).toEqual({ ok: true });
    expect(
      requests.map(({ method, body, headers }) => [method, body, headers['content-type'], headers['x-a']]),
    ).toEqual([
      ['POST', 'text', 'text/plain;charset=UTF-8', 'b'],
      ['PUT', 'streamed', undefined, undefined],
      ['POST', 'a=b', 'application/x-www-form-urlencoded;charset=UTF-8', undefined],
      ['GET', '', undefined, undefined],
    ]);
  });

  test("stays within its limits and follows the caller's signal", async () => {
    const { port } = await listeners.http((_request, response) => void response.end('a'.repeat(2000)));
    const fetch = asFetch(client, { ...limits, allowHttpLoopback: true });
    expect(await reasonOf(fetch(`http://127.0.0.1:${port}/`))).toBe('too_large');
    expect(await reasonOf(fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.abort() }))).toBe('aborted');
    expect(await reasonOf(fetch('http://8.8.8.8/'))).toBe('scheme_refused');
  });

  test("serves openid-client's discovery and jose's key set over https", async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const keySet = { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256' }] };
    let issuer = '';
    const { port } = await listeners.https(authority.certificate, (request, response) => {
      response.setHeader('content-type', 'application/json');
      const metadata = { issuer, jwks_uri: `${issuer}/jwks`, authorization_endpoint: `${issuer}/authorize` };
      response.end(JSON.stringify(request.url === '/jwks' ? keySet : metadata));
    });
    issuer = `https://client.test:${port}`;
    const lookup = (_hostname: string, _options: unknown, callback: (error: null, address: string) => void) =>
      callback(null, '127.0.0.1');
    const fetch = asFetch(createOutbound({ loopbackAddress: '127.0.0.1', lookup, ca: authority.ca }), defaults);

    const configuration = await discovery(new URL(issuer), 'client', undefined, undefined, { [openidFetch]: fetch });
    const jwksUrl = new URL(configuration.serverMetadata().jwks_uri ?? '');
    const token = await new SignJWT({ sub: 'user' }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
    const { payload } = await jwtVerify(token, createRemoteJWKSet(jwksUrl, { [joseFetch]: fetch }));
    expect(payload.sub).toBe('user');
  });
});
