import { createLocalJWKSet, type JSONWebKeySet, type JWK, jwtVerify } from 'jose';
import type { Blocks } from '../shared/blocks.ts';
import type { Identities, Identity } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';
import type { Storage } from '../storage/storage.ts';
import { createTokenCache } from './token-cache.ts';

/** A live access token of the issuer. */
export interface AccessToken {
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** The one resource it is for. */
  readonly audience: string;
  /** UNIX seconds. */
  readonly expiresAt: number;
  /** What the token belongs to; of an issuer that names no grant, its `jti` or its SHA-256. Never usable as a token. */
  readonly grantId: string;
  /** Thumbprint of the key that it is bound to (RFC 9449 section 6.1). */
  readonly jkt?: string;
  readonly identity: Identity;
}

/** Why a token is refused: for events, never told to its bearer. */
export type AccessTokenProblem =
  | 'unknown'
  | 'expired'
  | 'grant_ended'
  | 'user_unknown'
  | 'malformed_record'
  | 'blocked'
  | RemoteTokenProblem;

/** Why a token of an issuer elsewhere is refused, besides. */
export type RemoteTokenProblem =
  | 'not_a_jwt'
  | 'wrong_type'
  | 'wrong_issuer'
  | 'several_audiences'
  | 'algorithm_refused'
  | 'key_unknown'
  | 'signature_invalid'
  | 'not_yet_valid';

export interface AccessTokens {
  /** @returns the token, or why it is none; not a promise where it is remembered */
  verify(issuer: Issuer, token: string): AccessToken | Promise<AccessToken | AccessTokenProblem>;
  /** Forgets everything remembered: a revocation in this process takes effect at once. */
  forget(): void;
}

const nowSeconds = () => Date.now() / 1000;

export interface AccessTokenOptions {
  readonly storage: Storage;
  readonly identities: Identities;
  readonly cacheSeconds: number;
  readonly jwtRevocationCheck: boolean;
  /** What the operator has blocked. */
  readonly blockOf: Blocks['blockOf'];
  /** The same object for as long as the keys are the same. */
  readonly publicKeys: (issuer: Issuer) => Promise<PublicKeys>;
}

type PublicKeys = { readonly keys: readonly JWK[] };
type LocalKeySet = ReturnType<typeof createLocalJWKSet>;

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
  { storage, identities, blockOf }: AccessTokenOptions,
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
  if (!identity) return 'user_unknown';
  return (await blockOf(issuer, { clientId: rest.clientId, user: identity })) ? 'blocked' : { ...rest, identity };
}

async function readOpaqueToken(
  options: AccessTokenOptions,
  issuer: Issuer,
  id: string,
): Promise<AccessToken | AccessTokenProblem> {
  const record = await options.storage.get('AccessToken', id);
  return record ? withUser(options, issuer, record.value) : 'unknown';
}

/** Imported keys by the set they come from: importing costs more than a signature. */
const importedKeys = new WeakMap<PublicKeys, LocalKeySet>();

function importKeys(publicKeys: PublicKeys): LocalKeySet {
  const known = importedKeys.get(publicKeys);
  if (known) return known;
  const keys = createLocalJWKSet(publicKeys as JSONWebKeySet);
  importedKeys.set(publicKeys, keys);
  return keys;
}

/** A JWT access token of this issuer (RFC 9068 section 4). */
async function readJwt(
  options: AccessTokenOptions,
  issuer: Issuer,
  token: string,
): Promise<AccessToken | AccessTokenProblem> {
  const keys = importKeys(await options.publicKeys(issuer));
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
  if (!idp) return 'malformed_record';
  // Nothing else tells of it: no grant is looked up.
  if (await options.blockOf(issuer, { clientId: described.clientId, user: idp }, true)) return 'blocked';
  return { ...withoutAccount, identity: { ...idp, roles: roles ?? [], claims: {} } };
}

/**
 * Verifies access tokens, the grant included, and remembers live ones for `cacheSeconds`: that is the only delay of a
 * revocation made in another process (DESIGN 4.2).
 */
export function createAccessTokens(options: AccessTokenOptions): AccessTokens {
  return createTokenCache<AccessToken, AccessTokenProblem>(options.cacheSeconds, (issuer, token, id) => {
    const isJwt = token.split('.').length === 3;
    return isJwt ? readJwt(options, issuer, token) : readOpaqueToken(options, issuer, id);
  });
}
