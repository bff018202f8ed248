import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const server = 'https://supabase.com/docs/guides/auth/oauth-server/getting-started';
const base = 'https://{projectRef}.supabase.co/auth/v1';

/** A Supabase project with its OAuth 2.1 server and asymmetric signing keys. */
export const supabase: ProviderProfile = {
  name: 'supabase',
  title: 'Supabase',
  parameters: { projectRef: 'abcdefghijklmnopqrst' },
  metadata: {
    ...documented(server, {
      issuer: base,
      authorization_endpoint: `${base}/oauth/authorize`,
      token_endpoint: `${base}/oauth/token`,
      userinfo_endpoint: `${base}/oauth/userinfo`,
      jwks_uri: `${base}/.well-known/jwks.json`,
    }),
    ...assumed(server, {
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256', 'RS256'],
      scopes_supported: ['openid', 'profile', 'email', 'phone'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      code_challenge_methods_supported: ['S256', 'plain'],
    }),
  },
  behaviour: {
    ...standardBehaviour,
    ...documented('https://supabase.com/docs/guides/auth/signing-keys', { signingAlgorithm: 'ES256' }),
    ...assumed(server, {
      accessToken: 'jwt',
      refreshToken: 'always',
      refusedScopes: ['offline_access'],
      logout: 'none',
    }),
  },
  scopedClaims: standardScopedClaims,
  users: {
    alice: {
      idToken: {
        ...alice,
        sub: '4b1d2c3e-0000-4000-8000-00000000000a',
        app_metadata: { provider: 'email', roles: ['admin', 'user'] },
        user_metadata: { roles: ['self-made'] },
        role: 'authenticated',
      },
    },
    bob: {
      idToken: {
        ...bob,
        sub: '4b1d2c3e-0000-4000-8000-00000000000b',
        app_metadata: { provider: 'email', roles: ['user'] },
        role: 'authenticated',
      },
    },
  },
};
