import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const urls = 'https://docs.goauthentik.io/add-secure-apps/providers/oauth2/';
const authMethods = 'zed-industries/zed, oauth.rs (what it advertises)';

function metadataOf(issuer: string) {
  return {
    ...documented(urls, {
      issuer,
      authorization_endpoint: '{authentikUrl}/application/o/authorize/',
      token_endpoint: '{authentikUrl}/application/o/token/',
      userinfo_endpoint: '{authentikUrl}/application/o/userinfo/',
      end_session_endpoint: '{authentikUrl}/application/o/{applicationSlug}/end-session/',
      jwks_uri: '{authentikUrl}/application/o/{applicationSlug}/jwks/',
    }),
    ...documented(authMethods, {
      token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
    }),
    ...assumed(urls, {
      response_types_supported: ['code', 'id_token', 'code id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
      code_challenge_methods_supported: ['plain', 'S256'],
    }),
  };
}

/** An application of authentik, with an issuer of its own. Every URL ends with a slash. */
export const authentik: ProviderProfile = {
  name: 'authentik',
  title: 'authentik',
  parameters: { authentikUrl: 'https://auth.acme.example', applicationSlug: 'gateway' },
  metadata: metadataOf('{authentikUrl}/application/o/{applicationSlug}/'),
  behaviour: {
    ...standardBehaviour,
    ...documented(urls, { refreshToken: 'offline_access' }),
    ...assumed(urls, { accessToken: 'jwt' }),
  },
  // Its scope mapping of `profile` brings the groups.
  scopedClaims: { ...standardScopedClaims, profile: [...(standardScopedClaims.profile ?? []), 'groups'] },
  users: {
    alice: {
      idToken: {
        ...alice,
        sub: '9b1f2e0c4d7a8b6e5f3d2c1b0a9f8e7d6c5b4a3f2e1d0c9b8a7f6e5d4c3b2a10',
        preferred_username: 'alice',
        groups: ['admin', 'user'],
      },
    },
    bob: {
      idToken: {
        ...bob,
        sub: '0c1f2e0c4d7a8b6e5f3d2c1b0a9f8e7d6c5b4a3f2e1d0c9b8a7f6e5d4c3b2a11',
        preferred_username: 'bob',
        groups: ['user'],
      },
    },
  },
};
