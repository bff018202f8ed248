import { type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { asymmetricAlgorithms } from '../shared/signature-algorithms.ts';
import { isStorable } from './claim-path.ts';
import { LoginError } from './login-error.ts';
import { tenantPlaceholder } from './resolve-login-options.ts';

const clockToleranceSeconds = 60;
const maxTokenBytes = 64 * 1024;

export interface IdTokenExpectation {
  readonly keys: JWTVerifyGetKey;
  /** `{tenantid}` in it stands for the claim `tid`. */
  readonly issuer: string;
  /** What `tid` may be. */
  readonly allowedTenants?: readonly string[];
  readonly clientId: string;
  /** Further audiences that stand for the client id. */
  readonly audiences: readonly string[];
  /** undefined for a token that came with a refresh (OpenID Connect Core section 12.2). */
  readonly nonce: string | undefined;
}

/** Claims of which issuer and subject are proven. */
export type ProvenClaims = JWTPayload & { readonly iss: string; readonly sub: string };

function invalid(detail: string, options?: ErrorOptions): LoginError {
  return new LoginError({ reason: 'id_token_invalid', detail }, options);
}

/** What jose throws where the key set itself is not one. The token may be good. */
const keySetErrors = new Set(['ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID']);

/** A token is checked when it was just issued, so that its `iat` tells what the provider's clock says now. */
function skewHint({ iat }: JWTPayload): string {
  const seconds = typeof iat === 'number' ? iat - Date.now() / 1000 : 0;
  if (Math.abs(seconds) <= clockToleranceSeconds) return '';
  const minutes = Math.round(Math.abs(seconds) / 60);
  return `; clock skew? iat is ${minutes} min ${seconds > 0 ? 'ahead of' : 'behind'} this server's clock`;
}

function problemOf(cause: Error & { code?: string; claim?: string; payload?: JWTPayload }): LoginError {
  const { code = '', message, claim = '', payload = {} } = cause;
  if (!code.startsWith('ERR_J') || keySetErrors.has(code)) {
    return new LoginError({ reason: 'provider_answer_invalid', detail: 'its key set cannot be read' }, { cause });
  }
  return invalid(`${message}${['exp', 'nbf', 'iat'].includes(claim) ? skewHint(payload) : ''}`, { cause });
}

async function verifySignature(idToken: string, expected: IdTokenExpectation): Promise<JWTPayload> {
  const { keys, issuer, clientId, audiences } = expected;
  try {
    const { payload } = await jwtVerify(idToken, keys, {
      algorithms: [...asymmetricAlgorithms],
      ...(!issuer.includes(tenantPlaceholder) && { issuer }),
      audience: [clientId, ...audiences],
      clockTolerance: clockToleranceSeconds,
      requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat'],
    });
    return payload;
  } catch (cause) {
    if (cause instanceof LoginError) throw cause; // The key set was not fetched.
    throw problemOf(cause as Error);
  }
}

/** One issuer string for many tenants: the token names its own, which must be allowed and make up its issuer. */
function requireTenant({ iss, tid }: JWTPayload & { tid?: unknown }, expected: IdTokenExpectation): void {
  const { issuer, allowedTenants = [] } = expected;
  if (!issuer.includes(tenantPlaceholder)) return;
  if (typeof tid !== 'string' || iss !== issuer.replace(tenantPlaceholder, tid)) {
    throw invalid('unexpected "iss" claim value');
  }
  if (!allowedTenants.includes(tid)) throw new LoginError({ reason: 'user_refused', detail: 'tenant is not allowed' });
}

/**
 * Verifies an ID token with its signature (OpenID Connect Core section 3.1.3.7): key, issuer, audience, authorized party,
 * times, nonce and subject.
 * @throws LoginError; one that `expected.keys` throws passes as it is
 */
export async function verifyIdToken(idToken: unknown, expected: IdTokenExpectation): Promise<ProvenClaims> {
  if (idToken === undefined || idToken === null) throw new LoginError({ reason: 'id_token_missing' });
  if (typeof idToken !== 'string' || idToken.length > maxTokenBytes) throw invalid('not a token');
  const claims = await verifySignature(idToken, expected);
  const { sub, azp, nonce, iat } = claims;
  if (typeof sub !== 'string' || sub === '') throw invalid('sub is empty or no text');
  if (!isStorable(sub)) throw invalid('sub is malformed');
  if (expected.nonce !== undefined && nonce !== expected.nonce) throw invalid('nonce mismatch');
  if (typeof iat === 'number' && iat > Date.now() / 1000 + clockToleranceSeconds) {
    throw invalid(`iat is in the future${skewHint(claims)}`);
  }
  const audiences = [claims.aud].flat();
  if (audiences.length > 1 && azp === undefined) throw invalid('several audiences without azp');
  if (azp !== undefined && azp !== expected.clientId) throw invalid('azp is another client');
  const known = [expected.clientId, ...expected.audiences];
  if (audiences.some((audience) => audience === undefined || !known.includes(audience)))
    throw invalid('an audience is neither clientId nor oidc.audience');
  requireTenant(claims, expected);
  return claims as ProvenClaims;
}

/**
 * Verifies the access token of a provider that issues no ID token, as the proof of who signed in. It came from the token
 * endpoint itself; that it was issued to this client must be said by its audience or by `client_id`.
 * @throws LoginError
 */
export async function verifyIdentifyingAccessToken(
  accessToken: string,
  { keys, issuer, clientId, audiences }: Omit<IdTokenExpectation, 'nonce'>,
): Promise<ProvenClaims> {
  const refused = (detail: string, options?: ErrorOptions) =>
    new LoginError({ reason: 'access_token_invalid', detail }, options);
  let claims: JWTPayload;
  try {
    ({ payload: claims } = await jwtVerify(accessToken, keys, {
      algorithms: [...asymmetricAlgorithms],
      issuer,
      clockTolerance: clockToleranceSeconds,
      requiredClaims: ['sub', 'exp'],
    }));
  } catch (cause) {
    if (cause instanceof LoginError) throw cause;
    throw refused((cause as Error).message, { cause });
  }
  const holders = [claims.aud ?? claims.client_id].flat();
  const known: unknown[] = [clientId, ...audiences];
  if (!holders.some((holder) => known.includes(holder))) throw refused('it was issued to another client');
  if (typeof claims.sub !== 'string' || claims.sub === '' || !isStorable(claims.sub)) throw refused('sub is malformed');
  return claims as ProvenClaims;
}

/**
 * Verifies the access token of a provider that issues JWTs for one API: its signature, issuer, audience and times.
 * @throws LoginError
 */
export async function verifyProviderAccessToken(
  accessToken: string | undefined,
  { keys, issuer, audience }: { readonly keys: JWTVerifyGetKey; readonly issuer: string; readonly audience: string },
): Promise<void> {
  try {
    await jwtVerify(accessToken ?? '', keys, {
      algorithms: [...asymmetricAlgorithms],
      issuer,
      audience,
      clockTolerance: clockToleranceSeconds,
      requiredClaims: ['exp'],
    });
  } catch (cause) {
    if (cause instanceof LoginError) throw cause;
    throw new LoginError({ reason: 'access_token_invalid', detail: (cause as Error).message }, { cause });
  }
}
