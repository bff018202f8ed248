import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const recorded = 'panva/wellknown, issuers/entra-organizations (recorded discovery document)';
const idTokenClaims = 'https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference';

/** The directory of the two people. */
export const entraTenant = '8eaef023-2b34-4da1-9baa-8bc8c9d6a490';
/** A directory that nobody allowed. */
export const foreignEntraTenant = '11111111-2222-4333-8444-555555555555';

const behaviour = {
  ...standardBehaviour,
  // Its key set has kty, use, kid, x5t, n, e, x5c and issuer.
  ...assumed('https://learn.microsoft.com/entra/identity-platform/signing-key-rollover', { keysNameAlgorithm: false }),
  ...documented('PrefectHQ/fastmcp, server/auth/providers/azure.py', { resource: 'refused' }),
  ...documented('https://learn.microsoft.com/entra/identity-platform/scopes-oidc', {
    refreshToken: 'offline_access',
  }),
  ...assumed('https://learn.microsoft.com/entra/identity-platform/access-tokens', { accessToken: 'jwt' }),
  ...assumed('https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow', { tokenErrors: 'aadsts' }),
} as const;

const users: ProviderProfile['users'] = {
  alice: {
    idToken: {
      sub: 'pairwise-subject-of-alice-for-this-application',
      oid: '00000000-0000-4000-8000-00000000000a',
      tid: entraTenant,
      ver: '2.0',
      name: alice.name,
      preferred_username: alice.email,
      roles: ['admin', 'user'],
    },
    userinfo: { ...alice, sub: 'pairwise-subject-of-alice-for-this-application' },
  },
  bob: {
    idToken: {
      sub: 'pairwise-subject-of-bob-for-this-application',
      oid: '00000000-0000-4000-8000-00000000000b',
      tid: entraTenant,
      ver: '2.0',
      name: bob.name,
      preferred_username: bob.email,
      roles: ['user'],
    },
    userinfo: { ...bob, sub: 'pairwise-subject-of-bob-for-this-application' },
  },
};

/** `oid` and `tid` come with `profile`. */
const scopedClaims = { ...standardScopedClaims, profile: [...(standardScopedClaims.profile ?? []), 'oid', 'tid'] };

function metadataOf(host: string, graph: string, directory: string, issuerDirectory: string) {
  return {
    issuer: `https://${host}/${issuerDirectory}/v2.0`,
    authorization_endpoint: `https://${host}/${directory}/oauth2/v2.0/authorize`,
    token_endpoint: `https://${host}/${directory}/oauth2/v2.0/token`,
    jwks_uri: `https://${host}/${directory}/discovery/v2.0/keys`,
    userinfo_endpoint: `https://${graph}/oidc/userinfo`,
    end_session_endpoint: `https://${host}/${directory}/oauth2/v2.0/logout`,
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    response_modes_supported: ['query', 'fragment', 'form_post'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
    frontchannel_logout_supported: true,
  } as const;
}

/** One directory of Microsoft Entra ID. Its subjects differ by application. */
export const entra: ProviderProfile = {
  name: 'entra',
  title: 'Microsoft Entra ID',
  parameters: { tenantId: entraTenant, clientId: '6731de76-14a6-49ae-97bc-6eba6914391e' },
  metadata: documented(
    recorded,
    metadataOf('login.microsoftonline.com', 'graph.microsoft.com', '{tenantId}', '{tenantId}'),
  ),
  behaviour,
  scopedClaims,
  users,
};

/** Several directories behind one discovery document, whose issuer is a template. */
export const entraMultiTenant: ProviderProfile = {
  name: 'entraMultiTenant',
  title: 'Microsoft Entra ID, several tenants',
  parameters: { clientId: '6731de76-14a6-49ae-97bc-6eba6914391e' },
  // `{tenantid}` is literally in the document.
  metadata: documented(
    recorded,
    metadataOf('login.microsoftonline.com', 'graph.microsoft.com', 'organizations', '{tenantid}'),
  ),
  discoveryUrl: {
    value: 'https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration',
    source: recorded,
    confirmed: true,
  },
  // The form of `iss` per directory.
  behaviour: { ...behaviour, ...documented(idTokenClaims, { idToken: true }) },
  scopedClaims,
  users: {
    alice: withIssuer('alice', entraTenant),
    bob: withIssuer('bob', entraTenant),
    mallory: withIssuer('alice', foreignEntraTenant),
  },
};

/** The cloud of the government of the United States: other hosts, the same otherwise. */
export const entraUsGovernment: ProviderProfile = {
  ...entra,
  name: 'entraUsGovernment',
  title: 'Microsoft Entra ID, US government',
  metadata: assumed(
    'https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud',
    metadataOf('login.microsoftonline.us', 'graph.microsoft.us', '{tenantId}', '{tenantId}'),
  ),
};

function withIssuer(name: string, tenant: string): ProviderProfile['users'][string] {
  const user = users[name] ?? { idToken: {} };
  const iss = `https://login.microsoftonline.com/${tenant}/v2.0`;
  return { ...user, idToken: { ...user.idToken, tid: tenant, iss } };
}
