import type { IncomingMessage, ServerResponse } from 'node:http';
import { OAuthError } from '../errors.ts';
import { mediaType, readBody } from '../shared/http.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { AdminQuery } from './directory.ts';

const maxBytes = 16 * 1024;

/** One request of somebody whom the guard let in. */
export interface AdminRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly issuer: Issuer;
  /** Who asks, as the guard says. */
  readonly actor: string;
  /** Segments of the path behind the mount, decoded. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
}

/** A refusal with a status of its own. */
export function refusal(status: number, description: string): OAuthError {
  return new OAuthError('invalid_request', status, description);
}

/**
 * Why a request that changes something may be a page's elsewhere: a browser sends Origin and Sec-Fetch-Site with it, and a
 * request with a cookie but without either is not told from one that a page made (OWASP, Cross-Site Request Forgery).
 */
export function foreignWrite(req: IncomingMessage, issuer: Issuer): string | undefined {
  const { origin, host, cookie, 'sec-fetch-site': site } = req.headers;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return 'sent from another site';
  // Of a page without referrer, as ours is, a browser hides the origin (Fetch, Origin header), but tells the site.
  if (origin === 'null' && site === 'same-origin') return undefined;
  if (origin !== undefined) {
    const isOwn = origin === issuer.origin || (host !== undefined && URL.parse(origin)?.host === host);
    return isOwn ? undefined : 'foreign origin';
  }
  return cookie !== undefined && site === undefined ? 'a cookie without Origin' : undefined;
}

/** Segments behind the mount, decoded; undefined for what is no path. NUL is no character of any id, and Postgres keeps none. */
export function segmentsOf(pathname: string): string[] | undefined {
  try {
    const segments = pathname.split('/').filter(Boolean).map(decodeURIComponent);
    return segments.some((segment) => segment.includes('\0')) ? undefined : segments;
  } catch {
    return undefined;
  }
}

/** What a list is asked for. @throws OAuthError */
export function readQuery(query: URLSearchParams): AdminQuery {
  const limit = query.get('limit') ?? '50';
  if (!/^[1-9]\d{0,2}$/.test(limit) || Number(limit) > 100) throw refusal(400, 'limit must be from 1 to 100');
  const cursor = query.get('cursor') || undefined;
  if (cursor !== undefined && !/^[\w:-]{1,200}$/.test(cursor)) throw refusal(400, 'cursor is none of this API');
  const search = query.get('search')?.trim() || undefined;
  if (search !== undefined && search.length > 200) throw refusal(400, 'search must not be longer than 200 characters');
  return { limit: Number(limit), cursor, search };
}

/** A JSON object, or the fields of a form. @throws OAuthError, BodyError */
export async function readFields(req: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  if (mediaType(req) === 'application/x-www-form-urlencoded') {
    const bytes = await readBody(req, 'application/x-www-form-urlencoded', maxBytes);
    return Object.fromEntries(new URLSearchParams(bytes.toString('utf8')));
  }
  const bytes = await readBody(req, 'application/json', maxBytes);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new OAuthError('invalid_request', 400, 'the body is not JSON', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refusal(400, 'the body must be an object');
  return value as Record<string, unknown>;
}
