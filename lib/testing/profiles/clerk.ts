import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const endpoints = 'PrefectHQ/fastmcp, server/auth/providers/clerk.py';

/** An instance of Clerk as OAuth identity provider. Its access tokens are opaque. */
export const clerk: ProviderProfile = {
  name: 'clerk',
  title: 'Clerk',
  parameters: { frontendApiUrl: 'https://acme.clerk.accounts.dev' },
  metadata: {
    ...documented(endpoints, {
      issuer: '{frontendApiUrl}',
      authorization_endpoint: '{frontendApiUrl}/oauth/authorize',
      token_endpoint: '{frontendApiUrl}/oauth/token',
      userinfo_endpoint: '{frontendApiUrl}/oauth/userinfo',
      jwks_uri: '{frontendApiUrl}/.well-known/jwks.json',
      introspection_endpoint: '{frontendApiUrl}/oauth/token_info',
      scopes_supported: ['openid', 'profile', 'email', 'public_metadata', 'private_metadata', 'offline_access'],
      code_challenge_methods_supported: ['S256'],
    }),
    ...assumed('OpenID Connect Discovery 1.0', {
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
    }),
  },
  behaviour: {
    ...standardBehaviour,
    ...documented(endpoints, { accessToken: 'opaque' }),
    ...assumed(endpoints, { refreshToken: 'offline_access', logout: 'none' }),
  },
  scopedClaims: { ...standardScopedClaims, public_metadata: ['public_metadata'] },
  users: {
    alice: {
      idToken: { sub: 'user_2aliceAAAAAAAAAAAAAAAAAAAA' },
      userinfo: {
        ...alice,
        sub: 'user_2aliceAAAAAAAAAAAAAAAAAAAA',
        user_id: 'user_2aliceAAAAAAAAAAAAAAAAAAAA',
        public_metadata: { roles: ['admin', 'user'] },
      },
    },
    bob: {
      idToken: { sub: 'user_2bobBBBBBBBBBBBBBBBBBBBBBB' },
      userinfo: {
        ...bob,
        sub: 'user_2bobBBBBBBBBBBBBBBBBBBBBBB',
        user_id: 'user_2bobBBBBBBBBBBBBBBBBBBBBBB',
        public_metadata: { roles: ['user'] },
      },
    },
  },
};
