/** A real upstream that records what reaches it, and a real listener with the proxy in front of it. */
import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { ProxyOptions } from '../../lib/options.ts';
import { sendFailure } from '../../lib/protected-resource/failure.ts';
import { createProxy } from '../../lib/proxy/proxy.ts';
import { resolveProxy } from '../../lib/resolve-route-options.ts';
import { createEvents, type McpOAuthEvent } from '../../lib/shared/events.ts';
import type { UpstreamCredentials } from '../../lib/shared/upstream-credentials.ts';
import { createStaticCredentials, type StaticHeaders } from '../../lib/upstream/static-headers.ts';

export interface Received {
  readonly method: string;
  /** Request target as it came over the wire. */
  readonly url: string;
  /** Names in lower case; repeated ones are joined. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface UpstreamPair {
  /** URL of the proxy. */
  readonly url: string;
  /** `host:port` of the upstream. */
  readonly upstreamHost: string;
  /** Requests that reached the upstream whole, in order. */
  readonly received: Received[];
  /** TCP connections that the upstream accepted. */
  readonly connections: Socket[];
  readonly events: McpOAuthEvent[];
  /** Sends bytes on one connection and resolves with all that comes back until the proxy closes it. */
  raw(bytes: string): Promise<string>;
  close(): Promise<void>;
}

export interface UpstreamPairOptions {
  /** Answers a request whose body was read. @defaultValue 200 with `{"ok":true}` */
  readonly answer?: (res: ServerResponse, received: Received) => void;
  /** Instead of an HTTP server: what to do with each connection. */
  readonly onSocket?: (socket: Socket) => void;
  /** Path and query of the target. @defaultValue '/upstream/mcp' */
  readonly path?: string;
  readonly proxy?: Partial<ProxyOptions>;
  /** In the place of those that `proxy.upstream` makes. */
  readonly credentials?: UpstreamCredentials;
  /** Runs before the proxy. */
  readonly inFront?: (req: IncomingMessage, res: ServerResponse, next: () => void) => void;
}

async function listen(server: net.Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

export async function startUpstreamPair(options: UpstreamPairOptions = {}): Promise<UpstreamPair> {
  const {
    path = '/upstream/mcp',
    answer = (res) => void res.setHeader('content-type', 'application/json').end('{"ok":true}'),
  } = options;
  const received: Received[] = [];
  const connections: Socket[] = [];
  const record: RequestListener = async (req, res) => {
    const body = Buffer.concat(await req.toArray());
    const headers = Object.fromEntries(Object.entries(req.headers).map(([name, value]) => [name, String(value)]));
    const request = { method: req.method ?? '', url: req.url ?? '', headers, body };
    received.push(request);
    answer(res, request);
  };
  const upstream = options.onSocket ? net.createServer(options.onSocket) : http.createServer(record);
  upstream.on('connection', (socket: Socket) => connections.push(socket.on('error', () => undefined)));
  const upstreamHost = `127.0.0.1:${await listen(upstream)}`;

  const events: McpOAuthEvent[] = [];
  const sink = createEvents(undefined);
  sink.on('*', (event) => void events.push(event));
  const settings = resolveProxy('/mcp', { target: `http://${upstreamHost}${path}`, ...options.proxy });
  const proxy = createProxy(settings, {
    events: sink,
    credentials:
      options.credentials ?? (settings.upstream && createStaticCredentials(settings.upstream as StaticHeaders)),
    signIdentity: async (_req, audience) => `signed for ${audience}`,
  });
  const inFront: NonNullable<UpstreamPairOptions['inFront']> = options.inFront ?? ((_req, _res, next) => next());
  const front = http.createServer((req, res) =>
    inFront(req, res, () => proxy.handle(req, res).catch((error: unknown) => sendFailure(res, sink, error))),
  );
  const port = await listen(front);

  return {
    url: `http://127.0.0.1:${port}/mcp`,
    upstreamHost,
    received,
    connections,
    events,
    async raw(bytes) {
      const socket = net.connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(bytes);
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      await once(socket, 'close');
      return Buffer.concat(chunks).toString('latin1');
    },
    async close() {
      await proxy.close(0);
      for (const socket of connections) socket.destroy();
      const closed = [upstream, front].map((server) => new Promise((resolve) => server.close(resolve)));
      front.closeAllConnections();
      await Promise.all(closed);
    },
  };
}
