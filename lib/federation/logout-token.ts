import { type JWTHeaderParameters, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { LoginError } from './login-error.ts';

/** Whom an identity provider has signed out. */
export interface LogoutClaims {
  readonly iss: string;
  readonly jti: string;
  /** UNIX seconds from which on the token is refused by its times alone. */
  readonly usableUntil: number;
  /** At least one of both. */
  readonly sub?: string;
  readonly sid?: string;
}

export interface LogoutTokenExpectation {
  readonly keys: JWTVerifyGetKey;
  readonly issuer: string[];
  readonly clientId: string;
  readonly algorithms: readonly string[];
}

/** A logout token is not one. The message is exact, for events; the caller sees `invalid_request`. */
export class LogoutTokenError extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'LogoutTokenError';
  }
}

const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout';
const maxTokenBytes = 16 * 1024;
const maxTokenAgeSeconds = 600;
const clockToleranceSeconds = 60;
const name = /^[^\0\p{Surrogate}]{1,512}$/u;

const isName = (value: unknown): value is string => typeof value === 'string' && name.test(value);

/** Another kind of token of the same issuer is never taken for one (RFC 8725 section 3.11). Old providers name no type. */
function requireType({ typ }: JWTHeaderParameters): void {
  const type = typ?.toLowerCase().replace(/^application\//, '');
  if (type !== undefined && type !== 'logout+jwt' && type !== 'jwt')
    throw new LogoutTokenError('typ is another token’s');
}

/** What tells it from an ID token (OpenID Connect Back-Channel Logout 1.0 section 2.6). */
function readClaims(payload: JWTPayload): LogoutClaims {
  const { iss, jti, exp, iat, sub, sid, events } = payload as JWTPayload & { sid?: unknown; events?: unknown };
  const event = typeof events === 'object' && events !== null ? Object.entries(events) : [];
  const isLogout = event.some(([type, value]) => type === logoutEvent && typeof value === 'object' && value !== null);
  if (!isLogout) throw new LogoutTokenError('events names no back-channel logout');
  if ('nonce' in payload) throw new LogoutTokenError('nonce is present');
  if (!isName(jti)) throw new LogoutTokenError('jti is missing or malformed');
  if (sub === undefined && sid === undefined) throw new LogoutTokenError('neither sub nor sid');
  if (sub !== undefined && !isName(sub)) throw new LogoutTokenError('sub is malformed');
  if (sid !== undefined && !isName(sid)) throw new LogoutTokenError('sid is malformed');
  return {
    iss: iss as string,
    jti,
    // However long it says that it lives: its use is remembered as long.
    usableUntil: Math.ceil(Math.min(exp as number, (iat as number) + maxTokenAgeSeconds)) + clockToleranceSeconds + 1,
    ...(sub !== undefined && { sub }),
    ...(sid !== undefined && { sid }),
  };
}

/**
 * Verifies a logout token: type, signature, issuer, audience, times, event and names. Its one use is the caller's to see to.
 * OpenID Connect Back-Channel Logout 1.0 section 2.6.
 * @throws LogoutTokenError
 * @throws LoginError where the provider's keys cannot be had
 */
export async function verifyLogoutToken(token: string, expected: LogoutTokenExpectation): Promise<LogoutClaims> {
  if (token.length > maxTokenBytes) throw new LogoutTokenError('too large');
  const { keys, issuer, clientId } = expected;
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      algorithms: [...expected.algorithms],
      issuer,
      audience: clientId,
      clockTolerance: clockToleranceSeconds,
      maxTokenAge: maxTokenAgeSeconds,
      requiredClaims: ['iss', 'aud', 'iat', 'exp', 'jti', 'events'],
    });
    requireType(protectedHeader as JWTHeaderParameters);
    if ([payload.aud].flat().some((audience) => audience !== clientId))
      throw new LogoutTokenError('an audience is another client');
    return readClaims(payload);
  } catch (cause) {
    if (cause instanceof LogoutTokenError || cause instanceof LoginError) throw cause;
    const { code = '', message } = cause as Error & { code?: string };
    if (!code.startsWith('ERR_J')) throw cause;
    throw new LogoutTokenError(message, { cause });
  }
}
