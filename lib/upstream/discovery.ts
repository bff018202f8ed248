import type { Outbound } from '../shared/outbound.ts';
import { readChallenge, readScopeText } from './challenge.ts';
import { isOutage, retryAfterOf, toUpstreamError, UpstreamError } from './upstream-problem.ts';

/** Metadata of an authorization server (RFC 8414 section 2), as far as it is read. */
export interface AuthorizationServer {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly registration_endpoint?: string;
  readonly revocation_endpoint?: string;
  readonly scopes_supported?: readonly string[];
  readonly token_endpoint_auth_methods_supported?: readonly string[];
  readonly client_id_metadata_document_supported?: boolean;
  readonly authorization_response_iss_parameter_supported?: boolean;
}

/** What an upstream said of itself. */
export interface UpstreamMetadata {
  readonly authorizationServer: AuthorizationServer;
  /** Value of `resource` in requests (RFC 8707). */
  readonly resource: string;
  /** Scopes that the upstream proposes: of its challenge, else of its metadata (MCP 2026-07-28, Scope Selection). */
  readonly scopes: readonly string[];
}

export interface DiscoveryTarget {
  readonly target: string;
  readonly protectedResourceMetadataUrl?: string;
  readonly authorizationServer?: string;
}

export interface Discovery {
  /** By challenge, RFC 9728, then RFC 8414 and OpenID Connect Discovery. Kept for ten minutes. @throws UpstreamError */
  discover(upstream: DiscoveryTarget): Promise<UpstreamMetadata>;
  /** Metadata of the server that issued kept tokens. Kept for ten minutes. @throws UpstreamError */
  authorizationServer(issuer: string): Promise<AuthorizationServer>;
}

const limits = { timeoutMs: 10_000, maxResponseBytes: 64 * 1024, allowHttpLoopback: true } as const;
const keepMs = 600_000;

const invalid = (detail: string) => new UpstreamError({ reason: 'invalid_answer', detail });

/** A well-known URL of RFC 8414 section 3.1 or RFC 9728 section 3.1: inserted between host and path. */
function wellKnown(name: string, url: URL): string {
  const path = url.pathname === '/' ? '' : url.pathname.replace(/\/$/, '');
  return `${url.origin}/.well-known/${name}${path}`;
}

/** Where the metadata of an authorization server may be, in order (MCP 2026-07-28, AS Metadata Discovery). */
function metadataUrls(issuer: URL): string[] {
  const inserted = [wellKnown('oauth-authorization-server', issuer), wellKnown('openid-configuration', issuer)];
  if (issuer.pathname === '/') return inserted;
  return [...inserted, `${issuer.origin}${issuer.pathname.replace(/\/$/, '')}/.well-known/openid-configuration`];
}

/** Issuers differ in nothing, but that an origin may be written with its slash. */
function isSameIssuer(one: unknown, other: string): boolean {
  return typeof one === 'string' && (one === other || URL.parse(one)?.href === URL.parse(other)?.href);
}

/** Whether metadata for `resource` speaks for the URL: the same origin, and the same path or one above (RFC 9728 section 3.3). */
function speaksFor(resource: unknown, target: URL): resource is string {
  const url = typeof resource === 'string' ? URL.parse(resource) : null;
  if (!url || url.origin !== target.origin || url.hash) return false;
  const path = url.pathname.replace(/\/?$/, '/');
  return target.pathname.replace(/\/?$/, '/').startsWith(path);
}

/** https, or http for a server that is itself reached by it: the outbound client allows that on loopback alone. */
function isServerUrl({ protocol, username, password }: URL, issuer: string): boolean {
  const isSecure = protocol === 'https:' || (protocol === 'http:' && issuer.startsWith('http:'));
  return isSecure && username === '' && password === '';
}

function readAuthorizationServer(document: Record<string, unknown>, issuer: string): AuthorizationServer {
  if (!isSameIssuer(document.issuer, issuer)) throw invalid('the metadata names another issuer');
  for (const name of ['authorization_endpoint', 'token_endpoint'] as const) {
    const url = typeof document[name] === 'string' ? URL.parse(document[name]) : null;
    if (!url || !isServerUrl(url, issuer)) throw invalid(`the metadata has no ${name} that can be used`);
  }
  const methods = document.code_challenge_methods_supported;
  // Without it a client cannot know that PKCE holds (MCP 2026-07-28, Authorization Code Protection).
  if (!Array.isArray(methods) || !methods.includes('S256')) throw invalid('the authorization server has no PKCE S256');
  return document as unknown as AuthorizationServer;
}

export function createDiscovery(outbound: Outbound, now: () => number = () => Date.now()): Discovery {
  const kept = new Map<string, { readonly until: number; readonly value: Promise<unknown> }>();

  /** One attempt at a time; a failed one is not kept. */
  function once<T>(key: string, load: () => Promise<T>): Promise<T> {
    const held = kept.get(key);
    if (held && held.until > now()) return held.value as Promise<T>;
    const value = load().catch((error: unknown) => {
      kept.delete(key);
      throw toUpstreamError(error);
    });
    kept.set(key, { until: now() + keepMs, value });
    return value;
  }

  /** @returns undefined where there is no such document. An outage is one: nothing lesser is taken instead of it. */
  async function fetchDocument(url: string, purpose: string): Promise<Record<string, unknown> | undefined> {
    const response = await outbound.fetch(url, { ...limits, purpose, headers: { accept: 'application/json' } });
    if (isOutage(response.status)) {
      const detail = `${purpose}: status ${response.status}`;
      throw new UpstreamError({ reason: 'unreachable', detail, retryAfterSeconds: retryAfterOf(response.headers) });
    }
    if (response.status !== 200) return undefined;
    const document: unknown = await response.json().catch(() => undefined);
    return typeof document === 'object' && document !== null && !Array.isArray(document)
      ? (document as Record<string, unknown>)
      : undefined;
  }

  /** What the upstream says to a request without a token. */
  async function challengeOf(target: URL): Promise<ReturnType<typeof readChallenge>> {
    const response = await outbound.fetch(target, {
      ...limits,
      purpose: 'upstream server',
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
    });
    return readChallenge(response.status === 401 ? response.headers.get('www-authenticate') : undefined);
  }

  async function authorizationServer(issuer: string): Promise<AuthorizationServer> {
    for (const url of metadataUrls(new URL(issuer))) {
      const document = await fetchDocument(url, 'authorization server metadata');
      if (document) return readAuthorizationServer(document, issuer);
    }
    throw invalid('the authorization server publishes no metadata');
  }

  async function discover(upstream: DiscoveryTarget): Promise<UpstreamMetadata> {
    const target = new URL(upstream.target);
    const named = upstream.protectedResourceMetadataUrl;
    // An upstream that does not answer here may still publish its metadata.
    const challenge = named === undefined ? await challengeOf(target).catch(() => undefined) : undefined;
    const places = new Set([
      ...[named ?? challenge?.resourceMetadata].filter((url) => url !== undefined),
      ...(named === undefined ? [wellKnown('oauth-protected-resource', target)] : []),
      ...(named === undefined ? [`${target.origin}/.well-known/oauth-protected-resource`] : []),
    ]);
    let metadata: Record<string, unknown> | undefined;
    for (const url of places) {
      const document = await fetchDocument(url, 'protected resource metadata');
      if (!document) continue;
      if (!speaksFor(document.resource, target)) throw invalid('the metadata is of another resource');
      metadata = document;
      break;
    }
    const servers = Array.isArray(metadata?.authorization_servers) ? metadata.authorization_servers : [];
    const [first] = servers.filter((server): server is string => typeof server === 'string' && URL.canParse(server));
    // Without metadata, the server of MCP 2025-03-26: at the upstream's own origin.
    const issuer = upstream.authorizationServer ?? first ?? target.origin;
    const proposed = challenge?.scopes.length
      ? challenge.scopes
      : Array.isArray(metadata?.scopes_supported)
        ? readScopeText(metadata.scopes_supported.join(' '))
        : [];
    target.search = '';
    target.hash = '';
    return {
      authorizationServer: await known.authorizationServer(issuer),
      resource: typeof metadata?.resource === 'string' ? metadata.resource : target.href,
      scopes: proposed,
    };
  }

  const known: Discovery = {
    discover: (upstream) => once(`upstream ${upstream.target}`, () => discover(upstream)),
    authorizationServer: (issuer) => once(`issuer ${issuer}`, () => authorizationServer(issuer)),
  };
  return known;
}
