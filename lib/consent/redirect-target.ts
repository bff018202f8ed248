import type { Issuer } from '../shared/issuer.ts';

/** Who receives what is sent to a redirect URI: a site, or whichever program of this device listens (RFC 8252 section 8.6). */
export function redirectReach(redirectUri: string): 'web' | 'loopback' | 'private-scheme' {
  const { protocol } = new URL(redirectUri);
  if (protocol === 'https:') return 'web';
  return protocol === 'http:' ? 'loopback' : 'private-scheme';
}

/**
 * Source expression of a redirect URI for `form-action`: its origin, or the scheme of a private-use URI. An IPv6 address
 * has no source expression (CSP Level 3 section 2.3.1), so there the scheme stands for it.
 */
export function redirectSource(redirectUri: string): string {
  const { protocol, origin, hostname } = new URL(redirectUri);
  const isWeb = protocol === 'https:' || protocol === 'http:';
  return isWeb && !hostname.startsWith('[') ? origin : protocol;
}

/** Where a redirect leads, for people. */
export function redirectHost(redirectUri: string): string {
  const { protocol, host } = new URL(redirectUri);
  return redirectReach(redirectUri) === 'private-scheme' ? `${protocol}//${host}` : host;
}

/**
 * Where a decision may lead. Chromium checks every redirect that follows a form against `form-action`: the client at the
 * end, and before a sign-in the identity provider and whichever others it sends the person to.
 */
export function formActionSources(issuer: Issuer, redirectUri: string, isLoginNext: boolean): string[] {
  const client = redirectSource(redirectUri);
  if (!isLoginNext) return [client];
  return [client, issuer.isLoopback ? 'http:' : 'https:']; // `http:` stands for https too (CSP 3 section 6.7.2.8).
}
