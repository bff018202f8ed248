import { createHash } from 'node:crypto';
import { isLoopbackHost } from './address-policy.ts';

/** One issuer identifier (RFC 8414 section 2), taken apart once. */
export interface Issuer {
  /** The exact string in metadata, `iss` and tokens: no trailing slash. */
  readonly identifier: string;
  /** Scheme, host and port. */
  readonly origin: string;
  /** `host[:port]`, as a client's Host header spells it. */
  readonly host: string;
  /** Path of the identifier without trailing slash: `''` or such as `'/gw'`. */
  readonly pathPrefix: string;
  readonly isSecure: boolean;
  readonly isLoopback: boolean;
  /** Short digest of the identifier: partitions storage and names cookies. */
  readonly tag: string;
}

/**
 * Reads an issuer identifier.
 * @returns undefined where it is not an https URL (http on loopback only) or has a query, fragment, user or odd spelling.
 */
export function parseIssuer(identifier: string): Issuer | undefined {
  const url = URL.parse(identifier);
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) return undefined;
  if (url.search || url.hash || url.username || url.password || /[?#]/.test(identifier)) return undefined;
  const isLoopback = isLoopbackHost(url.hostname);
  if (url.protocol === 'http:' && !isLoopback) return undefined;
  const pathPrefix = url.pathname.replace(/\/$/, '');
  const canonical = `${url.origin}${pathPrefix}`;
  // Every client compares the string byte by byte (RFC 8414 section 3.3), so an unusual spelling is refused, not repaired.
  // A path that starts with two slashes would make a redirect to it leave for another host (RFC 3986 section 4.2).
  if (identifier !== canonical || pathPrefix.startsWith('//')) return undefined;
  return {
    identifier: canonical,
    origin: url.origin,
    host: url.host,
    pathPrefix,
    isSecure: url.protocol === 'https:',
    isLoopback,
    tag: createHash('sha256').update(canonical).digest('base64url').slice(0, 12).replace(/[-_]/g, 'x'),
  };
}
