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
  request(url: string, purpose: string, request?: IssuerRequest): Promise<JsonAnswer>;
  /** The object of a 200 answer. @throws Error where the answer is another one */
  readObject(url: string, purpose: string): Promise<Readonly<Record<string, unknown>>>;
}

export type IssuerRequest = Pick<OutboundRequest, 'method' | 'headers' | 'body'>;

const timeoutMs = 5_000;
const maxResponseBytes = 65_536;

/**
 * Where the metadata may be, in the order in which clients look (MCP 2026-07-28, Authorization Server Metadata Discovery):
 * the well-known name goes between host and path, whose last slash is dropped (RFC 8414 section 3.1); at the end stands
 * OpenID Connect Discovery's own form, after the path.
 */
export function metadataUrls(identifier: string): readonly string[] {
  const { origin, pathname } = new URL(identifier);
  const path = pathname.replace(/\/$/, '');
  const inserted = ['oauth-authorization-server', 'openid-configuration'].map(
    (name) => `${origin}/.well-known/${name}${path}`,
  );
  return path === '' ? inserted : [...inserted, `${origin}${path}/.well-known/openid-configuration`];
}

interface JsonAnswer {
  readonly status: number;
  readonly body: unknown;
}

async function answerOf(response: { status: number; json(): Promise<unknown> }, purpose: string): Promise<JsonAnswer> {
  const body = await response.json().catch(() => {
    throw new Error(`${purpose}: status ${response.status}, no JSON`);
  });
  return { status: response.status, body };
}

function objectOf({ status, body }: JsonAnswer, purpose: string): Readonly<Record<string, unknown>> {
  if (status !== 200) throw new Error(`${purpose}: status ${status}`);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Error(`${purpose}: no object`);
  return body as Record<string, unknown>;
}

/** Fetches nothing by itself. */
export function createTrustedIssuer(identifier: string, outbound: Outbound): TrustedIssuer {
  const readJson = async (url: string, purpose: string, request: IssuerRequest = {}) => {
    const limits = { timeoutMs, maxResponseBytes, allowHttpLoopback: true, purpose };
    const headers = { accept: 'application/json', ...(request.headers as Record<string, string> | undefined) };
    return outbound.fetch(url, { ...request, ...limits, headers });
  };

  /** Only "not here" leads to the next place: an outage, or a document that is wrong, is no reason to believe another one. */
  async function readMetadata(): Promise<Readonly<Record<string, unknown>>> {
    for (const url of metadataUrls(identifier)) {
      const response = await readJson(url, 'issuer metadata');
      if (response.status === 404) continue;
      return objectOf(await answerOf(response, 'issuer metadata'), 'issuer metadata');
    }
    throw new Error('issuer metadata: status 404 at every well-known place');
  }

  const issuer: TrustedIssuer = {
    identifier,

    async endpoint(member) {
      const metadata = await readMetadata();
      // The one thing that shows that the document is about this issuer and no other (RFC 8414 section 3.3).
      if (metadata.issuer !== identifier) throw new Error('issuer metadata: its issuer is another one');
      const url = metadata[member];
      if (typeof url !== 'string') throw new Error(`issuer metadata: no ${member}`);
      return url;
    },

    request: async (url, purpose, request) => answerOf(await readJson(url, purpose, request), purpose),

    readObject: async (url, purpose) => objectOf(await issuer.request(url, purpose), purpose),
  };
  return issuer;
}
