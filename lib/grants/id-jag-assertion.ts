/**
 * What an ID-JAG must say, as pure checks: nothing here fetches, stores or knows a key.
 *
 * 1. {@link readAssertion} takes it apart: size, form, type, and whose it claims to be.
 * 2. The caller verifies the signature with that issuer's keys.
 * 3. {@link checkClaims} compares its claims with this server, the client that presents it, and the time.
 */
import type { IdJagProblem } from './id-jag-problem.ts';

/** Bytes; far above any real one. */
const maxAssertionLength = 16_384;
const maxClientIdLength = 2048;
const maxIdentifierLength = 1024;

/** An assertion whose signature nobody has looked at. */
export interface UnverifiedAssertion {
  readonly issuer: string;
  /** To be believed only after the signature was verified: it covers exactly this text. */
  readonly claims: Readonly<Record<string, unknown>>;
}

function decodePart(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Text that every store can keep: neither empty nor endless, well-formed, without U+0000. */
export function isIdentifier(value: unknown, maxLength = maxIdentifierLength): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= maxLength &&
    !/\p{Surrogate}/u.test(value) &&
    !value.includes('\0')
  );
}

/** Form and type, before anything is looked up: an assertion that is none makes nobody work. */
export function readAssertion(assertion: unknown): UnverifiedAssertion | IdJagProblem {
  if (typeof assertion !== 'string' || assertion === '') return { reason: 'missing' };
  if (assertion.length > maxAssertionLength) return { reason: 'too_large' };
  // Three parts: five are an encrypted one, for which there is no key here.
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(assertion)) return { reason: 'malformed' };
  const [head = '', body = ''] = assertion.split('.');
  const [header, claims] = [decodePart(head), decodePart(body)];
  if (!header || !claims) return { reason: 'malformed' };
  // Exactly this type: an ID token or an access token of the same issuer is no assertion (RFC 8725 section 3.11).
  if (header.typ !== 'oauth-id-jag+jwt') return { reason: 'wrong_type' };
  // Extensions would change how the rest is read (RFC 7515 section 4.1.11); none is needed here.
  if (header.crit !== undefined || header.b64 !== undefined) return { reason: 'malformed' };
  if (typeof claims.iss !== 'string') return { reason: 'issuer_untrusted' };
  return { issuer: claims.iss, claims };
}

/** What an assertion is compared with. */
export interface Expectation {
  /** This server's identifier. */
  readonly issuer: string;
  /** The client that authenticated. */
  readonly clientId: string;
  /** Ids here by ids in assertions; undefined: they are the same. */
  readonly clients: Readonly<Record<string, string>> | undefined;
  readonly maxLifetimeSeconds: number;
  readonly clockToleranceSeconds: number;
  /** UNIX seconds. */
  readonly now: number;
}

/** The claims that every assertion must have, as {@link checkClaims} found them. */
export interface CheckedClaims extends Readonly<Record<string, unknown>> {
  readonly iss: string;
  readonly sub: string;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
}

/** RFC 7519 section 2 allows a list; one that names another server as well is for that one, too (ID-JAG draft section 4.4.1). */
function isOnlyAudience(audience: unknown, issuer: string): boolean {
  return audience === issuer || (Array.isArray(audience) && audience.length === 1 && audience[0] === issuer);
}

function checkTimes(
  { iat, exp, nbf }: Readonly<Record<string, unknown>>,
  { now, clockToleranceSeconds: tolerance, maxLifetimeSeconds }: Expectation,
): IdJagProblem | undefined {
  if (!Number.isFinite(exp)) return { reason: 'claim_missing', claim: 'exp' };
  if (!Number.isFinite(iat)) return { reason: 'claim_missing', claim: 'iat' };
  const [from, until] = [iat as number, exp as number];
  if (until <= now - tolerance) return { reason: 'expired', secondsAgo: Math.ceil(now - until) };
  if (from > now + tolerance) return { reason: 'issued_in_future', seconds: Math.ceil(from - now) };
  if (from < now - maxLifetimeSeconds - tolerance)
    return { reason: 'issued_too_long_ago', seconds: Math.ceil(now - from) };
  if (until <= from || until - from > maxLifetimeSeconds)
    return { reason: 'lifetime_refused', seconds: Math.ceil(until - from) };
  if (nbf !== undefined && !(Number.isFinite(nbf) && (nbf as number) <= now + tolerance))
    return { reason: 'not_yet_valid' };
  return undefined;
}

function checkClient(claimed: unknown, { clientId, clients }: Expectation): IdJagProblem | undefined {
  if (!isIdentifier(claimed, maxClientIdLength)) return { reason: 'claim_missing', claim: 'client_id' };
  if (clients && !Object.hasOwn(clients, claimed)) return { reason: 'client_not_listed' };
  return (clients ? clients[claimed] : claimed) === clientId ? undefined : { reason: 'client_mismatch' };
}

/** Compares the claims of a verified assertion. Scope, resource and key binding come after. @returns undefined for {@link CheckedClaims} */
export function checkClaims(
  claims: Readonly<Record<string, unknown>>,
  expected: Expectation,
): IdJagProblem | undefined {
  if (!isOnlyAudience(claims.aud, expected.issuer)) return { reason: 'wrong_audience' };
  const problem = checkClient(claims.client_id, expected);
  if (problem) return problem;
  if (!isIdentifier(claims.sub)) return { reason: 'claim_missing', claim: 'sub' };
  if (!isIdentifier(claims.jti)) return { reason: 'claim_missing', claim: 'jti' };
  const untimely = checkTimes(claims, expected);
  if (untimely) return untimely;
  // Not understood, so it would be ignored, and more would be given than was meant (RFC 9396 section 2).
  if (claims.authorization_details !== undefined) return { reason: 'authorization_details_unsupported' };
  return undefined;
}

/** A key that the presenter must prove to hold (RFC 7800): by DPoP, or not at all. @param proven thumbprint of the request's proof */
export function checkConfirmation(confirmation: unknown, proven: string | undefined): IdJagProblem | undefined {
  if (confirmation === undefined) return undefined;
  const { jkt, ...others } = (confirmation ?? {}) as { jkt?: unknown };
  if (typeof jkt !== 'string' || Object.keys(others).length > 0) return { reason: 'confirmation_unsupported' };
  if (proven === undefined) return { reason: 'proof_missing' };
  return proven === jkt ? undefined : { reason: 'proof_of_other_key' };
}
