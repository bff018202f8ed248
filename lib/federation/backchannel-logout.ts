import { decodeJwt } from 'jose';
import type { EventSink } from '../shared/events.ts';
import { BodyError, type Endpoint, type Exchange, readForm, sendJson } from '../shared/http.ts';
import { accountIdOf } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';
import type { SignIns } from '../shared/sign-ins.ts';
import type { Storage } from '../storage/storage.ts';
import { LoginError } from './login-error.ts';
import { type LogoutClaims, LogoutTokenError } from './logout-token.ts';

/** An identity provider that says when somebody signed out there. */
export interface LogoutSource {
  /** Whether a token with this `iss` would be one of its own. */
  issues(iss: string): boolean;
  /** @throws LogoutTokenError @throws LoginError */
  verifyLogoutToken(token: string): Promise<LogoutClaims>;
}

export interface BackchannelLogoutOptions {
  readonly storage: Storage;
  readonly signIns: SignIns;
  /** Ends grants of an account or of a sign-in; see the grants stage. @returns how many */
  readonly endGrants: (owner: { index: 'account' | 'signIn'; key: string }) => Promise<number>;
  readonly sources: readonly LogoutSource[];
  readonly events: EventSink;
}

const kind = 'LogoutToken';

function sourceOf(token: string, sources: readonly LogoutSource[]): LogoutSource {
  let iss: unknown;
  try {
    iss = decodeJwt(token).iss;
  } catch (cause) {
    throw new LogoutTokenError('not a JWT', { cause });
  }
  // Nothing is fetched for an issuer that nobody configured.
  const source = sources.find((candidate) => typeof iss === 'string' && candidate.issues(iss));
  if (!source) throw new LogoutTokenError('iss is no identity provider of this server');
  return source;
}

/**
 * The identity provider tells that somebody signed out there: their sessions end here, and what clients were granted in
 * them. OpenID Connect Back-Channel Logout 1.0.
 */
export function createBackchannelLogout(options: BackchannelLogoutOptions): Endpoint {
  const { storage, signIns, endGrants, sources, events } = options;

  /** The sign-ins meant: by session where the token names one that is known, else by subject. */
  async function meant(issuer: Issuer, { iss, sub, sid }: LogoutClaims): Promise<{ key: string; accountId: string }[]> {
    const found = [];
    if (sid !== undefined) {
      for await (const signIn of signIns.findAll(issuer, { by: 'sid', iss, sid }))
        if (sub === undefined || signIn.subject === sub) found.push(signIn);
    }
    if (found.length > 0 || sub === undefined) return found;
    for await (const signIn of signIns.findAll(issuer, { by: 'subject', iss, subject: sub }))
      if (sid === undefined || signIn.sid === undefined) found.push(signIn);
    return found;
  }

  async function end(issuer: Issuer, claims: LogoutClaims): Promise<void> {
    const found = await meant(issuer, claims);
    const accounts = new Set(found.map(({ accountId }) => accountId));
    for (const { key } of found) await signIns.end(key);
    let grants = 0;
    for (const { key } of found) grants += await endGrants({ index: 'signIn', key });
    if (claims.sid === undefined && claims.sub !== undefined) {
      // The user as such: also what was granted without a sign-in that is still known.
      accounts.add(accountIdOf({ iss: claims.iss, sub: claims.sub }));
      for (const accountId of accounts)
        grants += await endGrants({ index: 'account', key: recordId(issuer, accountId) });
    }
    // Last: an outage before this leaves what is needed to try again.
    for (const { key } of found) await signIns.forget(key);
    events.emit({ type: 'session.ended', reason: 'backchannel logout', sessions: found.length, grants });
  }

  /** Of one token's uses one counts, on all replicas; one that was cut off by an outage may be sent again. */
  async function once(issuer: Issuer, claims: LogoutClaims, work: () => Promise<void>): Promise<void> {
    const id = recordId(issuer, JSON.stringify([claims.iss, claims.jti]));
    const { usableUntil: expiresAt } = claims;
    if (!(await storage.create(kind, id, { isDone: false }, { expiresAt }))) {
      const used = await storage.get(kind, id);
      if (used?.value.isDone !== false) throw new LogoutTokenError('used before');
    }
    await work();
    await storage.put(kind, id, { isDone: true }, { expiresAt });
  }

  async function logout(exchange: Exchange): Promise<void> {
    const given = (await readForm(exchange.req)).getAll('logout_token');
    const [token] = given;
    if (token === undefined || given.length > 1) throw new LogoutTokenError('not one logout_token');
    const claims = await sourceOf(token, sources).verifyLogoutToken(token);
    await once(exchange.issuer, claims, () => end(exchange.issuer, claims));
  }

  return async (exchange) => {
    const { req, res } = exchange;
    if (req.method !== 'POST') {
      return sendJson(res, 405, { error: 'invalid_request', error_description: 'use POST' }, { allow: 'POST' });
    }
    try {
      await logout(exchange);
    } catch (error) {
      if (error instanceof LoginError) {
        events.emit({ type: 'logout.refused', reason: `keys: ${error.message}` });
        const body = {
          error: 'temporarily_unavailable',
          error_description: 'the keys of the issuer cannot be had now',
        };
        return sendJson(res, 503, body, { 'retry-after': '5' });
      }
      if (!(error instanceof LogoutTokenError) && !(error instanceof BodyError)) throw error;
      events.emit({ type: 'logout.refused', reason: error.message });
      return sendJson(res, 400, { error: 'invalid_request', error_description: 'the logout token is not valid' });
    }
    res.statusCode = 200;
    res.setHeader('cache-control', 'no-store');
    res.setHeader('content-length', '0');
    res.end();
  };
}
