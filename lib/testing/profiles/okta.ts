import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const serverDocument =
  'discovery document of a custom authorization server, as redpanda-data/redpanda keeps it in its tests';
const endpoints = 'https://developer.okta.com/docs/reference/api/oidc/';

function metadataOf(issuer: string, base: string) {
  return {
    issuer,
    authorization_endpoint: `${base}/v1/authorize`,
    token_endpoint: `${base}/v1/token`,
    userinfo_endpoint: `${base}/v1/userinfo`,
    jwks_uri: `${base}/v1/keys`,
    revocation_endpoint: `${base}/v1/revoke`,
    introspection_endpoint: `${base}/v1/introspect`,
    end_session_endpoint: `${base}/v1/logout`,
    response_types_supported: ['code', 'id_token', 'code id_token', 'code token'],
    response_modes_supported: ['query', 'fragment', 'form_post', 'okta_post_message'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: ['openid', 'profile', 'email', 'address', 'phone', 'offline_access', 'groups'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    code_challenge_methods_supported: ['S256'],
  } as const;
}

const users: ProviderProfile['users'] = {
  alice: {
    idToken: { ...alice, sub: '00u1aliceAAAAAAAAAA5', ver: 1, idp: '00o1acme', groups: ['admin', 'user'] },
  },
  bob: { idToken: { ...bob, sub: '00u1bobBBBBBBBBBBBB5', ver: 1, idp: '00o1acme', groups: ['user'] } },
};

const scopedClaims = { ...standardScopedClaims, groups: ['groups'] };

/** The org authorization server of an Okta org: its access tokens are nobody else's business. */
export const okta: ProviderProfile = {
  name: 'okta',
  title: 'Okta',
  parameters: { oktaDomain: 'acme.okta.com' },
  metadata: documented(endpoints, metadataOf('https://{oktaDomain}', 'https://{oktaDomain}/oauth2')),
  behaviour: {
    ...standardBehaviour,
    ...documented('https://developer.okta.com/docs/concepts/auth-servers/', { accessToken: 'opaque' }),
    ...documented('https://developer.okta.com/docs/guides/refresh-tokens/', { refreshToken: 'offline_access' }),
    ...assumed('https://developer.okta.com/docs/guides/refresh-tokens/', { refreshRotates: true }),
    ...documented('okta/okta-idx-java#500', { tokenErrors: 'errorCode' }),
  },
  scopedClaims,
  users,
};

/** A custom authorization server of an Okta org. */
export const oktaCustomServer: ProviderProfile = {
  ...okta,
  name: 'oktaCustomServer',
  title: 'Okta, custom authorization server',
  parameters: { oktaDomain: 'acme.okta.com', authorizationServerId: 'default' },
  metadata: documented(
    serverDocument,
    metadataOf(
      'https://{oktaDomain}/oauth2/{authorizationServerId}',
      'https://{oktaDomain}/oauth2/{authorizationServerId}',
    ),
  ),
  behaviour: { ...okta.behaviour, ...documented(serverDocument, { accessToken: 'jwt' }) },
};
