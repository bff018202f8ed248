import type { Outbound, OutboundRequest } from '../shared/outbound.ts';

/** The authorization server elsewhere whose tokens a resource accepts: how it is asked, within which limits. */
export interface TrustedIssuer {
  /** The exact string that its tokens and metadata carry. */
  readonly identifier: string;
  /**
   * The URL that its metadata names (RFC 8414 section 2).
   * @throws Error where the metadata cannot be had, is another issuer's, or names none
   */
  endpoint(member: 'jwks_uri' | 'introspection_endpoint'): Promise<string>;
  /** Any answer that is JSON, with its status. @throws Error where there is none */
  request(url: string, purpose: string, request?: IssuerRequest): Promise<{ status: number; body: unknown }>;
  /** The object of a 200 answer. @throws Error where the answer is another one */
  readObject(url: string, purpose: string): Promise<Readonly<Record<string, unknown>>>;
}

export type IssuerRequest = Pick<OutboundRequest, 'method' | 'headers' | 'body'>;

const timeoutMs = 5_000;
const maxResponseBytes = 65_536;

/** Where the metadata is: the well-known name goes between host and path, whose last slash is dropped (RFC 8414 section 3.1). */
export function metadataUrl(identifier: string): string {
  const { origin, pathname } = new URL(identifier);
  return `${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, '')}`;
}

/** Fetches nothing by itself. */
export function createTrustedIssuer(identifier: string, outbound: Outbound): TrustedIssuer {
  const issuer: TrustedIssuer = {
    identifier,

    async endpoint(member) {
      const metadata = await issuer.readObject(metadataUrl(identifier), 'issuer metadata');
      // The one thing that shows that the document is about this issuer and no other (RFC 8414 section 3.3).
      if (metadata.issuer !== identifier) throw new Error('issuer metadata: its issuer is another one');
      const url = metadata[member];
      if (typeof url !== 'string') throw new Error(`issuer metadata: no ${member}`);
      return url;
    },

    async request(url, purpose, request = {}) {
      const limits = { timeoutMs, maxResponseBytes, allowHttpLoopback: true, purpose };
      const headers = { accept: 'application/json', ...(request.headers as Record<string, string> | undefined) };
      const response = await outbound.fetch(url, { ...request, ...limits, headers });
      const body = await response.json().catch(() => {
        throw new Error(`${purpose}: status ${response.status}, no JSON`);
      });
      return { status: response.status, body };
    },

    async readObject(url, purpose) {
      const { status, body } = await issuer.request(url, purpose);
      if (status !== 200) throw new Error(`${purpose}: status ${status}`);
      if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Error(`${purpose}: no object`);
      return body as Record<string, unknown>;
    },
  };
  return issuer;
}
