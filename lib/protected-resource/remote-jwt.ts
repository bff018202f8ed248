import type { JWTPayload } from 'jose';
import { createRemoteKeySet } from '../shared/remote-key-set.ts';
import { asymmetricAlgorithms } from '../shared/signature-algorithms.ts';
import type { AccessTokenProblem, RemoteTokenProblem } from './access-token.ts';
import { describeRemoteToken, type RemoteTokenReader } from './remote-access-token.ts';
import type { TrustedIssuer } from './trusted-issuer.ts';

/** How far the issuer's clock may be ahead. An expired token is expired. */
const clockToleranceSeconds = 5;

export interface JwtReaderOptions {
  readonly issuer: TrustedIssuer;
  /** The issuer's key set; undefined: found in its metadata. */
  readonly jwksUrl: string | undefined;
  readonly now?: () => number;
}

/** Loaded with the first token: a process without JWTs never does. */
const loadJose = () => import('jose');

function problemOfClaim(claim: string | undefined): AccessTokenProblem {
  switch (claim) {
    case 'iss':
      return 'wrong_issuer';
    case 'typ':
      return 'wrong_type';
    case 'nbf':
      return 'not_yet_valid';
    default:
      return 'malformed_record';
  }
}

/** What jose threw, as a reason; errors that say nothing of the token are thrown on. */
function toProblem(error: unknown): AccessTokenProblem {
  const { code, claim } = error as { code?: string; claim?: string };
  switch (code) {
    case 'ERR_JWT_EXPIRED':
      return 'expired';
    case 'ERR_JWT_CLAIM_VALIDATION_FAILED':
      return problemOfClaim(claim);
    case 'ERR_JOSE_ALG_NOT_ALLOWED':
      return 'algorithm_refused';
    case 'ERR_JWKS_NO_MATCHING_KEY':
    case 'ERR_JWKS_MULTIPLE_MATCHING_KEYS':
      return 'key_unknown';
    case 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED':
      return 'signature_invalid';
    case 'ERR_JWS_INVALID':
    case 'ERR_JWT_INVALID':
    case 'ERR_JOSE_NOT_SUPPORTED':
      return 'not_a_jwt';
    default:
      throw error;
  }
}

/**
 * Reads JWT access tokens (RFC 9068 section 4) with the issuer's keys, kept as {@link createRemoteKeySet} keeps them.
 */
export function createJwtReader({ issuer, jwksUrl, now = () => Date.now() }: JwtReaderOptions): RemoteTokenReader {
  const findKey = createRemoteKeySet(
    async () => issuer.readObject(jwksUrl ?? (await issuer.endpoint('jwks_uri')), 'key set'),
    now,
  );

  /** What is wrong before any key is looked for: tokens of others must not make the key set be fetched. */
  async function foreignTo(token: string): Promise<RemoteTokenProblem | undefined> {
    const { decodeJwt } = await loadJose();
    try {
      return decodeJwt(token).iss === issuer.identifier ? undefined : 'wrong_issuer';
    } catch {
      return 'not_a_jwt';
    }
  }

  return async (token) => {
    const foreign = await foreignTo(token);
    if (foreign) return foreign;
    const { jwtVerify } = await loadJose();
    let claims: JWTPayload;
    try {
      const { payload } = await jwtVerify(token, findKey, {
        issuer: issuer.identifier,
        typ: 'at+jwt',
        algorithms: [...asymmetricAlgorithms],
        requiredClaims: ['iss', 'sub', 'aud', 'exp', 'client_id'],
        clockTolerance: clockToleranceSeconds,
        currentDate: new Date(now()),
      });
      claims = payload;
    } catch (error) {
      return toProblem(error);
    }
    return describeRemoteToken(claims, { token, issuer: issuer.identifier, now: now() });
  };
}
