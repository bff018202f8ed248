import { hash } from 'node:crypto';
import type { Identities, Identity } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';
import type { Storage } from '../storage/storage.ts';

/** A live access token of this issuer. */
export interface AccessToken {
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** The one resource it is for. */
  readonly audience: string;
  /** UNIX seconds. */
  readonly expiresAt: number;
  readonly grantId: string;
  readonly identity: Identity;
}

export type AccessTokenProblem =
  | 'unknown'
  | 'expired'
  | 'grant_ended'
  | 'user_unknown'
  | 'sender_constrained'
  | 'malformed_record';

export interface AccessTokens {
  /** @returns the token, or why it is none */
  verify(issuer: Issuer, token: string): Promise<AccessToken | AccessTokenProblem>;
  /** Forgets everything remembered: a revocation in this process takes effect at once. */
  forget(): void;
}

const maxRemembered = 10_000;
const nowSeconds = () => Date.now() / 1000;

async function readAccessToken(
  storage: Storage,
  identities: Identities,
  issuer: Issuer,
  token: string,
): Promise<AccessToken | AccessTokenProblem> {
  const record = await storage.get('AccessToken', recordId(issuer, token));
  if (!record) return 'unknown';
  const { clientId, scope, aud, exp, grantId, accountId, jkt } = record.value;
  if (jkt !== undefined) return 'sender_constrained'; // RFC 9449 section 7.1: never accepted as Bearer.
  if (
    typeof clientId !== 'string' ||
    typeof aud !== 'string' ||
    typeof exp !== 'number' ||
    typeof grantId !== 'string' ||
    typeof accountId !== 'string'
  ) {
    return 'malformed_record';
  }
  if (exp <= nowSeconds()) return 'expired';
  const [grant, identity] = await Promise.all([
    storage.get('Grant', recordId(issuer, grantId)),
    identities.find(issuer, accountId),
  ]);
  if (!grant) return 'grant_ended';
  if (!identity) return 'user_unknown';
  return {
    clientId,
    scopes: typeof scope === 'string' ? scope.split(' ').filter(Boolean) : [],
    audience: aud,
    expiresAt: exp,
    grantId,
    identity,
  };
}

/**
 * Verifies opaque access tokens against storage, the grant included, and remembers live ones for `cacheSeconds` under
 * the token's SHA-256: that is the only delay of a revocation made in another process (DESIGN 4.2).
 */
export function createAccessTokens(storage: Storage, identities: Identities, cacheSeconds: number): AccessTokens {
  const remembered = new Map<string, { token: AccessToken; until: number }>();
  const pending = new Map<string, Promise<AccessToken | AccessTokenProblem>>();
  let generation = 0;

  async function check(key: string, issuer: Issuer, token: string): Promise<AccessToken | AccessTokenProblem> {
    const startedIn = generation;
    const result = await readAccessToken(storage, identities, issuer, token);
    if (typeof result === 'object' && cacheSeconds > 0 && startedIn === generation) {
      if (remembered.size >= maxRemembered) remembered.delete(remembered.keys().next().value as string);
      remembered.set(key, { token: result, until: Math.min(nowSeconds() + cacheSeconds, result.expiresAt) });
    }
    return result;
  }

  return {
    async verify(issuer, token) {
      const key = issuer.tag + hash('sha256', token, 'base64url');
      const known = remembered.get(key);
      if (known) {
        if (known.until > nowSeconds()) return known.token;
        remembered.delete(key);
      }
      // Requests that arrive together with one token share one check.
      const running = pending.get(key);
      if (running) return running;
      const checking = check(key, issuer, token).finally(() => pending.delete(key));
      pending.set(key, checking);
      return checking;
    },
    forget() {
      generation += 1;
      remembered.clear();
      pending.clear();
    },
  };
}
