import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';

export interface BearerFrontOptions {
  /** The http URL of the protected resource, such as `http://127.0.0.1:3000/mcp`. */
  readonly target: string;
  /** The access token that every request is given; a function is asked for each request. */
  readonly token: string | (() => string);
  /**
   * The authority that the target expects, such as `127.0.0.1:3000`. It replaces the front's own authority in `Host` and
   * `Origin`, and only that: another value, which the suite sends on purpose, passes unchanged.
   * @defaultValue both headers pass unchanged
   */
  readonly hostHeader?: string;
}

/** Each hop has its own; everything else passes. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive']);

/**
 * A loopback relay that adds `Authorization: Bearer` to every request, because the official suite has no option for a
 * header. It passes method, path, header names and their case, repeated headers and both bodies as they are, unbuffered;
 * a side that closes early closes the other.
 */
export async function startBearerFront(options: BearerFrontOptions): Promise<{ url: string; close(): Promise<void> }> {
  const target = new URL(options.target);
  const server = createServer((req, res) => relay(req, res, target, upstreamHeaders(req, ownAuthority, options)));
  // Long streams of the target must not end here.
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const ownAuthority = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${ownAuthority}${target.pathname}${target.search}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function* headerPairs(rawHeaders: readonly string[]): Generator<[name: string, value: string]> {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    yield [rawHeaders[index] ?? '', rawHeaders[index + 1] ?? ''];
  }
}

function upstreamHeaders(req: IncomingMessage, ownAuthority: string, options: BearerFrontOptions): string[] {
  const { hostHeader, token } = options;
  const headers: string[] = [];
  for (const [name, value] of headerPairs(req.rawHeaders)) {
    const lowerName = name.toLowerCase();
    if (HOP_BY_HOP.has(lowerName) || lowerName === 'authorization') {
      continue;
    }
    if (hostHeader !== undefined && lowerName === 'host' && value === ownAuthority) {
      headers.push(name, hostHeader);
    } else if (hostHeader !== undefined && lowerName === 'origin' && value === `http://${ownAuthority}`) {
      headers.push(name, `http://${hostHeader}`);
    } else {
      headers.push(name, value);
    }
  }
  headers.push('Authorization', `Bearer ${typeof token === 'function' ? token() : token}`);
  return headers;
}

function relay(req: IncomingMessage, res: ServerResponse, target: URL, headers: string[]): void {
  const upstream = request({
    host: target.hostname,
    port: target.port,
    method: req.method,
    path: req.url,
    headers,
    setHost: false,
    // A kept connection that the target closes meanwhile would fail a request that has nothing to do with it.
    agent: false,
  });
  upstream.on('response', (answer) => {
    res.sendDate = false;
    const answerHeaders = [...headerPairs(answer.rawHeaders)].filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()));
    res.writeHead(answer.statusCode ?? 502, answer.statusMessage, answerHeaders.flat());
    // An event stream may stay without a first event for long; its headers must not wait.
    res.flushHeaders();
    pipeline(answer, res, (error) => error && res.destroy());
  });
  upstream.on('error', () => {
    if (res.headersSent) {
      res.destroy();
    } else {
      res.writeHead(502, { 'content-type': 'text/plain' }).end('bearer front: the target did not answer');
    }
  });
  res.on('close', () => upstream.destroy());
  req.on('error', () => upstream.destroy());
  req.pipe(upstream);
}
