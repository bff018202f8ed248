import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const endpoints =
  'https://docs.pingidentity.com/pingfederate/latest/developers_reference_guide/pf_openid_connect_metadata_endpoint.html';
const recorded = 'discovery document of a PingFederate on localhost:9031, as its test suites keep it';

/** A PingFederate server. Its logout is published under a name of its own. */
export const pingfederate: ProviderProfile = {
  name: 'pingfederate',
  title: 'PingFederate',
  parameters: { pingFederateUrl: 'https://sso.acme.example:9031' },
  metadata: {
    ...documented(recorded, {
      issuer: '{pingFederateUrl}',
      authorization_endpoint: '{pingFederateUrl}/as/authorization.oauth2',
      token_endpoint: '{pingFederateUrl}/as/token.oauth2',
      revocation_endpoint: '{pingFederateUrl}/as/revoke_token.oauth2',
      userinfo_endpoint: '{pingFederateUrl}/idp/userinfo.openid',
      introspection_endpoint: '{pingFederateUrl}/as/introspect.oauth2',
      jwks_uri: '{pingFederateUrl}/pf/JWKS',
      ping_end_session_endpoint: '{pingFederateUrl}/idp/startSLO.ping',
      response_types_supported: ['code', 'token', 'id_token'],
      response_modes_supported: ['fragment', 'query', 'form_post'],
    }),
    ...assumed(endpoints, {
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['none', 'HS256', 'RS256', 'ES256'],
      scopes_supported: ['openid', 'profile', 'email'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      code_challenge_methods_supported: ['plain', 'S256'],
    }),
  },
  logoutEndpoint: { value: '{pingFederateUrl}/idp/startSLO.ping', source: recorded, confirmed: true },
  behaviour: {
    ...standardBehaviour,
    ...assumed(endpoints, { refreshToken: 'always', logout: 'TargetResource' }),
  },
  scopedClaims: standardScopedClaims,
  users: {
    alice: { idToken: { ...alice, sub: 'alice', groups: ['admin', 'user'] } },
    bob: { idToken: { ...bob, sub: 'bob', groups: ['user'] } },
  },
};
