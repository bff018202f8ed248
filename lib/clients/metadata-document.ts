import type { EventSink } from '../shared/events.ts';
import type { Limiter } from '../shared/limiter.ts';
import { type Outbound, OutboundError } from '../shared/outbound.ts';

const maxClientIdLength = 2048;

/** Why a URL cannot be a client's metadata document (OAuth Client ID Metadata Document draft, Client Identifier). */
export function checkMetadataDocumentUrl(clientId: string): 'too_long' | 'no_path' | 'not_https' | undefined {
  if (clientId.length > maxClientIdLength) return 'too_long';
  const url = URL.parse(clientId);
  if (url?.protocol !== 'https:') return 'not_https';
  return url.pathname === '/' ? 'no_path' : undefined;
}

export interface MetadataDocumentOptions {
  readonly outbound: Outbound;
  readonly limiter: Limiter;
  readonly events: EventSink;
}

/** Fetches for oidc-provider's client features: metadata documents and client key sets. */
export interface ClientFetcher {
  mayFetch(url: string): Promise<boolean>;
  fetch(url: string | URL, options: object): Promise<Response>;
}

/**
 * The hooks behind oidc-provider's Client ID Metadata Document feature. Its own dispatcher checks an address after it has
 * connected; ours checks before, connects to the checked address and cannot be left out, so it takes the place.
 */
export function createClientFetcher({ outbound, limiter, events }: MetadataDocumentOptions): ClientFetcher {
  return {
    async mayFetch(clientId) {
      const problem = checkMetadataDocumentUrl(clientId);
      const host = URL.parse(clientId)?.host ?? '';
      if (problem) {
        events.emit({ type: 'cimd.refused', host, reason: `client_id: ${problem}` });
        return false;
      }
      if (await limiter.attempt(host)) return true;
      events.emit({ type: 'cimd.refused', host, reason: 'too many fetches from this host' });
      return false;
    },
    async fetch(url, options) {
      const target = new URL(url);
      const { headers } = options as { headers?: Headers };
      try {
        const response = await outbound.fetch(target.href, {
          headers: { accept: headers?.get('accept') ?? 'application/json' },
          timeoutMs: 2500,
          maxResponseBytes: 65_536,
          purpose: 'client metadata',
        });
        const isJson = /^application\/(?:[\w.-]+\+)?json\b/i.test(response.headers.get('content-type') ?? '');
        if (response.status === 200 && !isJson) throw new Error('content type is not JSON');
        if (response.status === 200) events.emit({ type: 'cimd.fetched', host: target.host });
        else events.emit({ type: 'cimd.refused', host: target.host, reason: `status ${response.status}` });
        return response;
      } catch (cause) {
        const reason = cause instanceof OutboundError ? cause.reason : (cause as Error).message;
        events.emit({ type: 'cimd.refused', host: target.host, reason });
        throw cause;
      }
    },
  };
}
