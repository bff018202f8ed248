import { randomBytes } from 'node:crypto';
import type { Issuer } from '../shared/issuer.ts';
import { createLimiter } from '../shared/limiter.ts';
import { recordId } from '../shared/record-ids.ts';
import type { Storage } from '../storage/storage.ts';

/** An invitation to connect an upstream, for one person alone. */
export interface ConnectLink {
  readonly upstream: string;
  /** Who may open it: the account of one (iss, sub). */
  readonly account: string;
  /** Scopes that a call lacked, besides the usual ones. */
  readonly scopes: readonly string[];
}

/** Links in storage by the digest of their id; each is used once (MCP 2026-07-28, Elicitation, Phishing). */
export interface ConnectLinks {
  /**
   * @returns the id in the link's URL: random, and of no use to another person; undefined where so many were made for this
   * person and upstream that an earlier one has to do
   */
  create(issuer: Issuer, link: ConnectLink): Promise<string | undefined>;
  peek(issuer: Issuer, id: string): Promise<ConnectLink | undefined>;
  /** Uses the link up: of parallel attempts one gets it. */
  take(issuer: Issuer, id: string): Promise<ConnectLink | undefined>;
}

const kind = 'ConnectLink';

/** How long a link works, seconds. */
export const linkSeconds = 900;

/** Every call of somebody who is not connected makes one: while so many were made, the last of them works still. */
const rule = { limit: 30, windowSeconds: linkSeconds };

export function createConnectLinks(storage: Storage, now: () => number = () => Date.now()): ConnectLinks {
  const limiter = createLimiter(storage, 'connect-link', rule);
  return {
    async create(issuer, link) {
      const isOver =
        (await limiter.attempt(recordId(issuer, JSON.stringify([link.account, link.upstream])))) !== undefined;
      if (isOver) return undefined;
      const id = randomBytes(32).toString('base64url');
      const expiresAt = Math.floor(now() / 1000) + linkSeconds;
      await storage.put(kind, recordId(issuer, id), { ...link }, { expiresAt });
      return id;
    },
    async peek(issuer, id) {
      const record = await storage.get(kind, recordId(issuer, id));
      return record?.value as unknown as ConnectLink | undefined;
    },
    async take(issuer, id) {
      const record = await storage.take(kind, recordId(issuer, id));
      return record?.value as unknown as ConnectLink | undefined;
    },
  };
}
