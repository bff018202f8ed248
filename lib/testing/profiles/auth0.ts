import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const tenantDocument = 'discovery document of samples.auth0.com, as apache/apisix keeps it in its tests';
const documentation = 'https://auth0.com/docs/authenticate/login/logout/log-users-out-of-auth0';

/** A tenant of Auth0. Its issuer ends with a slash. */
export const auth0: ProviderProfile = {
  name: 'auth0',
  title: 'Auth0',
  parameters: { auth0Domain: 'acme.us.auth0.com' },
  metadata: {
    ...documented(tenantDocument, {
      issuer: 'https://{auth0Domain}/',
      authorization_endpoint: 'https://{auth0Domain}/authorize',
      token_endpoint: 'https://{auth0Domain}/oauth/token',
      userinfo_endpoint: 'https://{auth0Domain}/userinfo',
      jwks_uri: 'https://{auth0Domain}/.well-known/jwks.json',
      revocation_endpoint: 'https://{auth0Domain}/oauth/revoke',
      registration_endpoint: 'https://{auth0Domain}/oidc/register',
      scopes_supported: ['openid', 'profile', 'offline_access', 'name', 'nickname', 'email', 'picture'],
      response_types_supported: ['code', 'token', 'id_token'],
      code_challenge_methods_supported: ['S256', 'plain'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['HS256', 'RS256', 'PS256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    }),
    ...assumed(documentation, { end_session_endpoint: 'https://{auth0Domain}/oidc/logout' }),
  },
  behaviour: {
    ...standardBehaviour,
    ...documented('PrefectHQ/fastmcp, server/auth/providers/auth0.py', { accessToken: 'jwt' }),
    ...documented('https://auth0.com/docs/secure/tokens/refresh-tokens', { refreshToken: 'offline_access' }),
    ...assumed('https://auth0.com/docs/authenticate/login/logout/back-channel-logout', { backChannelLogout: true }),
  },
  scopedClaims: standardScopedClaims,
  users: {
    alice: {
      idToken: {
        ...alice,
        sub: 'auth0|6512f0c1a2b3c4d5e6f70001',
        nickname: 'alice',
        'https://gateway.example.com/roles': ['admin', 'user'],
      },
      accessToken: { sub: 'auth0|6512f0c1a2b3c4d5e6f70001', aud: 'https://gateway.example.com' },
    },
    bob: {
      idToken: { ...bob, sub: 'auth0|6512f0c1a2b3c4d5e6f70002', 'https://gateway.example.com/roles': ['user'] },
      accessToken: { sub: 'auth0|6512f0c1a2b3c4d5e6f70002', aud: 'https://gateway.example.com' },
    },
  },
};
