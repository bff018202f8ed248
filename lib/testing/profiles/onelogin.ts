import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const endpoints = 'https://developers.onelogin.com/openid-connect/api/provider-config';
const issuer = 'https://{oneLoginSubdomain}.onelogin.com/oidc/2';

/** An account of OneLogin. */
export const onelogin: ProviderProfile = {
  name: 'onelogin',
  title: 'OneLogin',
  parameters: { oneLoginSubdomain: 'acme' },
  metadata: {
    ...documented(endpoints, {
      issuer,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/me`,
      jwks_uri: `${issuer}/certs`,
      revocation_endpoint: `${issuer}/token/revocation`,
      introspection_endpoint: `${issuer}/token/introspection`,
      end_session_endpoint: `${issuer}/logout`,
    }),
    ...assumed(endpoints, {
      response_types_supported: ['code', 'id_token', 'id_token token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid', 'name', 'profile', 'groups', 'email', 'params', 'phone'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      code_challenge_methods_supported: ['S256'],
    }),
  },
  behaviour: {
    ...standardBehaviour,
    ...assumed('https://developers.onelogin.com/openid-connect/api/refresh-session', { refreshToken: 'always' }),
  },
  scopedClaims: { ...standardScopedClaims, groups: ['groups'] },
  users: {
    alice: { idToken: { ...alice, sub: '38000001', preferred_username: 'alice', groups: ['admin', 'user'] } },
    bob: { idToken: { ...bob, sub: '38000002', preferred_username: 'bob', groups: ['user'] } },
  },
};
