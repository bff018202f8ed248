import { type EventSink, resourceMember } from '../shared/events.ts';
import { type Exchange, redirect } from '../shared/http.ts';
import { accountIdOf, type Identity } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { LoginRequest } from '../shared/login-request.ts';
import { isStorable } from './claim-path.ts';
import type { FinishLogin, Login } from './login.ts';
import { LoginError } from './login-error.ts';
import { requireFresh } from './login-freshness.ts';
import { type LoginState, type LoginStates, loginContext } from './login-state.ts';
import type { OwnIdentity, ResolvedOwnLogin } from './own-login-options.ts';

export interface OwnLoginSettings {
  readonly login: ResolvedOwnLogin;
  readonly states: LoginStates;
  readonly events: EventSink;
  readonly finish: FinishLogin;
  /** Where the app's login page sends the browser back to, without the issuer's prefix. */
  readonly callbackPath: string;
}

/** Sign-in by the app's own session. */
export interface OwnLogin extends Login {
  /** Account that the app knows the browser as; undefined for nobody. @throws LoginError */
  accountOf(exchange: Exchange): Promise<string | undefined>;
}

interface AppUser {
  readonly identity: Identity;
  readonly authTime: number | undefined;
}

function failed(detail: string, options?: ErrorOptions): LoginError {
  return new LoginError({ reason: 'identity_hook_failed', detail: `authenticate: ${detail}` }, options);
}

/** What the app said, checked: it becomes a record. */
function toUser(issuer: Issuer, { sub, roles = [], claims = {}, authTime }: OwnIdentity): AppUser {
  if (typeof sub !== 'string' || sub === '' || !isStorable(sub)) throw failed('sub is no text');
  if (!Array.isArray(roles) || !roles.every((role) => typeof role === 'string' && isStorable(role)))
    throw failed('roles is no list of texts');
  let kept: Record<string, unknown>;
  try {
    const json = JSON.stringify(claims);
    if (!isStorable(json) || json.includes('\\u0000')) throw failed('claims hold text that cannot be stored');
    kept = JSON.parse(json);
  } catch (cause) {
    throw cause instanceof LoginError ? cause : failed('claims are no JSON', { cause });
  }
  if (typeof kept !== 'object' || kept === null || Array.isArray(kept)) throw failed('claims is no object');
  if (authTime !== undefined && !Number.isFinite(authTime)) throw failed('authTime is no number');
  return { identity: { iss: issuer.identifier, sub, roles: [...new Set<string>(roles)], claims: kept }, authTime };
}

export function createOwnLogin({ login, states, events, finish, callbackPath }: OwnLoginSettings): OwnLogin {
  async function userOf({ req, issuer }: Exchange): Promise<AppUser | undefined> {
    let given: OwnIdentity | undefined;
    try {
      given = await login.authenticate(req);
    } catch (cause) {
      throw failed(cause instanceof Error ? cause.name : 'rejected', { cause });
    }
    return given === undefined || given === null ? undefined : toUser(issuer, given);
  }

  async function succeed(exchange: Exchange, state: LoginState, user: AppUser): Promise<void> {
    requireFresh(state, user.authTime);
    const { identity, authTime } = user;
    const idTokenClaims = authTime === undefined ? {} : { auth_time: authTime };
    await finish.succeed(exchange, state, { identity, idTokenClaims });
  }

  /** To the app's login page, and back with a state that only this browser can use (RFC 9700 section 4.7). */
  async function leave(exchange: Exchange, state: LoginState, request: LoginRequest): Promise<void> {
    const { issuer, res } = exchange;
    const ttlSeconds = Math.max(1, request.expiresAt - Math.floor(Date.now() / 1000));
    const parameter = await states.begin(exchange, state, ttlSeconds);
    events.emit({ type: 'login.started', ...loginContext(state) });
    const query = new URLSearchParams({
      [login.returnParameter]: `${issuer.pathPrefix}${callbackPath}?state=${parameter}`,
      ...(request.prompt !== undefined && { prompt: request.prompt }),
      ...(request.loginHint !== undefined && { login_hint: request.loginHint }),
      ...(request.uiLocales !== undefined && { ui_locales: request.uiLocales }),
    });
    redirect(res, `${issuer.origin}${login.url}?${query}`);
  }

  return {
    async accountOf(exchange) {
      const user = await userOf(exchange);
      return user && accountIdOf(user.identity);
    },

    async start(exchange, request) {
      const { uid, flowId, clientId, prompt, maxAge } = request;
      const startedAt = Math.floor(Date.now() / 1000);
      const state: LoginState = {
        uid,
        flowId,
        clientId,
        ...resourceMember(request.resource),
        nonce: '',
        codeVerifier: '',
        ...(maxAge !== undefined && { maxAge }),
        ...(prompt?.includes('login') && { notBefore: startedAt }),
      };
      try {
        const user = prompt === undefined ? await userOf(exchange) : undefined;
        const isRecent = maxAge === undefined || (user?.authTime !== undefined && user.authTime >= startedAt - maxAge);
        if (user && isRecent) return await succeed(exchange, state, user);
        // Too long ago is asked again, as with `prompt=login`.
        await leave(exchange, state, user ? { ...request, prompt: 'login' } : request);
      } catch (error) {
        if (!(error instanceof LoginError)) throw error;
        await finish.fail(exchange, state, error);
      }
    },

    async callback(exchange) {
      const { req, url } = exchange;
      if (req.method !== 'GET') return finish.refuse(exchange, 'state_missing');
      const given = url.searchParams.getAll('state');
      const state = await states.take(exchange, given.length === 1 ? (given[0] as string) : null);
      if (typeof state === 'string') return finish.refuse(exchange, state);
      try {
        const user = await userOf(exchange);
        if (!user) throw new LoginError({ reason: 'refused_by_provider', error: 'login_required' });
        await succeed(exchange, state, user);
      } catch (error) {
        if (!(error instanceof LoginError)) throw error;
        await finish.fail(exchange, state, error);
      }
    },
  };
}
