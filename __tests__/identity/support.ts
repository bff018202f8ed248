/** A gateway whose preset signs people in at the fake provider of its profile, under the provider's own host names. */
import type { McpOAuthOptions } from '../../lib/index.ts';
import { type FakeIdentityProvider, startIdentityProvider } from '../../lib/testing.ts';
import { type Browser, createBrowser } from '../helpers/browser.ts';
import { callbackOf, createOAuthClient, type OAuthClient, send } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';
import { callPreset } from './call-preset.ts';
import type { Row } from './rows.ts';

export interface PresetLogin {
  readonly idp: FakeIdentityProvider;
  readonly gateway: ObservedGateway;
  readonly client: OAuthClient;
  browser(): Browser;
  /** The whole way as a person. @returns the parameters at the client's redirect URI */
  login(browser?: Browser, user?: string): Promise<Record<string, string>>;
  /** What the MCP route sees of the bearer of this token. */
  userOf(accessToken: unknown): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

export type PresetLoginOptions = Partial<McpOAuthOptions> & {
  /** What the gateway's connections go by. @defaultValue the fake provider's own `outbound` */
  readonly outboundOf?: (idp: FakeIdentityProvider) => McpOAuthOptions['outbound'];
};

export async function startPresetLogin(row: Row, more: PresetLoginOptions = {}): Promise<PresetLogin> {
  const idp = await startIdentityProvider({ profile: row.profile, hosts: 'real' });
  const { clientId, clientSecret } = idp;
  const preset = callPreset(row, { ...row.options, clientId, clientSecret });
  const { browserLogin, identity, outboundOf, ...rest } = more;
  const gateway = await startObservedGateway({
    options: () => ({
      ...preset,
      browserLogin: { ...preset.browserLogin, ...browserLogin },
      identity: { ...preset.identity, ...identity },
      outbound: outboundOf?.(idp) ?? idp.outbound,
      gateway: { tokenCacheSeconds: 0 },
      ...rest,
    }),
    routes: (app, auth) => {
      app.all('/mcp', auth.authenticate('/mcp'), (req, res) => res.json((req as { user?: unknown }).user));
    },
  });
  idp.redirectUris.push(`${gateway.url}/oauth/callback`);
  idp.postLogoutRedirectUris.push(`${gateway.url}/oauth/logout/done`);
  const client = await createOAuthClient(gateway.url);
  const origins = Object.values(idp.metadata).flatMap((value) =>
    typeof value === 'string' && value.startsWith('https://') ? [new URL(value).origin] : [],
  );
  const reverseProxy = Object.fromEntries([...origins, ...originOf(row.logout)].map((origin) => [origin, idp.url]));

  const started: PresetLogin = {
    idp,
    gateway,
    client,
    browser: () =>
      createBrowser({ reverseProxy, stopAt: (url) => url.startsWith(client.redirectUri), now: () => Date.now() }),

    async login(browser = started.browser(), user = 'alice') {
      const approval = await browser.get(client.authorizeUrl());
      const page = await browser.submit(approval, 'csrf', { decision: 'approve' });
      const isSignIn = page.forms.some(({ controls }) => controls.some(({ name }) => name === 'login'));
      return callbackOf(isSignIn ? await browser.submit(page, 'login', { login: user }) : page);
    },

    async userOf(accessToken) {
      const headers = { authorization: `Bearer ${String(accessToken)}` };
      const { status, json, text } = await send(`${gateway.url}/mcp`, { headers });
      if (status !== 200 || json === undefined) throw new Error(`the MCP route answered ${status}: ${text}`);
      return json;
    },

    async close() {
      await gateway.close();
      await idp.close();
    },
  };
  return started;
}

function originOf(url: string | undefined): string[] {
  return url === undefined ? [] : [new URL(url).origin];
}
