/** A gateway that signs people in at a company's identity provider, both real and on loopback, and a client of it. */
import type { McpOAuthOptions } from '../../lib/index.ts';
import { type Browser, createBrowser, type Page } from '../helpers/browser.ts';
import {
  type IdentityProvider,
  type IdentityProviderOptions,
  startIdentityProvider,
} from '../helpers/identity-provider.ts';
import { callbackOf, createOAuthClient, type OAuthClient, type Parameters, send } from '../helpers/oauth-client.ts';
import { type Observed, type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

export interface Federation {
  readonly idp: IdentityProvider;
  readonly gateway: ObservedGateway;
  readonly client: OAuthClient;
  /** Stops at the client's redirect URI. Its clock is the test's. */
  browser(): Browser;
  /** Opens the authorization URL and allows the client. @returns the sign-in page, or what came in its place */
  approve(browser: Browser, overrides?: Parameters): Promise<Page>;
  /** The whole way. @returns the parameters at the client's redirect URI */
  login(browser?: Browser, user?: string, overrides?: Parameters): Promise<Record<string, string>>;
  /** Signs in, and stops before the browser comes back. @returns the callback URL */
  signInOnly(browser: Browser, user?: string, overrides?: Parameters): Promise<string>;
  /** Redeems a code and calls the MCP route. @returns `req.user` there */
  userOf(code: string | undefined): Promise<Record<string, unknown>>;
  /** Ends the test's misbehaviour and forgets the requests so far. */
  reset(): void;
  close(): Promise<void>;
}

export interface FederationSettings {
  readonly provider?: IdentityProviderOptions;
  /** Merged over issuer, client id and secret, member by member of each group. */
  readonly options?: (idp: IdentityProvider) => Partial<McpOAuthOptions>;
}

/** The gateway knows the issuer, client id and secret; the rest is found by discovery unless `options` says more. */
export async function startFederation({ provider, options }: FederationSettings = {}): Promise<Federation> {
  const idp = await startIdentityProvider(provider);
  const { oidc, browserLogin, ...rest } = options?.(idp) ?? {};
  const { issuer, clientId, clientSecret } = idp;
  const gateway = await startObservedGateway({
    options: () => ({
      oidc: { issuer, ...oidc },
      browserLogin: { clientId, clientSecret, ...browserLogin },
      gateway: { tokenCacheSeconds: 0 },
      ...rest,
    }),
    routes: (app, auth) => {
      app.all('/mcp', auth.authenticate('/mcp'), (req, res) => res.json((req as { user?: unknown }).user));
    },
  });
  idp.redirectUris.push(`${gateway.url}/oauth/callback`);
  const client = await createOAuthClient(gateway.url);

  const federation: Federation = {
    idp,
    gateway,
    client,

    browser: () => createBrowser({ stopAt: (url) => url.startsWith(client.redirectUri), now: () => Date.now() }),

    async approve(browser, overrides) {
      const page = await browser.get(client.authorizeUrl(overrides));
      return browser.submit(page, 'csrf', { decision: 'approve' });
    },

    async login(browser = federation.browser(), user = 'alice', overrides = {}) {
      const page = await federation.approve(browser, overrides);
      return callbackOf(isSignInPage(page) ? await browser.submit(page, 'login', { login: user }) : page);
    },

    async signInOnly(browser, user = 'alice', overrides = {}) {
      const stopAt = (url: string) => url.startsWith(`${gateway.url}/oauth/callback`);
      const consent = await browser.get(client.authorizeUrl(overrides));
      let page = await browser.submit(consent, 'csrf', { decision: 'approve' }, { stopAt });
      if (isSignInPage(page)) page = await browser.submit(page, 'login', { login: user }, { stopAt });
      if (page.location === undefined) throw new Error(`no callback: ${page.status} ${page.text}`);
      return page.location;
    },

    async userOf(code) {
      const tokens = await client.redeem(String(code));
      const headers = { authorization: `Bearer ${String(tokens.json?.access_token)}` };
      const answer = await send(`${gateway.url}/mcp`, { headers });
      if (answer.status !== 200) throw new Error(`no user: ${tokens.text} ${answer.status} ${answer.text}`);
      return answer.json ?? {};
    },

    reset() {
      idp.behave();
      idp.requests.length = 0;
    },

    async close() {
      await gateway.close();
      await idp.close();
      if (idp.errors.length > 0) throw new AggregateError(idp.errors, 'errors inside the identity provider');
    },
  };
  return federation;
}

/** The identity provider's own page with a field for the user's name. */
export function isSignInPage({ forms }: Page): boolean {
  return forms.some(({ controls }) => controls.some(({ name }) => name === 'login'));
}

/** What a failed login must look like at the client: the error with `state` and `iss`, and nothing of its cause. */
export function failure(federation: Federation, error: string, description: string): Record<string, string> {
  return { error, error_description: description, state: 'the state', iss: federation.gateway.url };
}

/** What a login writes that succeeded. Interactions, login states and clients come before it. */
export function keptRecords({ writes }: Pick<Observed<unknown>, 'writes'>): string[] {
  return writes.filter((write) =>
    /(SignIn|Identity|Grant|Session|AuthorizationCode|AccessToken|RefreshToken)$/.test(write),
  );
}

/** Ends the browser's session at the identity provider, as somebody else who sits down there would. */
export function leaveIdentityProvider({ idp }: Federation, browser: Browser): void {
  browser.setCookie(idp.issuer, 'idp_session=; Path=/; Max-Age=0');
}

/** Requests to one endpoint of the identity provider. */
export function requestsTo({ idp }: Federation, path: string): IdentityProvider['requests'] {
  return idp.requests.filter((request) => request.path === path);
}
