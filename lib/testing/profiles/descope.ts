import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const endpoints = 'https://docs.descope.com/getting-started/oidc-endpoints';
const api = 'https://api.descope.com';

/** A project of Descope as OpenID Connect provider. */
export const descope: ProviderProfile = {
  name: 'descope',
  title: 'Descope',
  parameters: { projectId: 'P2acmeAAAAAAAAAAAAAAAAAAAAAA' },
  metadata: {
    ...documented(endpoints, {
      issuer: `${api}/{projectId}`,
      authorization_endpoint: `${api}/oauth2/v1/authorize`,
      token_endpoint: `${api}/oauth2/v1/token`,
      userinfo_endpoint: `${api}/oauth2/v1/userinfo`,
      revocation_endpoint: `${api}/oauth2/v1/revoke`,
      end_session_endpoint: `${api}/oauth2/v1/logout`,
      jwks_uri: `${api}/{projectId}/.well-known/jwks.json`,
    }),
    ...assumed(endpoints, {
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid', 'profile', 'email', 'descope.claims', 'descope.custom_claims', 'offline_access'],
      token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic', 'none'],
      code_challenge_methods_supported: ['S256'],
    }),
  },
  behaviour: { ...standardBehaviour, ...assumed(endpoints, { accessToken: 'jwt', refreshToken: 'offline_access' }) },
  scopedClaims: { ...standardScopedClaims, 'descope.claims': ['roles', 'permissions', 'tenants'] },
  users: {
    alice: {
      idToken: {
        ...alice,
        sub: 'U2aliceAAAAAAAAAAAAAAAAAAAAA',
        roles: ['admin', 'user'],
        permissions: ['files:write'],
        tenants: { T2acme: { roles: ['tenant-admin'] } },
      },
    },
    bob: { idToken: { ...bob, sub: 'U2bobBBBBBBBBBBBBBBBBBBBBBBB', roles: ['user'], tenants: {} } },
  },
};
