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

/** What jose throws where the key set itself is not one. The token may be good. */
const keySetErrors = new Set(['ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID']);

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
    if (cause instanceof LoginError) throw cause; // The key set was not fetched.
    const { code = '', message } = cause as Error & { code?: string };
    if (code.startsWith('ERR_J') && !keySetErrors.has(code)) throw invalid(message, { cause });
    throw new LoginError({ reason: 'provider_answer_invalid', detail: 'its key set cannot be read' }, { cause });
  }
}

/**
 * Verifies an ID token with its signature (OpenID Connect Core section 3.1.3.7): key, issuer, audience, authorized party,
 * times, nonce and subject.
 * @throws LoginError; one that `expected.keys` throws passes as it is
 */
export async function verifyIdToken(
  idToken: unknown,
  expected: IdTokenExpectation,
): Promise<JWTPayload & { sub: string }> {
  if (idToken === undefined || idToken === null) throw new LoginError({ reason: 'id_token_missing' });
  if (typeof idToken !== 'string' || idToken.length > maxTokenBytes) throw invalid('not a token');
  const claims = await verifySignature(idToken, expected);
  const { sub, azp, nonce, iat } = claims;
  if (typeof sub !== 'string' || sub === '') throw invalid('sub is empty or no text');
  if (!isStorable(sub)) throw invalid('sub is malformed');
  if (nonce !== expected.nonce) throw invalid('nonce mismatch');
  if (typeof iat === 'number' && iat > Date.now() / 1000 + clockToleranceSeconds) throw invalid('iat is in the future');
  const audiences = [claims.aud].flat();
  if (audiences.length > 1 && azp === undefined) throw invalid('several audiences without azp');
  if (azp !== undefined && azp !== expected.clientId) throw invalid('azp is another client');
  if (audiences.some((audience) => audience !== expected.clientId && audience !== expected.audience))
    throw invalid('an audience is neither clientId nor oidc.audience');
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

/** `roles`, `role` and `groups`, also behind a namespace: `https://gateway.example.com/roles` (Auth0), `cognito:groups`. */
const roleClaim = /(?:^|[/:])(?:roles?|groups)$/;

/** Text that every store can keep: well-formed and without U+0000. */
function isStorable(text: string): boolean {
  return !/\p{Surrogate}/u.test(text) && !text.includes('\0');
}

/** A text is one role, whatever it holds: split at its space, `not admin` would make an admin. */
function textList(value: unknown): string[] {
  const items: unknown[] = Array.isArray(value) ? value : [value];
  return items.filter((item): item is string => typeof item === 'string' && item !== '' && isStorable(item));
}

function isKept([name, value]: [string, unknown]): boolean {
  return keptClaims.includes(name) && (typeof value === 'boolean' || (typeof value === 'string' && isStorable(value)));
}

/** The identity that ID token claims describe. */
export function identityOf(claims: JWTPayload & { sub: string }): Identity {
  const roles = Object.entries(claims).filter(([name]) => roleClaim.test(name));
  return {
    iss: claims.iss as string,
    sub: claims.sub,
    roles: [...new Set(roles.flatMap(([, value]) => textList(value)))],
    claims: Object.fromEntries(Object.entries(claims).filter(isKept)),
  };
}
