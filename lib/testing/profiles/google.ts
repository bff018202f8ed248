import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const recorded = 'panva/wellknown, issuers/google (recorded discovery document)';
const documentation = 'https://developers.google.com/identity/openid-connect/openid-connect';

/** Google: four hosts, no logout, no groups. */
export const google: ProviderProfile = {
  name: 'google',
  title: 'Google',
  parameters: { clientId: '1234567890-acme.apps.googleusercontent.com' },
  metadata: documented(recorded, {
    issuer: 'https://accounts.google.com',
    authorization_endpoint: 'https://accounts.google.com/o/oauth2/v2/auth',
    token_endpoint: 'https://oauth2.googleapis.com/token',
    userinfo_endpoint: 'https://openidconnect.googleapis.com/v1/userinfo',
    revocation_endpoint: 'https://oauth2.googleapis.com/revoke',
    jwks_uri: 'https://www.googleapis.com/oauth2/v3/certs',
    response_types_supported: ['code', 'token', 'id_token', 'code token', 'none'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: ['openid', 'email', 'profile'],
    token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
    code_challenge_methods_supported: ['plain', 'S256'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
  }),
  behaviour: {
    ...standardBehaviour,
    ...documented('PrefectHQ/fastmcp, server/auth/providers/google.py', { refreshToken: 'access_type=offline' }),
    ...assumed(documentation, {
      refusedScopes: ['offline_access'],
      refreshRotates: false,
      authorizedParty: true,
    }),
    ...documented(recorded, { logout: 'none' }),
  },
  scopedClaims: standardScopedClaims,
  users: {
    alice: { idToken: { ...alice, sub: '110169484474386276301', hd: 'acme.example' } },
    bob: { idToken: { ...bob, sub: '110169484474386276302', email: 'bob@gmail.com' } },
  },
};
