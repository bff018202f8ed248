import { hash } from 'node:crypto';
import type { Identity } from '../shared/identity.ts';
import type { AccessToken, AccessTokenProblem, AccessTokens } from './access-token.ts';
import { createTokenCache } from './token-cache.ts';

/** Claims of a JWT (RFC 9068 section 2.2), or members of an introspection answer (RFC 7662 section 2.2). Already trusted. */
export type RemoteClaims = Readonly<Record<string, unknown>>;

/** Asks about one token. Rejects where the issuer's outage leaves it undecided. */
export type RemoteTokenReader = (token: string) => Promise<AccessToken | AccessTokenProblem>;

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** Who calls: at the identity provider where the issuer says so (`idp`, as this library's does), else at the issuer. */
function identityOf(claims: RemoteClaims, sub: string, issuer: string): Identity {
  const { idp, roles, username } = claims;
  const { iss: providerIssuer, sub: providerSub } = (idp ?? {}) as { iss?: unknown; sub?: unknown };
  const who =
    isText(providerIssuer) && isText(providerSub) ? { iss: providerIssuer, sub: providerSub } : { iss: issuer, sub };
  return {
    ...who,
    roles: Array.isArray(roles) ? roles.filter(isText) : [],
    claims: isText(username) ? { username } : {},
  };
}

/** The key that a token is bound to (RFC 9449 section 6). Another kind of binding is none that could be checked here. */
function boundKey(cnf: unknown): string | undefined | 'malformed_record' {
  if (cnf === undefined) return undefined;
  const { jkt } = (cnf ?? {}) as { jkt?: unknown };
  return isText(jkt) ? jkt : 'malformed_record';
}

/**
 * The token that claims of a trusted issuer describe. It must be for exactly one audience, so that no other resource that
 * holds it can use it here (MCP 2026-07-28, Token Audience Binding and Validation).
 */
export function describeRemoteToken(
  claims: RemoteClaims,
  { token, issuer, now }: { readonly token: string; readonly issuer: string; readonly now: number },
): AccessToken | AccessTokenProblem {
  const { client_id: clientId, sub, scope, exp, iss, gid, jti } = claims;
  if (iss !== undefined && iss !== issuer) return 'wrong_issuer';
  if (!isText(clientId) || !isText(sub) || typeof exp !== 'number') return 'malformed_record';
  if (exp <= now / 1000) return 'expired';
  const audiences: readonly unknown[] = [claims.aud].flat();
  const [audience] = audiences;
  if (audiences.length > 1) return 'several_audiences';
  const jkt = boundKey(claims.cnf);
  if (!isText(audience) || jkt === 'malformed_record') return 'malformed_record';
  return {
    clientId,
    scopes: typeof scope === 'string' ? scope.split(' ').filter(Boolean) : [],
    audience,
    expiresAt: exp,
    // Some servers give an opaque token itself as its id, and the bearer never travels on.
    grantId: [gid, jti].filter(isText).find((id) => id !== token) ?? hash('sha256', token, 'base64url'),
    ...(jkt !== undefined && { jkt }),
    identity: identityOf(claims, sub, issuer),
  };
}

/**
 * Tokens of an issuer elsewhere, good ones remembered for `cacheSeconds`. Which of this server's own origins is asked for
 * does not matter: there is one trusted issuer.
 */
export function createRemoteAccessTokens(read: RemoteTokenReader, cacheSeconds: number): AccessTokens {
  return createTokenCache<AccessToken, AccessTokenProblem>(cacheSeconds, (_server, token) => read(token));
}
