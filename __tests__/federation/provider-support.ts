/** This server as the client of a fake identity provider on loopback, without a gateway around it. */
import {
  createIdentityProvider,
  type IdentityProvider,
  type SignedIn,
} from '../../lib/federation/identity-provider.ts';
import type { OidcLogin } from '../../lib/federation/resolve-login-options.ts';
import type { McpOAuthOptions } from '../../lib/index.ts';
import { resolveOptions } from '../../lib/resolve-options.ts';
import { createOutbound } from '../../lib/shared/outbound.ts';
import {
  type FakeIdentityProvider,
  type FakeIdentityProviderOptions,
  startIdentityProvider,
} from '../../lib/testing.ts';

const redirectUri = 'http://127.0.0.1:1/oauth/callback';
const nonce = 'the nonce';
const codeVerifier = 'v'.repeat(43);

type LoginOptions = Pick<McpOAuthOptions, 'oidc' | 'browserLogin' | 'identity'>;

export interface ProviderClient {
  readonly idp: FakeIdentityProvider;
  /** The provider by these options, merged over issuer, client id and secret. */
  connect(options?: Partial<LoginOptions>): { provider: IdentityProvider; signIn(user?: string): Promise<SignedIn> };
  /** Signs in once. @throws LoginError */
  signIn(options?: Partial<LoginOptions>, user?: string): Promise<SignedIn>;
  /** The token request of the last login. */
  tokenRequest(): FakeIdentityProvider['requests'][number];
  close(): Promise<void>;
}

export async function startProviderClient(options: FakeIdentityProviderOptions = {}): Promise<ProviderClient> {
  const idp = await startIdentityProvider({ redirectUris: [redirectUri], ...options });

  function resolve({ oidc, browserLogin, identity }: Partial<LoginOptions>): OidcLogin {
    const { issuer, clientId, clientSecret } = idp;
    const endpoints = { url: `${issuer}/authorize`, tokenUrl: `${issuer}/token` };
    const isPlain = oidc?.protocol === 'oauth2';
    const { login } = resolveOptions({
      oidc: { issuer, ...(isPlain && { userinfoUrl: `${issuer}/userinfo` }), ...oidc },
      browserLogin: {
        clientId,
        ...(browserLogin?.clientAuthMethod === undefined && { clientSecret }),
        ...(isPlain && endpoints),
        ...browserLogin,
      },
      ...(identity && { identity }),
    });
    if (login.kind !== 'oidc') throw new Error(`a login of kind ${login.kind}`);
    return login;
  }

  const client: ProviderClient = {
    idp,
    connect(given = {}) {
      const provider = createIdentityProvider(resolve(given), createOutbound({ loopbackAddress: '127.0.0.1' }));
      return {
        provider,
        async signIn(user = 'alice') {
          const request = { state: 'the state', nonce, codeVerifier, redirectUri };
          const callback = idp.signIn(await provider.authorizationUrl(request), user);
          return provider.redeem(new URL(callback), request);
        },
      };
    },
    signIn: (given, user) => client.connect(given).signIn(user),
    tokenRequest() {
      const found = idp.requests.findLast(({ path }) => path === '/token');
      if (!found) throw new Error('no token request');
      return found;
    },
    close: () => idp.close(),
  };
  return client;
}
