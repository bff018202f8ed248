import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createMiddlewareTransport } from '../../lib/proxy/middleware-transport.ts';
import { createPoolTransport } from '../../lib/proxy/pool-transport.ts';
import { UpstreamFailure, type UpstreamRequest, type UpstreamTransport } from '../../lib/proxy/transport.ts';

/** POST goes by undici and everything else by http-proxy-middleware: neither side may see a difference. */
const transports = { undici: createPoolTransport, 'http-proxy-middleware': createMiddlewareTransport };

const closings: (() => void)[] = [];

afterEach(() => {
  for (const close of closings.splice(0)) close();
});

async function listen(listener: RequestListener): Promise<{ server: Server; origin: string }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closings.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function open(create: (target: URL) => UpstreamTransport, origin: string): UpstreamTransport {
  const transport = create(new URL(origin));
  closings.push(() => transport.close());
  return transport;
}

/** The client's response, as far as a transport looks at it. */
function clientResponse() {
  return Object.assign(new EventEmitter(), { writableFinished: false }) as unknown as ServerResponse;
}

const post = (request: Partial<UpstreamRequest> = {}): UpstreamRequest => {
  const { body = Buffer.from('{"jsonrpc":"2.0"}') } = request;
  const length = Buffer.isBuffer(body) ? { 'content-length': String(body.length) } : {};
  return {
    method: 'POST',
    path: '/mcp?tenant=1',
    firstByteTimeoutMs: 0,
    ...request,
    headers: { 'content-type': 'application/json', ...length, ...request.headers },
    body,
  };
};

async function sendTo(transport: UpstreamTransport, path: string): Promise<void> {
  const { body } = await transport.send(post({ path }), clientResponse());
  await text(body);
}

/** What each of them gets for the same request, and what it came to. */
async function both<T>(origin: string, use: (transport: UpstreamTransport) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (const create of Object.values(transports)) results.push(await use(open(create, origin)));
  return results;
}

async function received(req: IncomingMessage) {
  const { connection: _, ...headers } = req.headers;
  return { method: req.method, url: req.url, headers, body: await text(req) };
}

describe('what the upstream is asked', () => {
  test.each([
    ['known bytes', () => post()],
    ['bytes of any value', () => post({ body: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)) })],
    ['nothing', () => post({ body: Buffer.alloc(0) })],
    [
      'a stream of a declared length',
      () => post({ body: Readable.from(['{"a":', '1}']), headers: { 'content-length': '7' } }),
    ],
    ['a stream without length', () => post({ body: Readable.from(['{"a":', '1}']) })],
    ['a megabyte', () => post({ body: Buffer.alloc(2 ** 20, 'a') })],
    ['headers with bytes above ASCII', () => post({ headers: { 'mcp-name': 'caf\xe9' } })],
  ])('is the same with %s', async (_name, create) => {
    const seen: Awaited<ReturnType<typeof received>>[] = [];
    const { origin } = await listen(async (req, res) => {
      seen.push(await received(req));
      res.end();
    });
    await both(origin, async (transport) => {
      const { body } = await transport.send(create(), clientResponse());
      body.resume();
    });

    expect(seen).toHaveLength(2);
    expect(seen[0]).toEqual(seen[1]);
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/mcp?tenant=1', headers: { host: new URL(origin).host } });
  });
});

describe('what it answers', () => {
  const answers: readonly [string, RequestListener][] = [
    ['JSON', (_req, res) => res.setHeader('content-type', 'application/json').end('{"result":{}}')],
    ['nothing, accepted', (_req, res) => res.writeHead(202).end()],
    ['no content', (_req, res) => res.writeHead(204).end()],
    ['an error', (_req, res) => res.writeHead(500, { 'retry-after': '3' }).end('failed')],
    [
      'repeated headers in their spelling',
      (_req, res) =>
        res.writeHead(200, ['X-One', 'a', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'x-one', 'caf\xe9']).end(),
    ],
    [
      'hints before the answer',
      (_req, res) => {
        res.writeEarlyHints({ link: '</style.css>; rel=preload' });
        res.end('after');
      },
    ],
    [
      'an event stream',
      (_req, res) => {
        res.setHeader('content-type', 'text/event-stream');
        res.write('data: 1\n\n');
        res.end('data: 2\n\n');
      },
    ],
    ['a megabyte', (_req, res) => void res.end(Buffer.alloc(2 ** 20, 'b'))],
  ];

  test.each(answers)('comes back the same: %s', async (_name, listener) => {
    const { origin } = await listen(listener);
    const seen = await both(origin, async (transport) => {
      const { status, headers, body } = await transport.send(post(), clientResponse());
      const own = headers.filter(([name]) => !/^(?:date|connection|keep-alive)$/i.test(name));
      return { status, headers: own, body: await text(body) };
    });

    expect(seen[0]).toEqual(seen[1]);
  });

  test('is the same problem where there is none: refused, too late, cut off, another protocol', async () => {
    const failing: readonly RequestListener[] = [
      (req) => void req.socket.destroy(),
      (req) => void req.socket.end('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
      (req) => void req.socket.end(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(100_000)}`),
      (req) => void req.socket.end('SSH-2.0-other\r\n'),
      () => {},
    ];
    const { server, origin: closed } = await listen(() => {});
    await new Promise((resolve) => server.close(resolve));
    const origins = [closed];
    for (const listener of failing) origins.push((await listen(listener)).origin);
    const silent = origins.at(-1);

    for (const origin of origins) {
      const firstByteTimeoutMs = origin === silent ? 200 : 0;
      const [one, other] = await both(origin, (transport) =>
        transport
          .send(post({ firstByteTimeoutMs }), clientResponse())
          .catch((error: unknown) => (error instanceof UpstreamFailure ? error.problem : error)),
      );
      expect(one).toEqual(other);
      expect(one).toMatchObject({ reason: origin === silent ? 'timed_out' : 'unreachable' });
    }
  });

  test('never looks complete where it broke off', async () => {
    const { origin } = await listen((_req, res) => {
      res.writeHead(200, { 'content-length': '100' });
      res.write('some', () => res.destroy());
    });
    const ends = await both(origin, async (transport) => {
      const { body } = await transport.send(post(), clientResponse());
      return text(body).then(
        () => 'complete',
        () => 'broken',
      );
    });

    expect(ends).toEqual(['broken', 'broken']);
  });
});

describe('a client that leaves', () => {
  test.each(Object.entries(transports))(
    'ends what %s has open, before and after the answer began',
    async (_name, create) => {
      const upstream = new EventEmitter();
      const { origin } = await listen((req, res) => {
        if (req.url === '/streaming') res.write('data: 1\n\n');
        res.once('close', () => upstream.emit('closed'));
        upstream.emit('open');
      });
      const transport = open(create, origin);

      const waiting = clientResponse();
      const answer = transport.send(post({ path: '/silent' }), waiting).catch((error: unknown) => error);
      await once(upstream, 'open');
      waiting.emit('close');
      await once(upstream, 'closed');
      expect(await answer).toBeInstanceOf(UpstreamFailure);

      const streaming = clientResponse();
      const { body } = await transport.send(post({ path: '/streaming' }), streaming);
      body.on('error', () => {}).resume();
      const closed = once(upstream, 'closed');
      streaming.emit('close');
      await closed;
    },
  );
});

test('both close connections that nobody uses', async () => {
  const { server, origin } = await listen((_req, res) => res.end());
  const ends: Promise<unknown>[] = [];
  server.on('connection', (socket) => ends.push(once(socket, 'close')));
  await both(origin, async (transport) => {
    const { body } = await transport.send(post(), clientResponse());
    await text(body);
    transport.close();
  });

  expect(await Promise.all(ends)).toHaveLength(2);
});

describe('a client that is not answered any more', () => {
  test('has no request sent for it that timed out while the connection was being made', async () => {
    const seen: (string | undefined)[] = [];
    const { origin } = await listen((req, res) => {
      seen.push(req.url);
      res.writeHead(200, { connection: 'close' }).end();
    });
    const transport = open(createPoolTransport, origin);
    await sendTo(transport, '/opens-the-pool');
    const late = transport.send(post({ path: '/late', firstByteTimeoutMs: 1 }), clientResponse());
    const failure = expect(late).rejects.toMatchObject({ problem: { reason: 'timed_out' } });
    await Promise.resolve(); // The connection is on its way.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20); // Timers run before it is told that it stands.
    await failure;
    await sendTo(transport, '/next');

    expect(seen).toEqual(['/opens-the-pool', '/next']);
  });

  test('has none sent for it where it left while undici was loaded', async () => {
    const seen: (string | undefined)[] = [];
    const { origin } = await listen((req, res) => {
      seen.push(req.url);
      res.end();
    });
    const transport = open(createPoolTransport, origin);
    const gone = Object.assign(clientResponse(), { destroyed: true });
    await expect(transport.send(post({ path: '/left' }), gone)).rejects.toBeInstanceOf(UpstreamFailure);
    await sendTo(transport, '/next');

    expect(seen).toEqual(['/next']);
  });
});

describe('an answer by undici', () => {
  const large = 'x'.repeat(1_000_000);

  test('that is asked for late waits in part, and arrives as a whole', async () => {
    let written = 0;
    const { origin } = await listen((_req, res) => {
      res.writeHead(200, { 'content-length': String(10 * large.length) });
      const more = (): void => {
        while (written < 10) {
          written += 1;
          if (!res.write(large)) return void res.once('drain', more);
        }
        res.end();
      };
      more();
    });
    const transport = open(createPoolTransport, origin);
    const response = await transport.send(post(), clientResponse());
    await new Promise((resolve) => setImmediate(resolve));
    expect(response.takeWhole?.()).toBeUndefined();
    expect((await text(response.body)).length).toBe(10 * large.length);
  });

  test('that came with its head is there at once, and once there is a stream of it only in that', async () => {
    const { origin } = await listen((_req, res) => res.end('all of it'));
    const transport = open(createPoolTransport, origin);
    const response = await transport.send(post(), clientResponse());
    expect(['all of it', undefined]).toContain(response.takeWhole?.()?.toString());
    expect(await text(response.body)).toBe('all of it');
    expect(response.takeWhole?.()).toBeUndefined();
  });

  test('that broke off before anybody asked for its body fails there', async () => {
    const { origin } = await listen((_req, res) => {
      res.writeHead(200, { 'content-length': '100' });
      res.write('a part', () => res.destroy());
    });
    const transport = open(createPoolTransport, origin);
    const response = await transport.send(post(), clientResponse());
    expect(response.takeWhole?.()).toBeUndefined();
    await expect(text(response.body)).rejects.toThrow();
  });
});
