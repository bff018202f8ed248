import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { staticHeaders } from '../../lib/index.ts';
import { record as recordFigure, tally } from '../faults/rounds.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { signInByHand } from '../helpers/protected-server.ts';

const servers: Server[] = [];
const sockets = new Set<Socket>();
const unhandled: unknown[] = [];
const record = (reason: unknown) => void unhandled.push(reason);
let gateway: Gateway;
let callHealthy: () => Promise<Response>;

/** An upstream on a free port. */
async function listen(server: Server): Promise<string> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.once('close', () => sockets.delete(socket));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

const onSocket = (serve: (socket: Socket) => void) => listen(net.createServer(serve));
const onRequest = (serve: (req: IncomingMessage, res: ServerResponse) => void) => listen(http.createServer(serve));

async function closedPort(): Promise<string> {
  const url = await onRequest(() => undefined);
  await once((servers.pop() as Server).close(), 'close');
  return url;
}

const hostile = `Bearer resource_metadata="http://169.254.169.254/latest", error="${'x'.repeat(4000)}", realm="\\"`;

/** Each fault with its upstream, and what a client sees. */
const faults: readonly { name: string; target: () => Promise<string>; status: number; message: RegExp }[] = [
  { name: 'refused', target: closedPort, status: 502, message: /cannot be reached/ },
  {
    name: 'reset',
    target: () => onSocket((socket) => socket.once('data', () => socket.resetAndDestroy())),
    status: 502,
    message: /cannot be reached/,
  },
  { name: 'silent', target: () => onSocket((socket) => void socket.resume()), status: 504, message: /in time/ },
  {
    name: 'slow',
    target: () => onSocket((socket) => void socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nX-A: b\r\n'))),
    status: 504,
    message: /in time/,
  },
  {
    name: 'half-head',
    target: () => onSocket((socket) => void socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-'))),
    status: 502,
    message: /cannot be reached/,
  },
  {
    name: 'garbage',
    target: () => onSocket((socket) => void socket.once('data', () => socket.write('\u0000\u0001 not http\r\n\r\n'))),
    status: 502,
    message: /cannot be reached/,
  },
  {
    name: '401-loop',
    target: () => onRequest((_req, res) => void res.writeHead(401, { 'www-authenticate': 'Bearer' }).end()),
    status: 502,
    message: /refused its credential/,
  },
  {
    name: 'hostile-challenge',
    target: () => onRequest((_req, res) => void res.writeHead(401, { 'www-authenticate': hostile }).end(hostile)),
    status: 502,
    message: /refused its credential/,
  },
  {
    name: 'hostile-scope',
    target: () =>
      onRequest((_req, res) => {
        res.writeHead(403, { 'www-authenticate': 'Bearer error="insufficient_scope", scope="admin"' }).end();
      }),
    status: 502,
    message: /refused its credential/,
  },
  {
    name: 'hostile-redirect',
    target: () =>
      onRequest((_req, res) => void res.writeHead(307, { location: 'http://169.254.169.254/latest' }).end(hostile)),
    status: 502,
    message: /cannot be reached/,
  },
];

/** As a filtered route reads an answer as a whole, half of one is no answer either. */
const halves: typeof faults = [
  {
    name: 'half-answer',
    target: () =>
      onRequest((_req, res) => {
        res.writeHead(200, { 'content-type': 'application/json', 'content-length': '99' });
        res.write('{"jsonrpc":', () => res.destroy());
      }),
    status: 502,
    message: /cannot be reached/,
  },
  {
    name: 'stalled-answer',
    target: () => onRequest((_req, res) => void res.writeHead(200, { 'content-type': 'application/json' }).write('{')),
    status: 504,
    message: /in time/,
  },
];

const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a' } });

beforeAll(async () => {
  process.on('unhandledRejection', record);
  const healthy = await onRequest(
    (_req, res) => void res.setHeader('content-type', 'application/json').end('{"ok":1}'),
  );
  const targets = new Map<string, string>([['healthy', healthy]]);
  for (const { name, target } of [...faults, ...halves]) targets.set(name, await target());
  gateway = await startGateway({
    routes: (app, auth) => {
      for (const [name, target] of targets) {
        const upstream = staticHeaders({ authorization: 'Bearer of-the-gateway' });
        const isFiltered = halves.some((half) => half.name === name);
        const capabilities = isFiltered ? { tools: ['a'] } : undefined;
        const isSlow = [...faults, ...halves].some((fault) => fault.name === name && fault.status === 504);
        // Generous where it must not strike, however slow the machine is.
        const firstByteTimeoutMs = isSlow ? 300 : 60_000;
        const options = { target, firstByteTimeoutMs, ...(capabilities && { capabilities }) };
        app.use(auth.proxy(`/${name}`, options));
        if (!isFiltered) app.use(auth.proxy(`/with-credential/${name}`, { ...options, upstream }));
      }
    },
  });
  callHealthy = await callerOf('healthy');
});

afterAll(async () => {
  process.off('unhandledRejection', record);
  await gateway.close();
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
});

/** Calls one route, signed in for it. */
async function callerOf(route: string): Promise<() => Promise<Response>> {
  const url = `${gateway.url}/${route}`;
  const { accessToken } = await signInByHand(gateway.url, url);
  const headers = { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' };
  return () => fetch(url, { method: 'POST', headers, body: call });
}

const routes = [
  ...[...faults, ...halves].map((fault) => ({ route: fault.name, ...fault })),
  ...faults.map((fault) => ({ route: `with-credential/${fault.name}`, ...fault })),
];

describe('an upstream that misbehaves is told as JSON-RPC, and harms nobody else (F-35)', () => {
  const survived: string[] = [];
  afterAll(() => {
    const counts = JSON.stringify(tally(survived));
    recordFigure(
      'F-35',
      'upstream',
      `10 calls to each of ${survived.length} faulty routes: ${counts}; 10 of 10 beside them 200`,
    );
  });

  test.each(routes)('$route: $status', async ({ route, status, message }) => {
    const callFaulty = await callerOf(route);
    const calls = Array.from({ length: 10 }, callFaulty);
    const beside = Array.from({ length: 10 }, callHealthy);

    for (const answer of await Promise.all(calls)) {
      const text = await answer.text();
      expect([answer.status, answer.headers.get('www-authenticate'), answer.headers.get('location')]).toEqual([
        status,
        null,
        null,
      ]);
      expect(JSON.parse(text)).toEqual({
        jsonrpc: '2.0',
        id: null,
        error: { code: -32603, message: expect.stringMatching(message) },
      });
      expect(text).not.toMatch(/169\.254|127\.0\.0\.1|xxx/);
    }
    expect((await Promise.all(beside)).map((answer) => answer.status)).toEqual(beside.map(() => 200));
    expect(unhandled).toEqual([]);
    survived.push(String(status));
  });

  test('a stream that breaks off ends broken, and only that one', async () => {
    const url = await onRequest((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: {}\n\ndata: {"ha', () => res.destroy());
    });
    const broken = await startGateway({ routes: (app, auth) => app.use(auth.proxy('/mcp', { target: url })) });
    try {
      const { accessToken } = await signInByHand(broken.url);
      const headers = { authorization: `Bearer ${accessToken}` };
      const answer = await fetch(`${broken.url}/mcp`, { method: 'POST', headers, body: call });
      await expect(answer.text()).rejects.toThrow('terminated');
      expect((await callHealthy()).status).toBe(200);
    } finally {
      await broken.close();
    }
    expect(unhandled).toEqual([]);
  });
});
