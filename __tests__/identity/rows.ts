/** Every preset with the profiles it is proven against: right options, wrong options, and who alice is there. */
import type * as presets from '../../adapters/identity.ts';
import type { IdentityPreset } from '../../adapters/identity.ts';
import type { ProviderName } from '../../lib/testing.ts';

export type PresetName = {
  [Name in keyof typeof presets]: (typeof presets)[Name] extends (options: never) => IdentityPreset ? Name : never;
}[keyof typeof presets];

/** A preset as the table calls it, with whatever options. */
export type AnyPreset = (options: Record<string, unknown>) => IdentityPreset;

export interface Row {
  readonly preset: PresetName;
  readonly profile: ProviderName;
  /** Own options, and `scope` where roles need one. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Wrong options, each merged over the right ones, with what the message must say. */
  readonly wrong: readonly (readonly [Readonly<Record<string, unknown>>, string])[];
  /** What `req.user` says of alice. */
  readonly sub: string;
  readonly iss: string;
  readonly roles: readonly string[];
  /** What becomes of them once the provider gives alice bob's. @defaultValue ['user'] */
  readonly newRoles?: readonly string[];
  /** Parameters that the authorization request must carry besides those of the protocol. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Parameters that ask for a refresh token, once `offlineAccess` is on. */
  readonly offline?: Readonly<Record<string, string>>;
  /** Where the browser goes to sign out, without its parameters; undefined where the provider cannot be told. */
  readonly logout?: string;
}

const common: Row['wrong'] = [
  [{ clientId: undefined }, 'clientId: must be given'],
  [{ clientSecret: '' }, 'clientSecret: must be the secret of the application, got empty string'],
  [{ scop: 'openid' }, 'scop: is not an option; did you mean scope?'],
];

export const rows: readonly Row[] = [
  {
    preset: 'generic',
    profile: 'generic',
    options: { issuer: 'https://id.example.com' },
    wrong: [...common, [{ issuer: 'id.example.com' }, "such as 'https://id.example.com'"]],
    sub: 'alice',
    iss: 'https://id.example.com',
    roles: ['admin', 'user', 'engineering'],
    newRoles: ['user', 'sales'],
    logout: 'https://id.example.com/logout',
  },
  {
    preset: 'auth0',
    profile: 'auth0',
    options: { auth0Domain: 'acme.us.auth0.com', audience: 'https://gateway.example.com' },
    wrong: [
      ...common,
      [{ auth0Domain: 'https://acme.us.auth0.com' }, "without https:// and path, such as 'acme.us.auth0.com'"],
      [{ auth0Domain: 'acme' }, "such as 'acme.us.auth0.com'"],
    ],
    sub: 'auth0|6512f0c1a2b3c4d5e6f70001',
    iss: 'https://acme.us.auth0.com/',
    roles: ['admin', 'user'],
    parameters: { audience: 'https://gateway.example.com' },
    logout: 'https://acme.us.auth0.com/oidc/logout',
  },
  {
    preset: 'clerk',
    profile: 'clerk',
    options: {
      frontendApiUrl: 'https://acme.clerk.accounts.dev',
      scope: 'openid profile email public_metadata',
    },
    wrong: [
      ...common,
      [{ frontendApiUrl: 'https://acme.clerk.accounts.dev/v1' }, "such as 'https://acme.clerk.accounts.dev'"],
      [{ frontendApiUrl: 'acme.clerk.accounts.dev' }, "such as 'https://acme.clerk.accounts.dev'"],
    ],
    sub: 'user_2aliceAAAAAAAAAAAAAAAAAAAA',
    iss: 'https://acme.clerk.accounts.dev',
    roles: ['admin', 'user'],
  },
  {
    preset: 'cognito',
    profile: 'cognito',
    options: {
      awsRegion: 'eu-central-1',
      userPoolId: 'eu-central-1_AcmePool1',
      userPoolDomain: 'acme.auth.eu-central-1.amazoncognito.com',
    },
    wrong: [
      ...common,
      [{ awsRegion: 'Frankfurt' }, "such as 'eu-central-1'"],
      [{ userPoolId: 'us-east-1_AcmePool1' }, "a user pool of awsRegion, such as 'eu-central-1_AcmePool1'"],
      [{ userPoolDomain: 'https://acme.example' }, 'without https:// and path'],
    ],
    sub: '0f1e2d3c-0000-4000-8000-00000000000a',
    iss: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AcmePool1',
    roles: ['admin', 'user'],
    offline: { scope: 'openid profile email' },
    logout: 'https://acme.auth.eu-central-1.amazoncognito.com/logout',
  },
  {
    preset: 'entra',
    profile: 'entra',
    options: { tenantId: '8eaef023-2b34-4da1-9baa-8bc8c9d6a490' },
    wrong: [
      [{ clientId: undefined }, 'clientId: must be given: the application (client) id, a UUID such as'],
      [{ clientId: 'my-app' }, 'clientId: must be the application (client) id, a UUID such as'],
      ...['common', 'organizations', 'consumers'].map(
        (tenantId) => [{ tenantId }, "'common', 'organizations' and 'consumers' are none"] as const,
      ),
      [
        { allowedTenants: ['8eaef023-2b34-4da1-9baa-8bc8c9d6a490'] },
        'tenantId: must not be given beside allowedTenants',
      ],
      [{ tenantId: undefined, allowedTenants: [] }, 'allowedTenants: must name at least one'],
      [{ cloud: 'germany' }, "'us-government'"],
    ],
    sub: '8eaef023-2b34-4da1-9baa-8bc8c9d6a490:00000000-0000-4000-8000-00000000000a',
    iss: 'https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0',
    roles: ['admin', 'user'],
    logout: 'https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/oauth2/v2.0/logout',
  },
  {
    preset: 'entra',
    profile: 'entraMultiTenant',
    options: { allowedTenants: ['8eaef023-2b34-4da1-9baa-8bc8c9d6a490'] },
    wrong: [[{ allowedTenants: ['acme.onmicrosoft.com'] }, 'directory (tenant) ids, UUIDs such as']],
    sub: '8eaef023-2b34-4da1-9baa-8bc8c9d6a490:00000000-0000-4000-8000-00000000000a',
    iss: 'https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0',
    roles: ['admin', 'user'],
    logout: 'https://login.microsoftonline.com/organizations/oauth2/v2.0/logout',
  },
  {
    preset: 'entra',
    profile: 'entraUsGovernment',
    options: { tenantId: '8eaef023-2b34-4da1-9baa-8bc8c9d6a490', cloud: 'us-government' },
    wrong: [],
    sub: '8eaef023-2b34-4da1-9baa-8bc8c9d6a490:00000000-0000-4000-8000-00000000000a',
    iss: 'https://login.microsoftonline.us/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0',
    roles: ['admin', 'user'],
    logout: 'https://login.microsoftonline.us/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/oauth2/v2.0/logout',
  },
  {
    preset: 'google',
    profile: 'google',
    options: { hostedDomain: 'acme.example' },
    wrong: [
      [{ clientId: 'my-app' }, "such as '1234567890-abc123.apps.googleusercontent.com'"],
      [{ hostedDomain: 'https://acme.example' }, "such as 'acme.example'"],
    ],
    sub: '110169484474386276301',
    iss: 'https://accounts.google.com',
    roles: [],
    newRoles: [],
    parameters: { hd: 'acme.example' },
    offline: { access_type: 'offline', prompt: 'consent', scope: 'openid profile email' },
  },
  {
    preset: 'keycloak',
    profile: 'keycloak',
    options: { keycloakBaseUrl: 'https://sso.acme.example', realm: 'acme' },
    wrong: [
      ...common,
      [{ keycloakBaseUrl: 'https://sso.acme.example/realms/acme' }, 'without /realms, query and fragment, such as'],
      [{ realm: 'acme/other' }, "the name of a realm, such as 'acme'"],
    ],
    sub: 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
    iss: 'https://sso.acme.example/realms/acme',
    roles: ['admin', 'user', 'operator', '/engineering'],
    newRoles: ['user', '/sales'],
    logout: 'https://sso.acme.example/realms/acme/protocol/openid-connect/logout',
  },
  {
    preset: 'logto',
    profile: 'logto',
    options: { logtoEndpoint: 'https://acme.logto.app', scope: 'openid profile email roles' },
    wrong: [...common, [{ logtoEndpoint: 'https://acme.logto.app/oidc' }, "such as 'https://acme.logto.app'"]],
    sub: 'aliceaaaaaaa',
    iss: 'https://acme.logto.app/oidc',
    roles: ['admin', 'user'],
    offline: { prompt: 'consent', scope: 'openid profile email roles offline_access' },
    logout: 'https://acme.logto.app/oidc/session/end',
  },
  {
    preset: 'okta',
    profile: 'okta',
    options: { oktaDomain: 'acme.okta.com', scope: 'openid profile email groups' },
    wrong: [
      ...common,
      [
        { oktaDomain: undefined },
        "oktaDomain: must be given: a host name without https:// and path, such as 'acme.okta.com'",
      ],
      [{ oktaDomain: 'acme.okta.com/oauth2/default' }, "such as 'acme.okta.com'"],
      [{ authorizationServerId: '../x' }, "such as 'default'"],
    ],
    sub: '00u1aliceAAAAAAAAAA5',
    iss: 'https://acme.okta.com',
    roles: ['admin', 'user'],
    logout: 'https://acme.okta.com/oauth2/v1/logout',
  },
  {
    preset: 'okta',
    profile: 'oktaCustomServer',
    options: { oktaDomain: 'acme.okta.com', authorizationServerId: 'default', scope: 'openid profile email groups' },
    wrong: [],
    sub: '00u1aliceAAAAAAAAAA5',
    iss: 'https://acme.okta.com/oauth2/default',
    roles: ['admin', 'user'],
    logout: 'https://acme.okta.com/oauth2/default/v1/logout',
  },
  {
    preset: 'onelogin',
    profile: 'onelogin',
    options: { oneLoginSubdomain: 'acme', scope: 'openid profile email groups' },
    wrong: [
      ...common,
      [{ oneLoginSubdomain: 'acme.onelogin.com' }, "the part before .onelogin.com alone, such as 'acme'"],
    ],
    sub: '38000001',
    iss: 'https://acme.onelogin.com/oidc/2',
    roles: ['admin', 'user'],
    offline: { scope: 'openid profile email groups' },
    logout: 'https://acme.onelogin.com/oidc/2/logout',
  },
  {
    preset: 'ping',
    profile: 'ping',
    options: { environmentId: '3f2504e0-4f89-41d3-9a0c-0305e82c3301', region: 'europe' },
    wrong: [
      ...common,
      [{ environmentId: 'acme' }, 'the id of the environment, or customDomain instead, a UUID such as'],
      [{ environmentId: undefined }, 'environmentId: must be given'],
      [{ region: 'eu' }, "'asia-pacific'"],
    ],
    sub: '7f3b2c1d-0000-4000-8000-00000000000a',
    iss: 'https://auth.pingone.eu/3f2504e0-4f89-41d3-9a0c-0305e82c3301/as',
    roles: ['admin', 'user'],
    offline: { scope: 'openid profile email' },
    logout: 'https://auth.pingone.eu/3f2504e0-4f89-41d3-9a0c-0305e82c3301/as/signoff',
  },
  {
    preset: 'ping',
    profile: 'pingCustomDomain',
    options: { customDomain: 'login.acme.example' },
    wrong: [[{ customDomain: 'https://login.acme.example/as' }, "such as 'login.acme.example'"]],
    sub: '7f3b2c1d-0000-4000-8000-00000000000a',
    iss: 'https://login.acme.example/as',
    roles: ['admin', 'user'],
    offline: { scope: 'openid profile email' },
    logout: 'https://login.acme.example/as/signoff',
  },
  {
    preset: 'workos',
    profile: 'workos',
    options: {},
    wrong: [
      [{ clientId: 'acme' }, "such as 'client_01ACME00000000000000000000'"],
      [{ authkitDomain: 'https://acme.authkit.app' }, "such as 'acme.authkit.app'"],
    ],
    sub: 'user_01ALICE0000000000000000000',
    iss: 'https://api.workos.com/user_management/client_01ACME00000000000000000000',
    roles: ['admin'],
    newRoles: ['member'],
    parameters: { provider: 'authkit' },
    offline: { scope: 'openid profile email' },
  },
  {
    preset: 'workos',
    profile: 'workosConnect',
    options: { authkitDomain: 'acme.authkit.app' },
    wrong: [],
    sub: 'user_01ALICE0000000000000000000',
    iss: 'https://acme.authkit.app',
    roles: ['admin'],
    newRoles: ['member'],
  },
  {
    preset: 'github',
    profile: 'github',
    options: {},
    wrong: [
      ...common,
      [{ enterpriseServerUrl: 'https://github.acme.example/api/v3' }, "such as 'https://github.acme.example'"],
    ],
    sub: '583231',
    iss: 'https://github.com/login/oauth',
    roles: [],
    newRoles: [],
    offline: { scope: 'read:user user:email' },
  },
  {
    preset: 'gitlab',
    profile: 'gitlab',
    options: {},
    wrong: [...common, [{ gitlabUrl: 'gitlab.acme.example' }, "such as 'https://gitlab.acme.example'"]],
    sub: '1000001',
    iss: 'https://gitlab.com',
    roles: ['acme', 'acme/platform'],
    newRoles: ['acme/sales'],
    offline: { scope: 'openid profile email' },
  },
  {
    preset: 'supabase',
    profile: 'supabase',
    options: { projectRef: 'abcdefghijklmnopqrst' },
    wrong: [
      ...common,
      [{ projectRef: 'abc.supabase.co' }, "the part before .supabase.co alone, such as 'abcdefghijklmnopqrst'"],
      [{ projectUrl: 'https://auth.acme.example/auth/v1' }, "such as 'https://auth.acme.example'"],
    ],
    sub: '4b1d2c3e-0000-4000-8000-00000000000a',
    iss: 'https://abcdefghijklmnopqrst.supabase.co/auth/v1',
    roles: ['admin', 'user'],
    offline: { scope: 'openid profile email' },
  },
  {
    preset: 'descope',
    profile: 'descope',
    options: { projectId: 'P2acmeAAAAAAAAAAAAAAAAAAAAAA', scope: 'openid profile email descope.claims' },
    wrong: [
      ...common,
      [{ projectId: 'acme' }, "such as 'P2acmeAAAAAAAAAAAAAAAAAAAAAA', or issuer instead"],
      [{ baseUrl: 'https://api.descope.com/v1' }, "such as 'https://api.euc1.descope.com'"],
    ],
    sub: 'U2aliceAAAAAAAAAAAAAAAAAAAAA',
    iss: 'https://api.descope.com/P2acmeAAAAAAAAAAAAAAAAAAAAAA',
    roles: ['admin', 'user'],
    logout: 'https://api.descope.com/oauth2/v1/logout',
  },
  {
    preset: 'zitadel',
    profile: 'zitadel',
    options: { zitadelDomain: 'acme.zitadel.cloud' },
    wrong: [
      ...common,
      [{ zitadelDomain: 'https://acme.zitadel.cloud' }, "such as 'acme.zitadel.cloud'"],
      [{ projectId: 'gateway' }, "digits such as '163840776835432700'"],
    ],
    sub: '163840776835432705',
    iss: 'https://acme.zitadel.cloud',
    roles: ['admin', 'user'],
    offline: { scope: 'openid profile email urn:zitadel:iam:org:project:roles offline_access' },
    logout: 'https://acme.zitadel.cloud/oidc/v1/end_session',
  },
  {
    preset: 'authentik',
    profile: 'authentik',
    options: { authentikUrl: 'https://auth.acme.example', applicationSlug: 'gateway' },
    wrong: [
      ...common,
      [{ authentikUrl: 'https://auth.acme.example/application/o' }, "such as 'https://auth.acme.example'"],
      [{ applicationSlug: undefined }, "the slug of the application, such as 'gateway'"],
      [{ issuerMode: 'slug' }, "'per_provider' or 'global'"],
    ],
    sub: '9b1f2e0c4d7a8b6e5f3d2c1b0a9f8e7d6c5b4a3f2e1d0c9b8a7f6e5d4c3b2a10',
    iss: 'https://auth.acme.example/application/o/gateway/',
    roles: ['admin', 'user'],
    logout: 'https://auth.acme.example/application/o/gateway/end-session/',
  },
  {
    preset: 'authelia',
    profile: 'authelia',
    options: { autheliaUrl: 'https://auth.acme.example' },
    wrong: [...common, [{ autheliaUrl: 'auth.acme.example' }, "such as 'https://auth.acme.example'"]],
    sub: 'c0ffee00-0000-4000-8000-00000000000a',
    iss: 'https://auth.acme.example',
    roles: ['admin', 'user'],
    offline: { scope: 'openid profile email groups offline_access' },
  },
  {
    preset: 'pingfederate',
    profile: 'pingfederate',
    options: { pingFederateUrl: 'https://sso.acme.example:9031' },
    wrong: [...common, [{ pingFederateUrl: 'sso.acme.example:9031' }, "such as 'https://sso.acme.example:9031'"]],
    sub: 'alice',
    iss: 'https://sso.acme.example:9031',
    roles: ['admin', 'user'],
    offline: { scope: 'openid profile email' },
    logout: 'https://sso.acme.example:9031/idp/startSLO.ping',
  },
];
