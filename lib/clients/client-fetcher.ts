import { callerAddress } from '../shared/caller-address.ts';
import { currentRequest } from '../shared/current-request.ts';
import type { EventSink } from '../shared/events.ts';
import type { Limiter } from '../shared/limiter.ts';
import { type Outbound, OutboundError, type OutboundErrorReason } from '../shared/outbound.ts';
import { StorageUnavailableError } from '../storage/storage.ts';
import type { CachedDocument, FetchCache } from './fetch-cache.ts';
import { createHostBackoff } from './host-backoff.ts';
import { checkMetadataDocumentUrl, type DocumentHostPolicy } from './metadata-document.ts';

/** Why a client's document or key set could not be had: exact, for the error page and events. */
export interface FetchFailure {
  readonly purpose: 'metadata document' | 'key set';
  readonly url: string;
  readonly reason: string;
  /** The operator's policy refused it: trying again does not help. */
  readonly isRefusal: boolean;
}

export interface ClientFetcherOptions {
  readonly outbound: Outbound;
  readonly documents: FetchCache;
  readonly keySets: FetchCache;
  readonly perHost: Limiter;
  readonly perCaller: Limiter;
  readonly events: EventSink;
  readonly hosts: DocumentHostPolicy;
  /** What is wrong with a document's content; undefined where nothing is. */
  readonly documentProblem: (document: Readonly<Record<string, unknown>>) => string | undefined;
  /** Documents given by the operator, by client id: never fetched. */
  readonly pinned: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Fetches for oidc-provider's client features: metadata documents and client key sets. */
export interface ClientFetcher {
  mayFetch(clientId: string): Promise<boolean>;
  fetch(url: string | URL, options: object): Promise<Response>;
  /** Somebody approved this client with this redirect URI. */
  approved(clientId: string, redirectUri: string): Promise<void>;
  /** Whether somebody did, or the operator gave its document. */
  isApproved(clientId: string, redirectUri: string): Promise<boolean>;
  /** What failed while this request was served. */
  failureOf(request: object): FetchFailure | undefined;
}

const timeoutMs = 2500;
const maxDocumentBytes = 5120;
const maxKeySetBytes = 65_536;
/** A key set is fetched again for an unknown key at most this often. */
const keySetCooldownSeconds = 30;
const nowSeconds = () => Math.floor(Date.now() / 1000);

/** Faults of one document, while its host answers. */
const documentFaults: ReadonlySet<OutboundErrorReason> = new Set(['too_large', 'encoding_refused', 'invalid_url']);

class FetchRefused extends Error {}

/** The host answered with an outage of its own. */
class HostFailure extends FetchRefused {}

function toResponse({ body, contentType, freshUntil }: CachedDocument): Response {
  const maxAge = Math.max(0, freshUntil - nowSeconds());
  return new Response(body, { headers: { 'content-type': contentType, 'cache-control': `max-age=${maxAge}` } });
}

/** The key that the request's client assertion names. */
function assertionKeyId(): string | undefined {
  const assertion = currentRequest()?.oidc?.params?.client_assertion;
  if (typeof assertion !== 'string') return undefined;
  try {
    const header: unknown = JSON.parse(Buffer.from(assertion.split('.', 1)[0] ?? '', 'base64url').toString('utf8'));
    const { kid } = (header ?? {}) as { kid?: unknown };
    return typeof kid === 'string' ? kid : undefined;
  } catch {
    return undefined;
  }
}

/** @throws FetchRefused */
function parse(body: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new FetchRefused('body is not JSON'); // The parser's message would quote it.
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FetchRefused('body is not a JSON object');
  return value as Record<string, unknown>;
}

function hasKey({ body }: CachedDocument, keyId: string | undefined): boolean {
  if (keyId === undefined) return true;
  try {
    return (JSON.parse(body) as { keys: { kid?: string }[] }).keys.some(({ kid }) => kid === keyId);
  } catch {
    return false;
  }
}

/** Native apps take another loopback port each time (RFC 8252 section 7.3). */
function withoutLoopbackPort(redirectUri: string): string {
  return redirectUri.replace(/^(http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])):\d+/i, '$1');
}

/** A stale copy stands in only for a client that somebody approved, and only for a redirect URI that was part of it. */
function mayServeStale({ approvedRedirectUris }: CachedDocument): boolean {
  const redirectUri = currentRequest()?.oidc?.params?.redirect_uri;
  return redirectUri === undefined
    ? approvedRedirectUris.length > 0
    : approvedRedirectUris.includes(withoutLoopbackPort(String(redirectUri)));
}

/**
 * The hooks behind oidc-provider's Client ID Metadata Document feature. Its own dispatcher checks an address after it has
 * connected; ours checks before, connects to the checked address and cannot be left out, so it takes the place.
 */
export function createClientFetcher(options: ClientFetcherOptions): ClientFetcher {
  const { outbound, documents, keySets, perHost, perCaller, events, hosts, pinned } = options;
  const backoff = createHostBackoff();
  const failures = new WeakMap<object, FetchFailure>();

  function fail(purpose: FetchFailure['purpose'], url: string, reason: string, isRefusal = false): void {
    const request = currentRequest();
    if (request) failures.set(request, { purpose, url, reason, isRefusal });
    events.emit({ type: 'cimd.refused', host: URL.parse(url)?.host ?? '', reason: `${purpose}: ${reason}` });
  }

  function problemOf(
    purpose: FetchFailure['purpose'],
    content: Record<string, unknown>,
    target: string,
  ): string | undefined {
    if (purpose === 'key set') return Array.isArray(content.keys) ? undefined : 'keys is not an array';
    return content.client_id === target ? options.documentProblem(content) : 'client_id is not its URL';
  }

  async function requireBudget(url: URL): Promise<void> {
    const request = currentRequest();
    // Of IPv6 the network: its addresses are as many as its owner likes.
    const caller = (request && callerAddress(request.req)) ?? 'loopback';
    if (!backoff.mayTry(url.host)) throw new FetchRefused('its host failed too often just now');
    // First the caller's: one who is over it must not use up the host's budget for everybody.
    if ((await perCaller.attempt(caller)) !== undefined) throw new FetchRefused('too many fetches for this caller');
    if ((await perHost.attempt(url.host)) !== undefined) throw new FetchRefused('too many fetches from its host');
  }

  async function download(
    purpose: FetchFailure['purpose'],
    target: string,
    cache: FetchCache,
    maxBytes: number,
  ): Promise<Response> {
    const url = new URL(target);
    await requireBudget(url);
    try {
      const response = await outbound.fetch(url, {
        headers: { accept: 'application/json' },
        timeoutMs,
        maxResponseBytes: maxBytes,
        purpose: `client ${purpose}`,
      });
      if (response.status >= 500) throw new HostFailure(`status ${response.status}`);
      if (response.status !== 200) throw new FetchRefused(`status ${response.status}`);
      const contentType = response.headers.get('content-type') ?? '';
      if (purpose === 'metadata document' && !/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType))
        throw new FetchRefused('content type is not JSON');
      const body = await response.text();
      // Only what is right is kept: it would be served again, and take the place of the last good copy (CIMD draft, Caching).
      const problem = problemOf(purpose, parse(body), target);
      if (problem !== undefined) throw new FetchRefused(problem);
      await cache.write(url.href, { body, contentType }, response.headers.get('cache-control'));
      backoff.succeeded(url.host);
      events.emit({ type: 'cimd.fetched', host: url.host });
      return new Response(body, { headers: response.headers });
    } catch (error) {
      // Only an outage of the host counts: by asking for what it has not, anybody could block it for everybody.
      const isOutage =
        error instanceof OutboundError ? !documentFaults.has(error.reason) : error instanceof HostFailure;
      if (isOutage) backoff.failed(url.host);
      throw error;
    }
  }

  async function obtain(
    purpose: FetchFailure['purpose'],
    target: string,
    cached: CachedDocument | undefined,
  ): Promise<Response> {
    const [cache, maxBytes] = purpose === 'key set' ? [keySets, maxKeySetBytes] : [documents, maxDocumentBytes];
    try {
      return await download(purpose, target, cache, maxBytes);
    } catch (error) {
      const isFetchProblem = error instanceof OutboundError || error instanceof FetchRefused;
      if (error instanceof StorageUnavailableError) fail(purpose, target, 'storage is unavailable');
      if (!isFetchProblem) throw error;
      fail(purpose, target, error instanceof OutboundError ? error.reason : error.message);
      return standIn(purpose, cached, error);
    }
  }

  /** An old key set still proves who signed; an old document only speaks for what was approved under it. */
  function standIn(purpose: FetchFailure['purpose'], cached: CachedDocument | undefined, error: unknown): Response {
    if (cached && (purpose === 'key set' || mayServeStale(cached))) return toResponse(cached);
    throw error;
  }

  return {
    async mayFetch(clientId) {
      if (Object.hasOwn(pinned, clientId)) return true;
      const problem = checkMetadataDocumentUrl(clientId, hosts);
      const request = currentRequest();
      // Asked again while the error is handled: told once.
      if (problem && !(request && failures.has(request))) fail('metadata document', clientId, problem, true);
      return problem === undefined;
    },

    async fetch(given, requestOptions) {
      const target = String(given);
      const url = new URL(target);
      const document = Object.hasOwn(pinned, url.href) ? pinned[url.href] : undefined;
      if (document) return Response.json(document, { headers: { 'cache-control': 'max-age=3600' } });
      // Of its fetches only that of a metadata document asks for redirects to be shown.
      const isDocument = (requestOptions as { redirect?: string }).redirect === 'manual';
      const cached = await (isDocument ? documents : keySets).read(url.href);
      const request = currentRequest();
      const earlier = request && failures.get(request);
      // oidc-provider looks a client up more than once a request: one fetch is enough.
      if (earlier?.url === target) return standIn(earlier.purpose, cached, new FetchRefused(earlier.reason));
      const isFresh = cached !== undefined && cached.freshUntil > nowSeconds();
      if (isDocument) return isFresh ? toResponse(cached) : obtain('metadata document', target, cached);
      const mayMissKey = cached !== undefined && nowSeconds() - cached.fetchedAt < keySetCooldownSeconds;
      if (isFresh && (mayMissKey || hasKey(cached, assertionKeyId()))) return toResponse(cached);
      return obtain('key set', target, cached);
    },

    approved: (clientId, redirectUri) => documents.approve(clientId, withoutLoopbackPort(redirectUri)),
    async isApproved(clientId, redirectUri) {
      if (Object.hasOwn(pinned, clientId)) return true;
      const cached = await documents.read(clientId);
      return cached?.approvedRedirectUris.includes(withoutLoopbackPort(redirectUri)) ?? false;
    },
    failureOf: (request) => failures.get(request),
  };
}
