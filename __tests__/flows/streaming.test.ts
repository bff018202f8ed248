import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import express from 'express';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { startMcpServer } from '../helpers/mcp-servers.ts';
import {
  bearer,
  type ProtectedServer,
  sdkMatrix,
  sdkRoutes,
  signInByHand,
  startProtectedServer,
} from '../helpers/protected-server.ts';
import type { SdkConnection } from '../helpers/sdk-clients.ts';

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close();
});

/** Hands items over one by one, whether they come before or after they are asked for. */
function createInbox<T>() {
  const items: T[] = [];
  let wake = () => {};
  return {
    put: (item: T) => {
      items.push(item);
      wake();
    },
    async take(): Promise<T> {
      while (items.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return items.shift() as T;
    },
  };
}

describe.each(sdkMatrix)('$client client with an $server server through $route', ({ client, connect, ...setUp }) => {
  async function start(settings = {}): Promise<ProtectedServer & { connection: SdkConnection }> {
    const running = await startProtectedServer(setUp, settings);
    cleanUp.push(running.close);
    const connection = await connect({ url: running.url });
    cleanUp.push(connection.close);
    return { ...running, connection };
  }

  it('brings each progress notification while the call still runs (MCP 2026-07-28, Progress)', async () => {
    const { connection, handler } = await start();
    const progress = createInbox<number>();
    const counting = connection.callTool('count', { to: 3 }, { onProgress: progress.put });

    // The server sends the next one only after this client has seen the one before: a buffer anywhere would end in a timeout.
    for (const expected of [1, 2, 3]) {
      await handler.gate.next();
      expect(await progress.take()).toBe(expected);
    }
    expect(await counting).toBe('counted to 3');
  });

  it('tells the server when the client is gone (MCP 2026-07-28, Transport-Specific Cancellation)', async () => {
    const { connection, handler } = await start();
    const waiting = connection.callTool('wait');
    await handler.waiting;

    await Promise.all([expect(waiting).rejects.toThrow('Connection closed'), connection.close()]);
    await expect(handler.aborted).resolves.toBeUndefined();
  });

  // In the two other pairs a 2025 client meets a server without sessions, and its cancellation has nowhere to go.
  if (setUp.server === 'SDK v1' || client === 'SDK v2') {
    it('tells the server when the client cancels a call (MCP 2026-07-28, Cancellation Flow)', async () => {
      const { connection, handler } = await start();
      const controller = new AbortController();
      const waiting = connection.callTool('wait', {}, { signal: controller.signal });
      await handler.waiting;

      controller.abort(new Error('changed my mind'));
      await expect(waiting).rejects.toThrow('changed my mind');
      await expect(handler.aborted).resolves.toBeUndefined();
      expect(await connection.callTool('echo', { text: 'still here' })).toBe('still here');
    });
  }

  it('leaves bodies whole that express.json() and express.urlencoded() have read before', async () => {
    const { connection } = await start({
      beforeAuth: (app: express.Express) => app.use(express.json(), express.urlencoded({ extended: false })),
    });
    const text = 'naïve — 漢字 \u{1f511} "\\\n'.repeat(2000);

    expect(await connection.callTool('echo', { text })).toBe(text);
  });
});

/** Opens an event stream and stays silent, for GET and for a POST of `hold`; answers any other POST. */
function createSilentStreams() {
  const closed = createInbox<string>();
  let open = 0;
  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const isHeld = req.method === 'GET' || (await req.toArray()).join('') === '"hold"';
    if (!isHeld) return void res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ open }));
    open += 1;
    res.once('close', () => closed.put(req.method ?? ''));
    res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  }
  return { handle, closed };
}

async function startStreams(route: 'authenticate' | 'proxy') {
  const streams = createSilentStreams();
  const upstream = await startMcpServer(streams.handle);
  cleanUp.push(upstream.close);
  const gateway: Gateway = await startGateway({
    routes: (app, auth) =>
      route === 'proxy'
        ? void app.use(auth.proxy('/mcp', { target: upstream.url }))
        : void app.all('/mcp', auth.authenticate('/mcp'), streams.handle),
  });
  cleanUp.push(gateway.close);
  const { accessToken } = await signInByHand(gateway.url);
  const controller = new AbortController();
  const headers = { ...bearer(accessToken), 'content-type': 'application/json', accept: 'text/event-stream' };
  const request = (body?: string) =>
    fetch(`${gateway.url}/mcp`, {
      headers,
      signal: controller.signal,
      ...(body !== undefined && { method: 'POST', body }),
    });
  return { closed: streams.closed, request, disconnect: () => controller.abort() };
}

describe.each(sdkRoutes)('event streams through $route', ({ route }) => {
  it.each([
    { method: 'GET', body: undefined },
    { method: 'POST', body: '"hold"' },
  ])('opens the stream of a $method before its first event (WHATWG HTML section 9.2)', async ({ method, body }) => {
    const { request, disconnect, closed } = await startStreams(route);
    const response = await request(body);

    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    disconnect();
    expect(await closed.take()).toBe(method);
  });

  // http-proxy-middleware's own agent opens 256.
  const count = route === 'proxy' ? 1000 : 300;

  it(`holds ${count} open streams and still answers, and ends them all with the clients`, async () => {
    const { request, disconnect, closed } = await startStreams(route);
    const held = await Promise.all(
      Array.from({ length: count }, (_, index) => request(index % 2 ? '"hold"' : undefined)),
    );

    expect(new Set(held.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await (await request('{}')).json()).toEqual({ open: count });
    disconnect();
    const ended: string[] = [];
    while (ended.length < held.length) ended.push(await closed.take());
    expect(ended.filter((method) => method === 'GET')).toHaveLength(count / 2);
  });
});
