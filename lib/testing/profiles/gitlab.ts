import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const recorded = 'panva/wellknown, issuers/gitlab (recorded discovery document)';
const claims = 'https://docs.gitlab.com/integration/openid_connect_provider/';

/** GitLab, hosted or of your own. */
export const gitlab: ProviderProfile = {
  name: 'gitlab',
  title: 'GitLab',
  parameters: { gitlabUrl: 'https://gitlab.com' },
  metadata: documented(recorded, {
    issuer: '{gitlabUrl}',
    authorization_endpoint: '{gitlabUrl}/oauth/authorize',
    token_endpoint: '{gitlabUrl}/oauth/token',
    revocation_endpoint: '{gitlabUrl}/oauth/revoke',
    introspection_endpoint: '{gitlabUrl}/oauth/introspect',
    userinfo_endpoint: '{gitlabUrl}/oauth/userinfo',
    jwks_uri: '{gitlabUrl}/oauth/discovery/keys',
    scopes_supported: ['api', 'read_api', 'read_user', 'openid', 'profile', 'email'],
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'password', 'client_credentials', 'device_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    code_challenge_methods_supported: ['plain', 'S256'],
  }),
  behaviour: {
    ...standardBehaviour,
    ...documented(recorded, { logout: 'none' }),
    ...assumed('https://docs.gitlab.com/api/oauth2/', {
      refreshToken: 'always',
      refusedScopes: ['offline_access'],
      refreshIdToken: true,
    }),
    ...documented(claims, { idToken: true }),
  },
  scopedClaims: standardScopedClaims,
  users: {
    alice: {
      idToken: {
        ...alice,
        sub: '1000001',
        nickname: 'alice',
        groups_direct: ['acme', 'acme/platform'],
        'https://gitlab.org/claims/groups/owner': ['acme'],
      },
      userinfo: { ...alice, sub: '1000001', nickname: 'alice', groups: ['acme', 'acme/platform'] },
    },
    bob: {
      idToken: { ...bob, sub: '1000002', nickname: 'bob', groups_direct: ['acme/sales'] },
      userinfo: { ...bob, sub: '1000002', nickname: 'bob', groups: ['acme/sales'] },
    },
  },
};
