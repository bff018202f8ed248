import { hash } from 'node:crypto';
import { createLocalJWKSet, type JSONWebKeySet, type JWK, jwtVerify } from 'jose';
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
  /** Thumbprint of the key that it is bound to (RFC 9449 section 6.1). */
  readonly jkt?: string;
  readonly identity: Identity;
}

export type AccessTokenProblem = 'unknown' | 'expired' | 'grant_ended' | 'user_unknown' | 'malformed_record';

export interface AccessTokens {
  /** @returns the token, or why it is none */
  verify(issuer: Issuer, token: string): Promise<AccessToken | AccessTokenProblem>;
  /** Forgets everything remembered: a revocation in this process takes effect at once. */
  forget(): void;
}

const maxRemembered = 10_000;
const nowSeconds = () => Date.now() / 1000;

export interface AccessTokenOptions {
  readonly storage: Storage;
  readonly identities: Identities;
  readonly cacheSeconds: number;
  readonly jwtRevocationCheck: boolean;
  readonly publicKeys: (issuer: Issuer) => Promise<{ readonly keys: readonly JWK[] }>;
}

interface TokenClaims {
  readonly clientId?: unknown;
  readonly scope?: unknown;
  readonly aud?: unknown;
  readonly exp?: unknown;
  readonly grantId?: unknown;
  readonly accountId?: unknown;
  readonly jkt?: unknown;
}

/** The token that claims of either format describe, without its user. */
function readClaims(claims: TokenClaims): (Omit<AccessToken, 'identity'> & { accountId: string }) | AccessTokenProblem {
  const { clientId, scope, aud, exp, grantId, accountId, jkt } = claims;
  if (typeof clientId !== 'string' || typeof aud !== 'string' || typeof exp !== 'number') return 'malformed_record';
  if (typeof grantId !== 'string' || typeof accountId !== 'string') return 'malformed_record';
  if (exp <= nowSeconds()) return 'expired';
  const scopes = typeof scope === 'string' ? scope.split(' ').filter(Boolean) : [];
  if (jkt !== undefined && typeof jkt !== 'string') return 'malformed_record';
  return { clientId, scopes, audience: aud, expiresAt: exp, grantId, accountId, ...(jkt !== undefined && { jkt }) };
}

/** A live grant and a known user: what makes a token revocable. */
async function withUser(
  { storage, identities }: AccessTokenOptions,
  issuer: Issuer,
  claims: TokenClaims,
): Promise<AccessToken | AccessTokenProblem> {
  const token = readClaims(claims);
  if (typeof token === 'string') return token;
  const { accountId, ...rest } = token;
  const [grant, identity] = await Promise.all([
    storage.get('Grant', recordId(issuer, rest.grantId)),
    identities.find(issuer, accountId),
  ]);
  if (!grant) return 'grant_ended';
  return identity ? { ...rest, identity } : 'user_unknown';
}

async function readOpaqueToken(
  options: AccessTokenOptions,
  issuer: Issuer,
  token: string,
): Promise<AccessToken | AccessTokenProblem> {
  const record = await options.storage.get('AccessToken', recordId(issuer, token));
  return record ? withUser(options, issuer, record.value) : 'unknown';
}

/** A JWT access token of this issuer (RFC 9068 section 4). */
async function readJwt(
  options: AccessTokenOptions,
  issuer: Issuer,
  token: string,
): Promise<AccessToken | AccessTokenProblem> {
  const keys = createLocalJWKSet((await options.publicKeys(issuer)) as JSONWebKeySet);
  const verified = await jwtVerify(token, keys, {
    issuer: issuer.identifier,
    typ: 'at+jwt',
    algorithms: ['ES256'],
  }).catch((error: Error & { code?: string }) =>
    error.code === 'ERR_JWT_EXPIRED' ? ('expired' as const) : ('unknown' as const),
  );
  if (typeof verified === 'string') return verified;
  const { client_id: clientId, gid: grantId, sub: accountId, cnf, ...rest } = verified.payload;
  const claims: TokenClaims = {
    ...rest,
    clientId,
    grantId,
    accountId,
    ...(cnf !== undefined && { jkt: (cnf as { jkt?: unknown }).jkt ?? cnf }),
  };
  if (options.jwtRevocationCheck) return withUser(options, issuer, claims);
  const described = readClaims(claims);
  if (typeof described === 'string') return described;
  const { idp, roles } = rest as { idp?: { iss: string; sub: string }; roles?: readonly string[] };
  const { accountId: _, ...withoutAccount } = described;
  return idp ? { ...withoutAccount, identity: { ...idp, roles: roles ?? [], claims: {} } } : 'malformed_record';
}

/**
 * Verifies access tokens, the grant included, and remembers live ones for `cacheSeconds` under
 * the token's SHA-256: that is the only delay of a revocation made in another process (DESIGN 4.2).
 */
export function createAccessTokens(options: AccessTokenOptions): AccessTokens {
  const { cacheSeconds } = options;
  const remembered = new Map<string, { token: AccessToken; until: number }>();
  const pending = new Map<string, Promise<AccessToken | AccessTokenProblem>>();
  let generation = 0;

  async function check(key: string, issuer: Issuer, token: string): Promise<AccessToken | AccessTokenProblem> {
    const startedIn = generation;
    const isJwt = token.split('.').length === 3;
    const result = await (isJwt ? readJwt : readOpaqueToken)(options, issuer, token);
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
