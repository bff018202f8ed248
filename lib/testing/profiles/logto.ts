import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const documentation = 'https://docs.logto.io/authorization/validate-access-tokens';
const routes = 'routes of oidc-provider, on which Logto runs';

/** A tenant of Logto. Its keys are on P-384. */
export const logto: ProviderProfile = {
  name: 'logto',
  title: 'Logto',
  parameters: { logtoEndpoint: 'https://acme.logto.app' },
  metadata: {
    ...documented(documentation, {
      issuer: '{logtoEndpoint}/oidc',
      jwks_uri: '{logtoEndpoint}/oidc/jwks',
    }),
    ...documented('nextauthjs/next-auth, packages/core/src/providers/logto.ts', {
      authorization_endpoint: '{logtoEndpoint}/oidc/auth',
      token_endpoint: '{logtoEndpoint}/oidc/token',
      userinfo_endpoint: '{logtoEndpoint}/oidc/me',
    }),
    ...assumed(routes, {
      end_session_endpoint: '{logtoEndpoint}/oidc/session/end',
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES384'],
      scopes_supported: ['openid', 'offline_access', 'profile', 'email', 'roles'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
    }),
  },
  behaviour: {
    ...standardBehaviour,
    ...assumed(routes, { signingAlgorithm: 'ES384', backChannelLogout: true }),
    ...assumed('https://docs.logto.io/authorization (offline_access needs prompt=consent)', {
      refreshToken: 'offline_access and prompt=consent',
    }),
  },
  scopedClaims: { ...standardScopedClaims, roles: ['roles'] },
  users: {
    alice: { idToken: { ...alice, sub: 'aliceaaaaaaa', username: 'alice', roles: ['admin', 'user'] } },
    bob: { idToken: { ...bob, sub: 'bobbbbbbbbbb', username: 'bob', roles: ['user'] } },
  },
};
