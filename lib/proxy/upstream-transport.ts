import { createMiddlewareTransport } from './middleware-transport.ts';
import { createPoolTransport } from './pool-transport.ts';
import type { UpstreamTransport } from './transport.ts';

/**
 * The way to one upstream: POST, which is nearly every request of MCP, by undici, everything else (the GET streams and
 * DELETE of older revisions) by http-proxy-middleware. What is sent and what comes back is decided outside of both.
 */
export function createUpstreamTransport(target: URL): UpstreamTransport {
  const pool = createPoolTransport(target);
  const middleware = createMiddlewareTransport(target);
  return {
    send: (request, res) => (request.method === 'POST' ? pool : middleware).send(request, res),
    close() {
      pool.close();
      middleware.close();
    },
  };
}
