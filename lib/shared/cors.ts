import type { ServerResponse } from 'node:http';

/** Response headers that a browser client must be able to read (MCP transports, RFC 6750, RFC 9449). */
export const exposedHeaders =
  'WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, DPoP-Nonce, Retry-After, Location, X-Flow-Id';

/** Open CORS without credentials, for public machine endpoints. Never for pages and the authorization endpoint (RFC 9700 section 2.6). */
export function openCors(res: ServerResponse): void {
  res.setHeader('access-control-allow-origin', '*');
  res.setHeader('access-control-expose-headers', exposedHeaders);
}

/** Answers a preflight request. */
export function sendPreflight(res: ServerResponse, methods: string, allowedHeaders: string): void {
  res.statusCode = 204;
  res.setHeader('access-control-allow-methods', methods);
  res.setHeader('access-control-allow-headers', allowedHeaders);
  res.setHeader('access-control-max-age', '3600');
  res.setHeader('content-length', '0');
  res.end();
}
