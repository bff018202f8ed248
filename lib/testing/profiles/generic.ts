import { assumed, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';

const specification = 'OpenID Connect Discovery 1.0';

/** A provider that does what the specifications say, and nothing of its own. */
export const generic: ProviderProfile = {
  name: 'generic',
  title: 'Any OpenID Connect provider',
  parameters: { issuer: 'https://id.example.com' },
  metadata: assumed(specification, {
    issuer: '{issuer}',
    authorization_endpoint: '{issuer}/authorize',
    token_endpoint: '{issuer}/token',
    jwks_uri: '{issuer}/jwks',
    userinfo_endpoint: '{issuer}/userinfo',
    end_session_endpoint: '{issuer}/logout',
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
  }),
  behaviour: { ...standardBehaviour, ...assumed(specification, { backChannelLogout: true }) },
  scopedClaims: standardScopedClaims,
  users: {
    alice: {
      idToken: {
        sub: 'alice',
        name: 'Alice Adams',
        email: 'alice@acme.example',
        email_verified: true,
        roles: ['admin', 'user'],
        groups: ['engineering'],
      },
    },
    bob: {
      idToken: {
        sub: 'bob',
        name: 'Bob Brown',
        email: 'bob@acme.example',
        email_verified: true,
        roles: ['user'],
        groups: ['sales'],
      },
    },
  },
};
