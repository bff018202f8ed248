import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const connect = 'https://workos.com/docs/reference/workos-connect';
const userManagement = 'tests of the WorkOS emulator (discovery document shaped as production does)';
const authentication = 'https://workos.com/docs/reference/authkit/authentication';

/** WorkOS by its client id: the user management API, which issues no ID token and knows no userinfo. */
export const workos: ProviderProfile = {
  name: 'workos',
  title: 'WorkOS AuthKit',
  parameters: { clientId: 'client_01ACME00000000000000000000' },
  metadata: documented(userManagement, {
    issuer: 'https://api.workos.com/user_management/{clientId}',
    authorization_endpoint: 'https://api.workos.com/user_management/authorize',
    token_endpoint: 'https://api.workos.com/user_management/authenticate',
    jwks_uri: 'https://api.workos.com/sso/jwks/{clientId}',
    response_types_supported: ['code'],
  }),
  clientAuthMethods: { value: ['client_secret_post'], source: authentication, confirmed: true },
  behaviour: {
    ...standardBehaviour,
    ...documented(userManagement, { tokenAnswers: 'workos', idToken: false, accessToken: 'jwt' }),
    ...assumed(authentication, { refreshToken: 'always', logout: 'none' }),
  },
  scopedClaims: {},
  users: {
    alice: {
      idToken: { sub: 'user_01ALICE0000000000000000000' },
      userinfo: {
        object: 'user',
        id: 'user_01ALICE0000000000000000000',
        email: alice.email,
        email_verified: true,
        first_name: alice.given_name,
        last_name: alice.family_name,
      },
      accessToken: {
        sub: 'user_01ALICE0000000000000000000',
        sid: 'session_01ALICE0000000000000000',
        org_id: 'org_01ACME00000000000000000000',
        role: 'admin',
        roles: ['admin'],
        permissions: ['files:write'],
      },
    },
    bob: {
      idToken: { sub: 'user_01BOB000000000000000000000' },
      userinfo: {
        object: 'user',
        id: 'user_01BOB000000000000000000000',
        email: bob.email,
        email_verified: true,
        first_name: bob.given_name,
        last_name: bob.family_name,
      },
      accessToken: {
        sub: 'user_01BOB000000000000000000000',
        sid: 'session_01BOB00000000000000000',
        role: 'member',
        roles: ['member'],
      },
    },
  },
};

/** An OAuth application of WorkOS Connect, on the AuthKit domain: OpenID Connect. */
export const workosConnect: ProviderProfile = {
  name: 'workosConnect',
  title: 'WorkOS Connect',
  parameters: { authkitDomain: 'acme.authkit.app', clientId: 'client_01ACME00000000000000000001' },
  metadata: {
    ...documented(connect, {
      issuer: 'https://{authkitDomain}',
      authorization_endpoint: 'https://{authkitDomain}/oauth2/authorize',
      token_endpoint: 'https://{authkitDomain}/oauth2/token',
      userinfo_endpoint: 'https://{authkitDomain}/oauth2/userinfo',
      jwks_uri: 'https://{authkitDomain}/oauth2/jwks',
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none', 'client_secret_post', 'client_secret_basic'],
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
    }),
    ...assumed(connect, {
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    }),
  },
  behaviour: {
    ...standardBehaviour,
    ...documented(connect, { accessToken: 'jwt', refreshToken: 'offline_access' }),
    ...assumed(connect, { logout: 'none' }),
  },
  scopedClaims: standardScopedClaims,
  users: {
    alice: {
      idToken: {
        ...alice,
        sub: 'user_01ALICE0000000000000000000',
        org_id: 'org_01ACME00000000000000000000',
        role: 'admin',
        roles: ['admin'],
      },
    },
    bob: { idToken: { ...bob, sub: 'user_01BOB000000000000000000000', role: 'member', roles: ['member'] } },
  },
};
