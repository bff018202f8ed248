import type { IncomingMessage } from 'node:http';
import { isNamed } from '../shared/header-list.ts';

/** What the request presented as credentials. */
export type PresentedToken =
  | { readonly kind: 'token'; readonly token: string; readonly scheme: 'Bearer' | 'DPoP' }
  /** No token at all, or another scheme: both get a challenge without error (RFC 6750 section 3.1). */
  | { readonly kind: 'none'; readonly reason: string }
  /** Malformed, repeated, oversized, or in the query (RFC 6750 section 2, MCP 2026-07-28, Token Requirements). */
  | { readonly kind: 'refused'; readonly status: 400 | 401; readonly reason: string };

const maxTokenLength = 4096;
const credentials = /^(Bearer|DPoP) +([A-Za-z0-9\-._~+/]+=*)$/i;

/** Reads the one place a token may stand in: a single Authorization header. */
export function readBearerToken(req: IncomingMessage): PresentedToken {
  const values: string[] = [];
  for (let index = 0; index < req.rawHeaders.length; index += 2) {
    if (isNamed(req.rawHeaders[index], 'authorization')) values.push(req.rawHeaders[index + 1] as string);
  }
  if (values.length > 1) return { kind: 'refused', status: 400, reason: 'several Authorization headers' };
  const query = (req.url ?? '').indexOf('?');
  if (query >= 0 && new URLSearchParams(req.url?.slice(query + 1)).has('access_token')) {
    return { kind: 'refused', status: 400, reason: 'token in the query' };
  }
  // A test or proxy may have set the parsed header alone.
  const value = values[0] ?? req.headers.authorization;
  if (value === undefined) return { kind: 'none', reason: 'no token' };
  if (value.length > maxTokenLength) return { kind: 'refused', status: 400, reason: 'Authorization header too long' };
  const [, scheme = '', token] = credentials.exec(value) ?? [];
  if (token === undefined) {
    const isOurs = /^(?:Bearer|DPoP)(?:\s|$)/i.test(value);
    if (isOurs) return { kind: 'refused', status: 401, reason: 'malformed token' };
    return { kind: 'none', reason: 'another authentication scheme' };
  }
  return { kind: 'token', token, scheme: scheme.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer' };
}
