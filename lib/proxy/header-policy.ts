import type { Header } from '../shared/header-list.ts';

/** Request headers that reach the upstream; everything else stops here, the caller's credentials first (MCP 2026-07-28, Token Passthrough). */
const requestHeaders = new Set([
  'accept',
  'accept-language',
  'cache-control',
  'content-length',
  'content-type',
  'last-event-id',
  'traceparent',
  'tracestate',
  'user-agent',
]);

/** Response headers that reach the client. Cookies, challenges and CORS are the gateway's own business. */
const responseHeaders = new Set([
  'allow',
  'cache-control',
  'content-encoding',
  'content-language',
  'content-length',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
  'retry-after',
  'transfer-encoding',
  'x-accel-buffering',
]);

/** MCP's own headers, unknown `Mcp-Param-*` included, pass both ways (MCP 2026-07-28, Streamable HTTP, Server Validation). */
const isMcpHeader = (name: string) => /^mcp-[a-z0-9-]+$/.test(name);

/** What goes to the upstream: an allow-list, so that no header of a peer can name an identity or a route. */
export function requestPolicy(headers: readonly Header[]): Header[] {
  return headers.filter(([name]) => {
    const lower = name.toLowerCase();
    return requestHeaders.has(lower) || isMcpHeader(lower);
  });
}

/** What comes back to the client. */
export function responsePolicy(headers: readonly Header[]): Header[] {
  return headers.filter(([name]) => {
    const lower = name.toLowerCase();
    return responseHeaders.has(lower) || isMcpHeader(lower);
  });
}
