import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const realmDocument = 'discovery document of a realm, as redpanda-data/redpanda keeps it in its tests';
const mappers = 'https://www.keycloak.org/docs/latest/server_admin/#_protocol-mappers';
const realm = '{keycloakBaseUrl}/realms/{realm}';

/** A realm of Keycloak, with mappers that put roles and groups into the ID token. */
export const keycloak: ProviderProfile = {
  name: 'keycloak',
  title: 'Keycloak',
  parameters: { keycloakBaseUrl: 'https://sso.acme.example', realm: 'acme' },
  metadata: documented(realmDocument, {
    issuer: realm,
    authorization_endpoint: `${realm}/protocol/openid-connect/auth`,
    token_endpoint: `${realm}/protocol/openid-connect/token`,
    userinfo_endpoint: `${realm}/protocol/openid-connect/userinfo`,
    end_session_endpoint: `${realm}/protocol/openid-connect/logout`,
    jwks_uri: `${realm}/protocol/openid-connect/certs`,
    response_types_supported: ['code', 'none', 'id_token', 'token'],
    subject_types_supported: ['public', 'pairwise'],
    id_token_signing_alg_values_supported: ['PS384', 'ES384', 'RS384', 'HS256', 'ES256', 'RS256', 'PS256'],
    scopes_supported: ['openid', 'web-origins', 'roles', 'email', 'offline_access', 'profile'],
    token_endpoint_auth_methods_supported: ['private_key_jwt', 'client_secret_basic', 'client_secret_post'],
    code_challenge_methods_supported: ['plain', 'S256'],
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
  }),
  behaviour: {
    ...standardBehaviour,
    ...documented(realmDocument, { backChannelLogout: true }),
    ...assumed('https://www.keycloak.org/docs/latest/server_admin/#_oidc', {
      accessToken: 'jwt',
      // A refresh token of the session comes without `offline_access`, too.
      refreshToken: 'always',
      authorizedParty: true,
    }),
    ...assumed('https://www.keycloak.org/docs/latest/upgrading', { refreshRotates: true }),
    ...assumed(mappers, { idToken: true }),
  },
  scopedClaims: standardScopedClaims,
  users: {
    alice: {
      idToken: {
        ...alice,
        sub: 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
        preferred_username: 'alice',
        typ: 'ID',
        realm_access: { roles: ['admin', 'user'] },
        resource_access: { gateway: { roles: ['operator'] }, account: { roles: ['manage-account'] } },
        groups: ['/engineering'],
      },
    },
    bob: {
      idToken: {
        ...bob,
        sub: 'f81d4fae-7dec-11d0-a765-00a0c91e6bf7',
        preferred_username: 'bob',
        typ: 'ID',
        realm_access: { roles: ['user'] },
        groups: ['/sales'],
      },
    },
  },
};
