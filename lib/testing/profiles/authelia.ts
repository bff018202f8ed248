import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const introduction = 'https://www.authelia.com/integration/openid-connect/introduction/';

/** Authelia: its ID tokens say little, and it has no logout. */
export const authelia: ProviderProfile = {
  name: 'authelia',
  title: 'Authelia',
  parameters: { autheliaUrl: 'https://auth.acme.example' },
  metadata: {
    ...documented(introduction, {
      issuer: '{autheliaUrl}',
      authorization_endpoint: '{autheliaUrl}/api/oidc/authorization',
      token_endpoint: '{autheliaUrl}/api/oidc/token',
      userinfo_endpoint: '{autheliaUrl}/api/oidc/userinfo',
      introspection_endpoint: '{autheliaUrl}/api/oidc/introspection',
      revocation_endpoint: '{autheliaUrl}/api/oidc/revocation',
      jwks_uri: '{autheliaUrl}/jwks.json',
      scopes_supported: ['openid', 'offline_access', 'profile', 'groups', 'email'],
    }),
    ...assumed(introduction, {
      response_types_supported: ['code'],
      subject_types_supported: ['public', 'pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    }),
  },
  behaviour: {
    ...standardBehaviour,
    ...documented(introduction, { logout: 'none', refreshToken: 'offline_access', accessToken: 'opaque' }),
    ...assumed(introduction, { authorizedParty: true }),
  },
  scopedClaims: { ...standardScopedClaims, groups: ['groups'] },
  users: {
    alice: {
      idToken: { sub: 'c0ffee00-0000-4000-8000-00000000000a' },
      userinfo: { ...alice, sub: 'c0ffee00-0000-4000-8000-00000000000a', groups: ['admin', 'user'] },
    },
    bob: {
      idToken: { sub: 'c0ffee00-0000-4000-8000-00000000000b' },
      userinfo: { ...bob, sub: 'c0ffee00-0000-4000-8000-00000000000b', groups: ['user'] },
    },
  },
};
