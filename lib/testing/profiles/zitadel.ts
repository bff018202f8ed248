import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const source = 'zitadel/zitadel, internal/api/oidc/op.go (default endpoints)';
const claims = 'https://zitadel.com/docs/apis/openidoauth/claims';
const rolesClaim = 'urn:zitadel:iam:org:project:roles';

/** An instance of ZITADEL. Roles are the names of an object's members. */
export const zitadel: ProviderProfile = {
  name: 'zitadel',
  title: 'ZITADEL',
  parameters: { zitadelDomain: 'acme.zitadel.cloud' },
  metadata: {
    ...documented(source, {
      issuer: 'https://{zitadelDomain}',
      authorization_endpoint: 'https://{zitadelDomain}/oauth/v2/authorize',
      token_endpoint: 'https://{zitadelDomain}/oauth/v2/token',
      introspection_endpoint: 'https://{zitadelDomain}/oauth/v2/introspect',
      userinfo_endpoint: 'https://{zitadelDomain}/oidc/v1/userinfo',
      revocation_endpoint: 'https://{zitadelDomain}/oauth/v2/revoke',
      end_session_endpoint: 'https://{zitadelDomain}/oidc/v1/end_session',
      jwks_uri: 'https://{zitadelDomain}/oauth/v2/keys',
    }),
    ...assumed('https://zitadel.com/docs/apis/openidoauth/endpoints', {
      response_types_supported: ['code', 'id_token', 'id_token token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid', 'profile', 'email', 'phone', 'address', 'offline_access'],
      token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      code_challenge_methods_supported: ['S256'],
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
    }),
  },
  behaviour: {
    ...standardBehaviour,
    ...documented('https://zitadel.com/docs/apis/openidoauth/scopes', { refreshToken: 'offline_access' }),
    ...assumed(claims, { authorizedParty: true, backChannelLogout: true }),
  },
  scopedClaims: { ...standardScopedClaims, [rolesClaim]: [rolesClaim] },
  users: {
    alice: {
      idToken: { ...alice, sub: '163840776835432705', [rolesClaim]: rolesOf('admin', 'user') },
    },
    bob: { idToken: { ...bob, sub: '163840776835432706', [rolesClaim]: rolesOf('user') } },
  },
};

/** Each role with the organisations that granted it. */
function rolesOf(...names: string[]): Record<string, Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, { '163840776835432700': 'acme.zitadel.cloud' }]));
}
