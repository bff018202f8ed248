import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const endpoints =
  'https://developer.pingidentity.com/pingone-api/auth/openid-connect-oauth-2/read-openid-configuration.html';
const testDocument = 'discovery document in the tests of the PingOne JavaScript SDK';
const issuer = 'https://auth.pingone.{tld}/{environmentId}/as';

function metadataOf(base: string) {
  return {
    ...documented(endpoints, {
      issuer: base,
      authorization_endpoint: `${base}/authorize`,
      token_endpoint: `${base}/token`,
      userinfo_endpoint: `${base}/userinfo`,
      jwks_uri: `${base}/jwks`,
      end_session_endpoint: `${base}/signoff`,
      introspection_endpoint: `${base}/introspect`,
    }),
    ...documented(testDocument, {
      response_types_supported: ['code', 'id_token', 'token id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid', 'profile', 'email', 'address', 'phone'],
      grant_types_supported: ['authorization_code', 'implicit', 'client_credentials', 'refresh_token'],
    }),
    ...assumed(endpoints, {
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      code_challenge_methods_supported: ['plain', 'S256'],
    }),
  };
}

/** An environment of PingOne. Roles and groups come by attribute mapping. */
export const ping: ProviderProfile = {
  name: 'ping',
  title: 'PingOne',
  // `tld` is the region's: com, ca, eu, sg, com.au, asia.
  parameters: { environmentId: '3f2504e0-4f89-41d3-9a0c-0305e82c3301', tld: 'eu' },
  metadata: metadataOf(issuer),
  behaviour: {
    ...standardBehaviour,
    ...assumed('https://docs.pingidentity.com/pingone (refresh token grant of the application)', {
      accessToken: 'jwt',
      refreshToken: 'always',
    }),
  },
  scopedClaims: standardScopedClaims,
  users: {
    alice: {
      idToken: { ...alice, sub: '7f3b2c1d-0000-4000-8000-00000000000a', env: 'acme', groups: ['admin', 'user'] },
    },
    bob: { idToken: { ...bob, sub: '7f3b2c1d-0000-4000-8000-00000000000b', env: 'acme', groups: ['user'] } },
  },
};

/** The same behind a custom domain. */
export const pingCustomDomain: ProviderProfile = {
  ...ping,
  name: 'pingCustomDomain',
  title: 'PingOne, custom domain',
  parameters: { customDomain: 'login.acme.example' },
  metadata: metadataOf('https://{customDomain}/as'),
};
