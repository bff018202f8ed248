import type { EventSink } from '../shared/events.ts';
import type { Endpoint, Exchange } from '../shared/http.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { LoginRequest } from '../shared/login-request.ts';
import type { OidcProvider } from '../shared/oidc-provider.ts';
import type { Outbound } from '../shared/outbound.ts';
import type { Pages } from '../shared/pages/pages.ts';
import type { Resources } from '../shared/resources.ts';
import type { SignIn, SignIns } from '../shared/sign-ins.ts';
import { createAppSession } from './app-session.ts';
import { createDevLogin } from './dev-login.ts';
import { createIdentityProvider, type IdentityProvider } from './identity-provider.ts';
import type { NamedLogin } from './identity-providers-options.ts';
import { createLogin, type FinishLogin, type Login } from './login.ts';
import type { LoginStates } from './login-state.ts';
import { createOwnLogin } from './own-login.ts';
import { chooseProvider } from './provider-choice.ts';
import { namedLogins, providerHosts, type ResolvedLogin } from './resolve-login-options.ts';

export interface LoginsOptions {
  /** An outbound client that may reach hosts the operator named. */
  readonly outbound: (hosts: readonly string[]) => Outbound;
  readonly provider: (issuer: Issuer) => Promise<{ provider: OidcProvider }>;
  readonly states: LoginStates;
  readonly signIns: SignIns;
  readonly resources: Resources;
  readonly events: EventSink;
  readonly pages: Pages;
  readonly finish: FinishLogin;
  /** Public paths, without the issuer's prefix. */
  readonly paths: { readonly callback: string; readonly devLogin: string };
}

/** Every way in: one identity provider or several, the app's own login, or the development's. */
export interface Logins {
  readonly start: (exchange: Exchange, request: LoginRequest) => Promise<void>;
  /** What serves the way back, by path after the issuer's prefix. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly identityProviders: readonly IdentityProvider[];
  /** The one of a sign-in; without a name the only one. */
  identityProvider(name: string | undefined): IdentityProvider | undefined;
  /** Ends the login where it was made. @returns where the browser goes for that; undefined where it goes nowhere @throws LoginError */
  leave(exchange: Exchange, signIn: SignIn, returnUri: string): Promise<string | undefined>;
  /** Ends a browser's session that its login does not stand behind any more. @throws LoginError */
  settleSession(exchange: Exchange): Promise<void>;
}

type Provider = Omit<NamedLogin, 'login'> &
  Pick<IdentityProvider, 'issues'> & {
    readonly identityProvider: IdentityProvider;
    readonly login: Login;
    readonly path: string;
  };

/** A page that needs no approval is asked again with the choice in its query. */
function choiceInQuery({ url }: Exchange): LoginRequest['choice'] {
  return { provider: url.searchParams.get('identity_provider'), email: url.searchParams.get('email') };
}

/** The page is sent where it came from: with the approval that was given already, or with the same query. */
function chooserForm({ issuer, path, url }: Exchange, { approval }: LoginRequest) {
  if (approval) {
    const { action, csrf, remember } = approval;
    const fields = [
      ['csrf', csrf],
      ['decision', 'approve'],
      ...(remember ? [['remember', 'yes'] as const] : []),
    ] as const;
    return { method: 'post' as const, action, fields };
  }
  const fields = [...url.searchParams].filter(([name]) => name !== 'identity_provider' && name !== 'email');
  return { method: 'get' as const, action: `${issuer.pathPrefix}${path}`, fields };
}

const nobody = { identityProviders: [], identityProvider: () => undefined };

export function createLogins(login: ResolvedLogin, options: LoginsOptions): Logins {
  const { states, events, pages, finish, paths, resources } = options;

  if (login.kind === 'dev') {
    const dev = createDevLogin({ states, events, finish, pages, path: paths.devLogin });
    return {
      ...nobody,
      start: dev.start,
      endpoints: new Map([[paths.devLogin, dev.callback]]),
      leave: async () => undefined,
      settleSession: async () => undefined,
    };
  }

  if (login.kind === 'own') {
    const own = createOwnLogin({ login, states, events, finish, callbackPath: paths.callback });
    return {
      ...nobody,
      start: own.start,
      endpoints: new Map([[paths.callback, own.callback]]),
      ...createAppSession({ login, accountOf: own.accountOf, ...options }),
    };
  }

  // Several have a redirect URI each, so that no answer of one is taken for another's (RFC 9700 section 4.4.2.1).
  const providers = namedLogins(login).map(({ login: settings, ...named }): Provider => {
    const path = named.id === undefined ? paths.callback : `${paths.callback}/${named.id}`;
    const identityProvider = createIdentityProvider(settings, options.outbound(providerHosts(settings)));
    const redirectUri = (issuer: Issuer) => `${issuer.identifier}${path}`;
    const way = createLogin({ identityProvider, states, events, finish, redirectUri, provider: named.id });
    return { ...named, path, identityProvider, login: way, issues: identityProvider.issues };
  });

  async function start(exchange: Exchange, request: LoginRequest): Promise<void> {
    const { issuer } = exchange;
    const accepted = resources.resolve(issuer, request.resource ?? '')?.identityProviders;
    const { choice = choiceInQuery(exchange) } = request;
    const chosen = chooseProvider(providers, accepted, { ...request, choice });
    if (chosen.kind === 'chosen') {
      const { provider, loginHint } = chosen;
      return provider.login.start(exchange, { ...request, ...(loginHint !== undefined && { loginHint }) });
    }
    const { candidates, isUnknownEmail } = chosen;
    const content = {
      providers: candidates.map(({ id, displayName }) => ({ id: id ?? '', name: displayName })),
      asksEmail: candidates.some(({ emailDomains }) => emailDomains.length > 0),
      isUnknownEmail,
      form: chooserForm(exchange, request),
    };
    // The form leads on to the provider, and to whomever it sends the person to.
    const formAction = [request.redirectSource, issuer.isLoopback ? 'http:' : 'https:'];
    pages.send(exchange, 'chooser', content, { formAction, uiLocales: request.uiLocales });
  }

  const byName = (name: string | undefined) => providers.find(({ id }) => id === name)?.identityProvider;
  return {
    start,
    endpoints: new Map(providers.map(({ path, login: way }) => [path, way.callback])),
    identityProviders: providers.map(({ identityProvider }) => identityProvider),
    identityProvider: byName,
    leave: async (_exchange, { provider, idToken }, returnUri) => byName(provider)?.logoutUrl({ idToken, returnUri }),
    settleSession: async () => undefined,
  };
}
