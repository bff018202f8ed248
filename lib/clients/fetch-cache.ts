import { hash } from 'node:crypto';
import type { Storage } from '../storage/storage.ts';

/** A document as it was fetched last, shared by every replica. */
export interface CachedDocument {
  readonly body: string;
  readonly contentType: string;
  /** UNIX seconds. */
  readonly fetchedAt: number;
  /** UNIX seconds until which no new fetch is needed (RFC 9111 section 4.2, within our bounds). */
  readonly freshUntil: number;
  /** Redirect URIs with which somebody approved the client while this copy was in use. */
  readonly approvedRedirectUris: readonly string[];
}

export interface FetchCache {
  read(url: string): Promise<CachedDocument | undefined>;
  /** Keeps a good answer; the approvals of an earlier copy stay. */
  write(
    url: string,
    document: Pick<CachedDocument, 'body' | 'contentType'>,
    cacheControl: string | null,
  ): Promise<void>;
  /** Notes that somebody approved the client with this redirect URI. */
  approve(url: string, redirectUri: string): Promise<void>;
}

export interface FetchCacheRule {
  readonly kind: string;
  /** Bounds of freshness, seconds, whatever the host says. */
  readonly minFreshSeconds: number;
  readonly maxFreshSeconds: number;
  /** How long a copy is kept to stand in while its host fails, seconds. */
  readonly staleSeconds: number;
}

const maxApprovals = 20;
const nowSeconds = () => Math.floor(Date.now() / 1000);

function freshSeconds(cacheControl: string | null, { minFreshSeconds, maxFreshSeconds }: FetchCacheRule): number {
  const directives = (cacheControl ?? '').toLowerCase();
  const maxAge = /(?:^|[,\s])max-age=(\d{1,9})/.exec(directives)?.[1];
  const wanted = /no-store|no-cache/.test(directives) || maxAge === undefined ? minFreshSeconds : Number(maxAge);
  return Math.min(maxFreshSeconds, Math.max(minFreshSeconds, wanted));
}

export function createFetchCache(storage: Storage, rule: FetchCacheRule): FetchCache {
  const idOf = (url: string) => hash('sha256', url, 'base64url');
  const expiry = (document: CachedDocument) => ({
    expiresAt: Math.max(document.freshUntil, document.fetchedAt + rule.staleSeconds),
  });

  async function read(url: string): Promise<CachedDocument | undefined> {
    const record = await storage.get(rule.kind, idOf(url));
    return record?.value as unknown as CachedDocument | undefined;
  }

  return {
    read,

    async write(url, { body, contentType }, cacheControl) {
      const now = nowSeconds();
      const previous = await read(url);
      const document: CachedDocument = {
        body,
        contentType,
        fetchedAt: now,
        freshUntil: now + freshSeconds(cacheControl, rule),
        approvedRedirectUris: previous?.approvedRedirectUris ?? [],
      };
      await storage.put(rule.kind, idOf(url), { ...document }, expiry(document));
    },

    async approve(url, redirectUri) {
      const record = await storage.get(rule.kind, idOf(url));
      if (!record) return;
      const document = record.value as unknown as CachedDocument;
      if (document.approvedRedirectUris.includes(redirectUri)) return;
      const approvedRedirectUris = [redirectUri, ...document.approvedRedirectUris].slice(0, maxApprovals);
      // A copy that was renewed meanwhile keeps its own approvals: this one is then asked for again, nothing worse.
      await storage.replace(
        rule.kind,
        idOf(url),
        record.version,
        { ...document, approvedRedirectUris },
        expiry(document),
      );
    },
  };
}
