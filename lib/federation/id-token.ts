import { type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Identity } from '../shared/identity.ts';
import { LoginError } from './login-error.ts';

/** Asymmetric algorithms only: an HMAC under a public key, and `none`, prove nothing (RFC 8725 section 2.1). */
const algorithms = [
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
  'EdDSA',
  'Ed25519',
];

const clockToleranceSeconds = 60;
const maxTokenBytes = 64 * 1024;

export interface IdTokenExpectation {
  readonly keys: JWTVerifyGetKey;
  readonly issuer: string;
  readonly clientId: string;
  /** A further audience that stands for the client id. */
  readonly audience: string | undefined;
  readonly nonce: string;
}

function invalid(detail: string, options?: ErrorOptions): LoginError {
  return new LoginError({ reason: 'id_token_invalid', detail }, options);
}

/** `jwks` errors are the provider's outage, not a bad token. */
const outages = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID']);

async function verifySignature(
  idToken: string,
  { keys, issuer, clientId, audience }: IdTokenExpectation,
): Promise<JWTPayload> {
  const audiences = audience === undefined ? [clientId] : [clientId, audience];
  try {
    const { payload } = await jwtVerify(idToken, keys, {
      algorithms,
      issuer,
      audience: audiences,
      clockTolerance: clockToleranceSeconds,
      requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat'],
    });
    return payload;
  } catch (cause) {
    const { code = '', message } = cause as Error & { code?: string };
    const isOurs = code.startsWith('ERR_J') && !outages.has(code);
    if (isOurs) throw invalid(message, { cause });
    throw new LoginError({ reason: 'provider_unreachable', detail: 'its key set cannot be read' }, { cause });
  }
}

/**
 * Verifies an ID token with its signature (OpenID Connect Core section 3.1.3.7): key, issuer, audience, authorized party,
 * times, nonce and subject.
 * @throws LoginError
 */
export async function verifyIdToken(
  idToken: unknown,
  expected: IdTokenExpectation,
): Promise<JWTPayload & { sub: string }> {
  if (idToken === undefined || idToken === null) throw new LoginError({ reason: 'id_token_missing' });
  if (typeof idToken !== 'string' || idToken.length > maxTokenBytes) throw invalid('not a token');
  const claims = await verifySignature(idToken, expected);
  const { sub, azp, nonce, iat } = claims;
  if (typeof sub !== 'string' || sub === '') throw invalid('sub is empty');
  if (nonce !== expected.nonce) throw invalid('nonce mismatch');
  if (typeof iat === 'number' && iat > Date.now() / 1000 + clockToleranceSeconds) throw invalid('iat is in the future');
  if (Array.isArray(claims.aud) && claims.aud.length > 1 && azp === undefined)
    throw invalid('several audiences without azp');
  if (azp !== undefined && azp !== expected.clientId) throw invalid('azp is another client');
  return claims as JWTPayload & { sub: string };
}

/** Claims of a profile that are kept; tokens and hashes are not. */
const keptClaims = [
  'name',
  'preferred_username',
  'given_name',
  'family_name',
  'email',
  'email_verified',
  'picture',
  'locale',
];

const roleClaims = ['roles', 'role', 'groups'];

function textList(value: unknown): string[] {
  if (typeof value === 'string') return value.split(/[\s,]+/).filter(Boolean);
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string' && item !== '') : [];
}

/** The identity that ID token claims describe. */
export function identityOf(claims: JWTPayload & { sub: string }): Identity {
  const kept = keptClaims.filter((name) => claims[name] !== undefined).map((name) => [name, claims[name]]);
  return {
    iss: claims.iss as string,
    sub: claims.sub,
    roles: [...new Set(roleClaims.flatMap((name) => textList(claims[name])))],
    claims: Object.fromEntries(kept),
  };
}
