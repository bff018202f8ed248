import type { Header } from '../shared/header-list.ts';

/** Request headers that reach the upstream; everything else stops here, the caller's credentials first (MCP 2026-07-28, Token Passthrough). */
const requestHeaders = new Set([
  'accept',
  'accept-language',
  'cache-control',
  'content-encoding',
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
const isMcpHeader = (name: string) => name.startsWith('mcp-') && /^mcp-[a-z0-9-]+$/.test(name);

/** What a Connection header says of the connection alone. */
const connectionOptions = new Set(['keep-alive', 'close', '']);

/** Headers of an allow-list, without those that Connection declares to be for this hop only (RFC 9110 section 7.6.1). */
function allowed(headers: readonly Header[], names: ReadonlySet<string>): Header[] {
  const kept: Header[] = [];
  const forThisHop: string[] = [];
  for (const header of headers) {
    const lower = header[0].toLowerCase();
    if (names.has(lower) || isMcpHeader(lower)) kept.push(header);
    else if (lower === 'connection') {
      const options = header[1].toLowerCase().split(',');
      forThisHop.push(...options.map((option) => option.trim()).filter((option) => !connectionOptions.has(option)));
    }
  }
  return forThisHop.length === 0 ? kept : kept.filter(([name]) => !forThisHop.includes(name.toLowerCase()));
}

/** What goes to the upstream: an allow-list, so that no header of a peer can name an identity or a route. */
export function requestPolicy(headers: readonly Header[]): Header[] {
  return allowed(headers, requestHeaders);
}

/** What comes back to the client. */
export function responsePolicy(headers: readonly Header[]): Header[] {
  return allowed(headers, responseHeaders);
}
