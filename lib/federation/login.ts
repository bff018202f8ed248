import { type EventSink, resourceMember } from '../shared/events.ts';
import { newFlowId } from '../shared/flow-id.ts';
import { type Endpoint, type Exchange, redirect } from '../shared/http.ts';
import type { Identities, Identity } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { LoginRequest } from '../shared/login-request.ts';
import type { Pages } from '../shared/pages/pages.ts';
import type { KeptTokens } from '../shared/provider-tokens.ts';
import type { SignIn, SignIns } from '../shared/sign-ins.ts';
import { isStorable } from './claim-path.ts';
import type { IdentityProvider, SignedIn } from './identity-provider.ts';
import { describeLoginProblem, LoginError, wireError } from './login-error.ts';
import { requireFresh } from './login-freshness.ts';
import { type LoginState, type LoginStateProblem, type LoginStates, loginContext } from './login-state.ts';

export interface LoginOptions {
  readonly identityProvider: IdentityProvider;
  readonly states: LoginStates;
  readonly events: EventSink;
  readonly finish: FinishLogin;
  /** The redirect URI registered at the identity provider. */
  readonly redirectUri: (issuer: Issuer) => string;
  /** Its name among several. */
  readonly provider: string | undefined;
}

export interface Login {
  readonly start: (exchange: Exchange, request: LoginRequest) => Promise<void>;
  readonly callback: Endpoint;
}

/** Ends a login one way or the other; the authorization request goes on or fails at the client. */
export interface FinishLogin {
  /** @param signedIn what the identity provider gave besides the identity, where there is one */
  succeed(
    exchange: Exchange,
    state: LoginState,
    signedIn: Pick<SignedIn, 'identity'> & Partial<SignedIn>,
  ): Promise<void>;
  fail(exchange: Exchange, state: LoginState, error: LoginError): Promise<void>;
  /** The identity provider is down before the browser left: a page from which the person tries again, nothing is lost. */
  unavailable(exchange: Exchange, state: LoginState, error: LoginError): void;
  /** The callback belongs to no login of this browser: a page, and nothing more. */
  refuse(exchange: Exchange, problem: LoginStateProblem): void;
}

export interface FinishOptions {
  readonly identities: Identities;
  readonly signIns: SignIns;
  readonly events: EventSink;
  readonly pages: Pages;
  readonly complete: (
    exchange: Exchange,
    uid: string,
    login: { accountId: string; signInId: string },
  ) => Promise<boolean>;
  /** The app's word on the person, before anything is kept. @returns false where it refused and the person was told */
  readonly admit: (exchange: Exchange, uid: string, identity: Identity) => Promise<boolean>;
  /** Keeps the provider's tokens where somebody needs them. */
  readonly keepTokens: (issuer: Issuer, signInId: string, login: Omit<KeptTokens, 'version'>) => Promise<void>;
  readonly failInteraction: (
    exchange: Exchange,
    uid: string,
    error: { code: string; description: string; flowId: string },
  ) => Promise<boolean>;
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && isStorable(value) ? value : undefined;

/** The sign-in as the identity provider names it; without an ID token by the identity alone. */
function signInOf(
  accountId: string,
  { identity, idTokenClaims, tokens }: Parameters<FinishLogin['succeed']>[2],
  provider: string | undefined,
): SignIn {
  const { iss, sub, sid, auth_time: authTime } = idTokenClaims ?? {};
  const [sessionId, idToken] = [text(sid), tokens?.idToken];
  const now = Math.floor(Date.now() / 1000);
  return {
    accountId,
    iss: text(iss) ?? identity.iss,
    subject: text(sub) ?? identity.sub,
    authTime: typeof authTime === 'number' && authTime < now ? authTime : now,
    ...(provider !== undefined && { provider }),
    ...(sessionId !== undefined && { sid: sessionId }),
    ...(idToken !== undefined && { idToken }),
  };
}

/** What happens after the identity provider, or the dev login, has spoken. */
export function createFinishLogin({
  identities,
  signIns,
  events,
  pages,
  complete,
  admit,
  keepTokens,
  failInteraction,
}: FinishOptions): FinishLogin {
  const expired = (exchange: Exchange, flowId: string) =>
    pages.send(exchange, 'error', { kind: 'signInExpired', code: 'invalid_request', flowId }, { status: 400 });

  return {
    async succeed(exchange, state, signedIn) {
      const { uid, flowId, provider } = state;
      const { identity, tokens } = signedIn;
      if (!(await admit(exchange, uid, identity))) return;
      const accountId = await identities.remember(exchange.issuer, identity);
      const signInId = await signIns.begin(exchange.issuer, signInOf(accountId, signedIn, provider));
      if (tokens) await keepTokens(exchange.issuer, signInId, { tokens, accountId, provider });
      if (!(await complete(exchange, uid, { accountId, signInId }))) {
        events.emit({ type: 'login.failed', ...loginContext(state), reason: 'authorization_request_expired' });
        return expired(exchange, flowId);
      }
      const { iss: identityIssuer, sub } = identity;
      events.emit({ type: 'login.succeeded', ...loginContext(state), subject: accountId, identityIssuer, sub });
    },

    async fail(exchange, state, { problem }) {
      const { uid, flowId } = state;
      events.emit({ type: 'login.failed', ...loginContext(state), reason: describeLoginProblem(problem) });
      if (!(await failInteraction(exchange, uid, { ...wireError(problem), flowId }))) expired(exchange, flowId);
    },

    unavailable(exchange, state, { problem }) {
      const { flowId } = state;
      events.emit({ type: 'login.failed', ...loginContext(state), reason: describeLoginProblem(problem) });
      exchange.res.setHeader('retry-after', String(retryAfterSeconds));
      // The page that led here, opened again, leads here again.
      const { pathname, search } = exchange.url;
      const next = { label: 'tryAgain', href: `${pathname}${search}` } as const;
      const content = { kind: 'providerUnavailable', code: 'temporarily_unavailable', flowId, next } as const;
      pages.send(exchange, 'error', content, { status: 503 });
    },

    refuse(exchange, problem) {
      const flowId = newFlowId();
      events.emit({ type: 'login.failed', flowId, reason: problem });
      expired(exchange, flowId);
    },
  };
}

/** How soon another attempt makes sense (RFC 9110 section 10.2.3). */
const retryAfterSeconds = 5;

const maxCallbackLength = 8 * 1024;

/** Sign-in at the company's identity provider: authorization code with PKCE, state and nonce. */
export function createLogin({ identityProvider, states, events, finish, redirectUri, provider }: LoginOptions): Login {
  /**
   * `prompt=login` asks for no `auth_time` (OpenID Connect Core section 2), so that one is only held to it that is there and
   * of a provider that can be asked for a login.
   */
  async function requireFreshLogin({ notBefore, ...state }: LoginState, authTime: unknown): Promise<void> {
    const known = typeof authTime === 'number' ? authTime : undefined;
    const isHeld = notBefore !== undefined && known !== undefined && (await identityProvider.asksForLogin());
    requireFresh({ ...state, ...(isHeld && { notBefore }) }, known);
  }

  return {
    async start(exchange, request) {
      const { uid, flowId, clientId, prompt, loginHint, maxAge, acrValues } = request;
      const now = Math.floor(Date.now() / 1000);
      const login: LoginState = {
        uid,
        flowId,
        clientId,
        ...resourceMember(request.resource),
        nonce: randomToken(),
        codeVerifier: randomToken(),
        ...(provider !== undefined && { provider }),
        ...(maxAge !== undefined && { maxAge }),
        ...(prompt?.split(' ').includes('login') && { notBefore: now }),
      };
      const ttlSeconds = Math.max(1, request.expiresAt - now);
      const state = await states.begin(exchange, login, ttlSeconds);
      try {
        const location = await identityProvider.authorizationUrl({
          state,
          nonce: login.nonce,
          codeVerifier: login.codeVerifier,
          redirectUri: redirectUri(exchange.issuer),
          ...(prompt !== undefined && { prompt }),
          ...(loginHint !== undefined && { loginHint }),
          ...(maxAge !== undefined && { maxAge }),
          ...(acrValues !== undefined && { acrValues }),
        });
        events.emit({ type: 'login.started', ...loginContext(login) });
        redirect(exchange.res, location);
      } catch (error) {
        if (!(error instanceof LoginError)) throw error;
        if (error.problem.reason === 'provider_unreachable') return finish.unavailable(exchange, login, error);
        await finish.fail(exchange, login, error);
      }
    },

    async callback(exchange) {
      const { req, url } = exchange;
      if (req.method !== 'GET' || url.search.length > maxCallbackLength)
        return finish.refuse(exchange, 'state_missing');
      const repeated = ['state', 'code', 'error', 'iss'].some((name) => url.searchParams.getAll(name).length > 1);
      const given = repeated ? null : url.searchParams.get('state');
      const state = await states.take(exchange, given, provider);
      if (typeof state === 'string') return finish.refuse(exchange, state);
      try {
        const signedIn = await identityProvider.redeem(callbackUrl(exchange, redirectUri(exchange.issuer)), {
          ...state,
          state: given as string,
        });
        await requireFreshLogin(state, signedIn.idTokenClaims.auth_time);
        await finish.succeed(exchange, state, signedIn);
      } catch (error) {
        if (!(error instanceof LoginError)) throw error;
        await finish.fail(exchange, state, error);
      }
    },
  };
}

/** The callback as the redirect URI spells it: token requests repeat that string exactly. */
function callbackUrl({ url }: Exchange, redirectUri: string): URL {
  const callback = new URL(redirectUri);
  callback.search = url.search;
  return callback;
}

function randomToken(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url');
}
