import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { staticHeaders } from '../../lib/upstream/static-headers.ts';
import { startUpstreamPair, type UpstreamPair, type UpstreamPairOptions } from '../helpers/upstream-pair.ts';

let pair: UpstreamPair;

afterEach(() => pair.close());

async function start(options: UpstreamPairOptions): Promise<UpstreamPair> {
  pair = await startUpstreamPair(options);
  return pair;
}

function send(method = 'POST'): Promise<Response> {
  return fetch(pair.url, { method, ...(method === 'POST' && { body: '{}' }) });
}

/** Answers each connection with these bytes after its first request, then does what is asked. */
const answerBytes =
  (bytes: string, then: (socket: Socket) => void = () => undefined) =>
  (socket: Socket) =>
    void socket.once('data', () => socket.write(bytes, 'latin1', () => then(socket)));

function jsonRpcError(message: string): object {
  return { jsonrpc: '2.0', id: null, error: { code: -32603, message } };
}

const reasons = () => pair.events.map((event) => [event.type, event.reason]);
const failed = (reason: string) => [['proxy.failed', reason]];
const unreachable = jsonRpcError('the upstream server cannot be reached');

async function closedPort(): Promise<number> {
  const server = net.createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return port;
}

describe('an upstream that answers passes unchanged', () => {
  test.each([
    [200, '{"result":{}}'],
    [202, ''],
    [400, 'bad request'],
    [403, '{"error":"insufficient"}'],
    [404, '{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}'],
    [405, 'method not allowed'],
    [409, 'conflict'],
    [429, 'slow down'],
    [500, 'stack of the upstream'],
    [503, ''],
  ])('with %d and its body', async (status, body) => {
    await start({
      answer: (res) => void res.writeHead(status, { 'content-type': 'text/x-own', allow: 'POST' }).end(body),
    });
    const answer = await send();
    expect([answer.status, await answer.text()]).toEqual([status, body]);
    expect([answer.headers.get('content-type'), answer.headers.get('allow')]).toEqual(['text/x-own', 'POST']);
    expect(pair.events).toEqual([]);
  });

  test.each([204, 304])('with %d and no body', async (status) => {
    await start({ answer: (res) => void res.writeHead(status).end() });
    const answer = await send('GET');
    expect([answer.status, await answer.text()]).toEqual([status, '']);
  });
});

describe('answers of the upstream that would mislead a client become 502', () => {
  test('its 401: the client would sign in here for what only the gateway can mend (RFC 9728 section 7.7)', async () => {
    await start({ answer: (res) => void res.writeHead(401, { 'www-authenticate': 'Bearer' }).end('secret text') });
    const answer = await send();
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([502, null]);
    expect(await answer.json()).toEqual(jsonRpcError('the upstream server refused its credential'));
    expect(reasons()).toEqual(failed('unauthorized'));
  });

  test.each([300, 301, 302, 303, 307, 308])('its redirect %d, which is not followed', async (status) => {
    await start({ answer: (res) => void res.writeHead(status, { location: 'http://127.0.0.1:1/evil' }).end() });
    const answer = await send();
    expect([answer.status, answer.headers.get('location')]).toEqual([502, null]);
    expect(await answer.json()).toEqual(unreachable);
    expect(reasons()).toEqual(failed(`redirected: ${status}`));
    expect(pair.received).toHaveLength(1);
  });

  test('and leave its connection usable', async () => {
    const statuses = [401, 302, 200];
    await start({ answer: (res) => void res.writeHead(statuses.shift() ?? 500).end('x'.repeat(1000)) });
    const outcomes = [(await send()).status, (await send()).status, (await send()).status];
    expect(outcomes).toEqual([502, 502, 200]);
    expect(pair.connections).toHaveLength(1);
  });
});

describe('an upstream without an answer is 502 as JSON-RPC that does not name it', () => {
  test('when it refuses the connection', async () => {
    const port = await closedPort();
    await start({ proxy: { target: `http://127.0.0.1:${port}/mcp` } });
    const answer = await send();
    const text = await answer.text();
    expect([answer.status, JSON.parse(text)]).toEqual([502, unreachable]);
    expect(text).not.toMatch(/127\.0\.0\.1|\d{4,5}"|ECONN/);
    expect(reasons()).toEqual(failed('unreachable: ECONNREFUSED'));
  });

  test.each<[string, string, (socket: Socket) => void]>([
    ['resets the connection', 'ECONNRESET', (socket) => socket.once('data', () => socket.resetAndDestroy())],
    ['closes the connection', 'ECONNRESET', (socket) => socket.once('data', () => socket.end())],
    ['breaks off within the head', 'ECONNRESET', answerBytes('HTTP/1.1 200 O', (socket) => socket.destroy())],
    ['speaks another protocol', 'HPE_INVALID_CONSTANT', answerBytes('SSH-2.0-OpenSSH_9\r\n')],
    [
      'changes the protocol unasked',
      'closed',
      answerBytes('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'),
    ],
    ['sends a head without end', 'HPE_HEADER_OVERFLOW', answerBytes(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`)],
  ])('when it %s', async (_what, code, onSocket) => {
    await start({ onSocket });
    for (const method of ['POST', 'GET']) {
      const answer = await send(method);
      expect([answer.status, await answer.json()]).toEqual([502, unreachable]);
    }
    expect(reasons()).toEqual([...failed(`unreachable: ${code}`), ...failed(`unreachable: ${code}`)]);
  });

  test('when its credential cannot be had, without asking it', async () => {
    const upstream = staticHeaders({
      'x-api-key': async () => Promise.reject(new Error('vault token hunter2 expired')),
    });
    await start({ proxy: { upstream } });
    const answer = await send();
    const message = 'the credential for the upstream server cannot be had now; try again';
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await answer.json()).toEqual(jsonRpcError(message));
    expect(reasons()).toEqual(failed('credential_unavailable: a header function failed'));
    expect(pair.received).toEqual([]);
  });

  test('and the next request is served once it is back', async () => {
    const port = await closedPort();
    await start({ proxy: { target: `http://127.0.0.1:${port}/mcp` } });
    expect((await send()).status).toBe(502);
    const back = http.createServer((_req, res) => void res.end('{}'));
    await once(back.listen(port, '127.0.0.1'), 'listening');
    expect((await send()).status).toBe(200);
    back.closeAllConnections();
    await once(back.close(), 'close');
  });
});

describe('a body that goes up as a stream', () => {
  const bodies: readonly [string, () => RequestInit][] = [
    ['in chunks', () => ({ body: ReadableStream.from([Buffer.from('{"a":'), Buffer.from('1}')]) as never })],
    ['of 3 MB', () => ({ body: 'x'.repeat(3_000_000) })],
  ];

  test.each(bodies)(
    '%s, to an upstream that does not want it: the client still gets its answer',
    async (_what, body) => {
      await start({ onSocket: (socket) => void socket.once('data', () => socket.resetAndDestroy()) });
      const answer = await fetch(pair.url, { method: 'POST', duplex: 'half', ...body() } as RequestInit);
      expect([answer.status, await answer.json()]).toEqual([502, unreachable]);
    },
  );

  test.each(bodies)('%s, to one that never answers, too', async (_what, body) => {
    await start({ onSocket: (socket) => void socket.resume(), proxy: { firstByteTimeoutMs: 100 } });
    const answer = await fetch(pair.url, { method: 'POST', duplex: 'half', ...body() } as RequestInit);
    expect(answer.status).toBe(504);
  });
});

describe('an answer that breaks off does not look complete', () => {
  test.each([
    ['of a declared length', 'Content-Length: 100\r\n\r\n{"half":'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n8\r\n{"half":\r\n'],
    ['of an event stream', 'Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"half":\r\n'],
  ])('%s: the connection is destroyed', async (_what, rest) => {
    await start({ onSocket: answerBytes(`HTTP/1.1 200 OK\r\n${rest}`, (socket) => socket.destroy()) });
    const outcome = await pair.raw('GET /mcp HTTP/1.1\r\nHost: gateway\r\n\r\n');
    expect(outcome).toContain('HTTP/1.1 200 OK');
    expect(outcome).not.toContain('\r\n0\r\n\r\n');
    await expect(send('GET').then((answer) => answer.text())).rejects.toThrow('terminated');
  });
});

describe('a slow upstream', () => {
  test('is 504 when a POST gets no head in time, and is let go (firstByteTimeoutMs)', async () => {
    const sockets: Promise<unknown>[] = [];
    await start({
      onSocket: (socket) => void sockets.push(once(socket.resume(), 'close')),
      proxy: { firstByteTimeoutMs: 1000 },
    });
    const before = performance.now();
    const answer = await send();
    expect([answer.status, await answer.json()]).toEqual([
      504,
      jsonRpcError('the upstream server did not answer in time'),
    ]);
    expect(performance.now() - before).toBeLessThan(10_000);
    expect(reasons()).toEqual(failed('timed_out'));
    await Promise.all(sockets);
    expect(sockets).toHaveLength(1);
  });

  test('may be as slow as it likes with the body, and with the head of a GET', async () => {
    const held: http.ServerResponse[] = [];
    await start({
      proxy: { firstByteTimeoutMs: 1000 },
      answer(res, { method, body }) {
        if (method === 'POST' && body.length > 0)
          res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
        held.push(res);
      },
    });
    const get = send('GET');
    const post = await send('POST');
    // A POST without a body gets no head: once it has timed out, the others have waited for longer than the limit.
    expect((await fetch(pair.url, { method: 'POST' })).status).toBe(504);
    for (const res of held) res.end('late');
    expect([post.status, await post.text()]).toEqual([200, 'late']);
    expect([(await get).status, await (await get).text()]).toEqual([200, 'late']);
  });

  test('is let go when the client leaves', async () => {
    const arrivals = new EventEmitter();
    const arrived = once(arrivals, 'request');
    await start({ onSocket: (socket) => void socket.once('data', () => arrivals.emit('request', socket)) });
    const controller = new AbortController();
    const left = fetch(pair.url, { signal: controller.signal }).catch((error: Error) => error.name);
    const [socket] = (await arrived) as [Socket];
    const closed = once(socket, 'close');
    controller.abort();
    expect(await left).toBe('AbortError');
    await closed;
    expect(pair.events).toEqual([]);
  });
});
