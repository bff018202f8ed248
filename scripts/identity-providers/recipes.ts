import type { PresetName } from '../../__tests__/identity/rows.ts';

/** What a person does at one provider. */
export interface Recipe {
  readonly title: string;
  /** Prefix of the environment variables in the example. */
  readonly variable: string;
  /** What to click, in order. `{callback}` is the redirect URI, `{signedOut}` the page after a logout. */
  readonly steps: readonly string[];
  /** Where roles come from, and what else is worth knowing. */
  readonly notes: readonly string[];
}

export const recipes: Readonly<Record<PresetName, Recipe>> = {
  auth0: {
    title: 'Auth0',
    variable: 'AUTH0',
    steps: [
      'Applications > Applications > Create Application > Regular Web Application.',
      'Settings: add {callback} to Allowed Callback URLs and {signedOut} to Allowed Logout URLs.',
      'Only with `audience`: Applications > APIs > Create API; its identifier is the audience.',
    ],
    notes: [
      'Roles: an Action of the Login flow adds them to the ID token, such as `api.idToken.setCustomClaim("https://gateway.example.com/roles", event.authorization?.roles)`. Any namespace will do.',
      'A custom domain changes the issuer: give it as `auth0Domain`.',
      'Tenants that do not publish `end_session_endpoint` need `browserLoginOverrides: { logout: { url: "https://acme.us.auth0.com/v2/logout", returnParameter: "returnTo", idTokenHint: false } }`.',
      '`offlineAccess` needs "Allow Offline Access" on the API, where there is an `audience`.',
    ],
  },
  clerk: {
    title: 'Clerk',
    variable: 'CLERK',
    steps: [
      'Configure > OAuth applications > Add OAuth application, with the scopes of the example.',
      'Redirect URIs: add {callback}.',
      'The Frontend API URL is under Configure > API keys.',
    ],
    notes: [
      'Roles: `roles` or `role` of the public metadata, which only your backend writes. `unsafe_metadata` is never read.',
      'There is no logout at Clerk for other applications: signing out ends the session here.',
    ],
  },
  cognito: {
    title: 'Amazon Cognito',
    variable: 'COGNITO',
    steps: [
      'User pool > App clients > Create app client: a confidential client (with a secret).',
      'Login pages: add {callback} to Allowed callback URLs and {signedOut} to Allowed sign-out URLs; grant type authorization code; scopes openid, email, profile.',
      'The domain is under Branding > Domain: the prefix domain or a custom one, without https://.',
    ],
    notes: [
      'Roles: the groups of the user pool. `cognito:roles` (roles of AWS) and custom attributes, which users may be allowed to write, do not count.',
      'A refresh token comes with each login; the scope `offline_access` is refused and therefore never sent.',
    ],
  },
  entra: {
    title: 'Microsoft Entra ID',
    variable: 'ENTRA',
    steps: [
      'App registrations > New registration; platform Web, redirect URI {callback}.',
      'Certificates & secrets > New client secret. Or upload a certificate, and use `browserLoginOverrides: { clientKey }`.',
      'Front-channel or post-logout redirect: add {signedOut} as a further redirect URI.',
      'App roles > Create app role, and assign users in Enterprise applications; or Token configuration > Add groups claim.',
    ],
    notes: [
      'A user is named by `tid` and `oid`, since `sub` differs by application: two gateways see the same person. Both come with the scope `profile`.',
      'More than 200 groups do not fit into a token (it then points to Microsoft Graph): use app roles, or "Groups assigned to the application".',
      'Several tenants: register for "any organizational directory" and give `allowedTenants` in place of `tenantId`. `common`, `organizations` and `consumers` alone are refused: everybody in the world has an account there.',
      'Sovereign clouds: `cloud: "us-government"` or `cloud: "china"`.',
      'The parameter `resource` is refused by its v2 endpoints and never sent.',
    ],
  },
  google: {
    title: 'Google',
    variable: 'GOOGLE',
    steps: [
      'Google Cloud console > APIs & Services > OAuth consent screen: Internal for a Workspace.',
      'Credentials > Create credentials > OAuth client ID > Web application; Authorized redirect URIs: {callback}.',
    ],
    notes: [
      '`hostedDomain` is compared with the claim `hd` of the ID token; the parameter that is sent as well only preselects accounts. Without it everybody with a Google account signs in.',
      'Google tells no groups: give roles by `identity: { mapIdentity }`.',
      '`offlineAccess` sends `access_type=offline` and `prompt=consent`. There is no logout at Google for other applications.',
    ],
  },
  keycloak: {
    title: 'Keycloak',
    variable: 'KEYCLOAK',
    steps: [
      'Clients > Create client: OpenID Connect, client authentication on, standard flow only.',
      'Valid redirect URIs: {callback}. Valid post logout redirect URIs: {signedOut}.',
      'Client scopes > roles > Mappers > realm roles and client roles: switch on "Add to ID token". For groups add a mapper "Group Membership" with the claim name `groups`.',
      'Logout settings: Backchannel logout URL `https://mcp.example.com/oauth/backchannel-logout`.',
    ],
    notes: [
      'Roles: `realm_access.roles`, the roles of this client in `resource_access`, and `groups` (full paths start with a slash).',
      'The issuer is the public one (`hostname` setting), though this server may reach Keycloak inside the cluster: give `oidc.discoveryUrl` by spreading the preset and adding to it.',
    ],
  },
  logto: {
    title: 'Logto',
    variable: 'LOGTO',
    steps: [
      'Applications > Create application > Traditional web.',
      'Redirect URIs: {callback}. Post sign-out redirect URIs: {signedOut}. Backchannel logout URI: `https://mcp.example.com/oauth/backchannel-logout`.',
    ],
    notes: [
      'Roles come with the scope `roles`.',
      '`offlineAccess` sends `offline_access` and `prompt=consent`. Its keys are on P-384 (ES384).',
    ],
  },
  okta: {
    title: 'Okta',
    variable: 'OKTA',
    steps: [
      'Applications > Create App Integration > OIDC > Web Application; grant types Authorization Code and, for `offlineAccess`, Refresh Token.',
      'Sign-in redirect URIs: {callback}. Sign-out redirect URIs: {signedOut}. Assign people or groups.',
      'Sign On > OpenID Connect ID Token > Groups claim: a filter, such as `groups` matches regex `.*`.',
    ],
    notes: [
      'Without `authorizationServerId` the org authorization server is used. With it, such as `default`, a custom one, whose claim `groups` and scope `groups` are made under Security > API.',
      'Okta hands out ID-JAGs for its own users: they are taken by `idJag`.',
    ],
  },
  onelogin: {
    title: 'OneLogin',
    variable: 'ONELOGIN',
    steps: [
      'Applications > Add App > OpenId Connect (OIDC).',
      'Configuration: Redirect URIs {callback}, Post Logout Redirect URIs {signedOut}.',
      'SSO: Application Type Web, Token Endpoint Authentication Method POST. Parameters: the groups field is the source of `groups`.',
    ],
    notes: ['Roles: the claim `groups`, which comes with the scope `groups`.'],
  },
  ping: {
    title: 'PingOne',
    variable: 'PING',
    steps: [
      'Connections > Applications > Add > OIDC Web App; grant types Authorization Code and, for `offlineAccess`, Refresh Token.',
      'Redirect URIs: {callback}. Signoff URLs: {signedOut}. Resources: openid, profile, email.',
      'Attribute Mappings: map Group Names to `groups`, or an attribute to `roles`.',
    ],
    notes: [
      'Regions: north-america (default), canada, europe, singapore, australia, asia-pacific. With `customDomain` neither region nor environment is needed.',
      'PingFederate has a preset of its own.',
    ],
  },
  workos: {
    title: 'WorkOS',
    variable: 'WORKOS',
    steps: [
      'Redirects: add {callback}.',
      'API Keys: the client id, and an API key as `clientSecret`.',
      'Or, with `authkitDomain`: Connect > OAuth application, whose id and secret are used, with the same redirect URI.',
    ],
    notes: [
      'By the client id alone the user management API signs people in. It issues no ID token: its access token, a JWT of the issuer, is the identity, with name and email from the token answer.',
      'Roles: `role` and `roles` of the organisation that the user signed in to. `org_id` and `permissions` are in `req.user.data`.',
      'With `authkitDomain` it is OpenID Connect.',
    ],
  },
  github: {
    title: 'GitHub',
    variable: 'GITHUB',
    steps: [
      'Settings > Developer settings > OAuth Apps > New OAuth App; Authorization callback URL: {callback}.',
      'Generate a new client secret.',
    ],
    notes: [
      'GitHub issues no ID token: the answer of its API is the identity, named by the numeric id. `login` is in `req.user.data`; a private email is not told.',
      'Everybody with a GitHub account signs in: refuse others by `authorizeUser`, or by `identity: { mapIdentity }`, which gets the access token to ask for organisations and teams.',
      'Its tokens do not expire and it gives no refresh token, so that `offlineAccess` asks nobody. There is no logout for other applications.',
    ],
  },
  gitlab: {
    title: 'GitLab',
    variable: 'GITLAB',
    steps: [
      'User, group or Admin settings > Applications > Add new application; Redirect URI: {callback}; Confidential; scopes openid, profile, email.',
    ],
    notes: [
      'Roles: the full paths of all groups, which userinfo tells; the ID token has the direct ones only.',
      'On gitlab.com everybody signs in: refuse others by `authorizeUser`. For a server of your own give `gitlabUrl`.',
    ],
  },
  supabase: {
    title: 'Supabase',
    variable: 'SUPABASE',
    steps: [
      'Authentication > OAuth Server: enable it, and build the page that asks for consent.',
      'Project Settings > JWT keys: change to asymmetric signing keys (ES256 or RS256). ID tokens under HS256 are refused.',
      'Authentication > OAuth Apps > Add: a confidential client with the redirect URI {callback}.',
    ],
    notes: [
      'Roles: `app_metadata.roles` or `.role`, which only the service role writes, if a Custom Access Token hook puts them into the token. `user_metadata` never counts, nor does `role`, which is a role of the database.',
    ],
  },
  descope: {
    title: 'Descope',
    variable: 'DESCOPE',
    steps: [
      'Applications > + Application > OIDC.',
      'Add {callback} to the approved redirect URLs. The client id is the project id, the secret an access key.',
    ],
    notes: [
      'Roles come with the scope `descope.claims`; those of tenants do not count.',
      'Descope has several forms of issuer: where the application shows another one, give it as `issuer`. Regions by `baseUrl`.',
    ],
  },
  zitadel: {
    title: 'ZITADEL',
    variable: 'ZITADEL',
    steps: [
      'Project > New application > Web > Code; redirect URI {callback}, post logout URI {signedOut}; authentication POST.',
      'Project > General: "Assert Roles on Authentication". Application > Token settings: "User roles inside ID Token".',
      'Back-channel logout URI: `https://mcp.example.com/oauth/backchannel-logout`.',
    ],
    notes: [
      'Roles: the names of the members of `urn:zitadel:iam:org:project:roles`, whose scope is asked for. `projectId` adds those of another project.',
    ],
  },
  authentik: {
    title: 'authentik',
    variable: 'AUTHENTIK',
    steps: [
      'Applications > Providers > Create > OAuth2/OpenID: Confidential, a signing key (RS256), redirect URI {callback} (strict).',
      'Advanced protocol settings: the scopes openid, profile, email, and offline_access for `offlineAccess`.',
      'Applications > Create: its slug is `applicationSlug`.',
    ],
    notes: [
      'Roles: the groups, which come with `profile`. Without a signing key its ID tokens are HS256, which is refused.',
      'Issuer mode "Same identifier is used for all providers" is `issuerMode: "global"`. Its issuers end with a slash.',
    ],
  },
  authelia: {
    title: 'Authelia',
    variable: 'AUTHELIA',
    steps: [
      'In `identity_providers.oidc.clients` add a client: `client_id`, hashed `client_secret`, `redirect_uris` with {callback}, scopes openid, profile, email, groups (and offline_access), `token_endpoint_auth_method: client_secret_post`, `require_pkce: true`.',
    ],
    notes: [
      'Its ID tokens carry hardly a claim, so that userinfo is asked at each login. Roles: the groups.',
      'It has no logout for other applications.',
    ],
  },
  pingfederate: {
    title: 'PingFederate',
    variable: 'PINGFEDERATE',
    steps: [
      'Applications > OAuth > Clients > Add client: authentication Client Secret, redirect URI {callback}, grant types Authorization Code and Refresh Token.',
      'The OpenID Connect policy maps attributes to `name`, `email`, `groups` or `roles`, delivered in the ID token.',
      'Allow {signedOut} under Redirect Validation, for SLO.',
    ],
    notes: [
      'Its logout is published under a name of its own and takes `TargetResource`. Where the administrator chose another issuer, give it as `issuer`.',
    ],
  },
  generic: {
    title: 'Any other provider',
    variable: 'OIDC',
    steps: [
      'Register a confidential web application with the authorization code grant and the redirect URI {callback}; post logout redirect URI {signedOut}.',
      'Copy the issuer from its discovery document, `<issuer>/.well-known/openid-configuration`, byte by byte: a slash more or less fails each login, with a message that says so.',
    ],
    notes: [
      'Roles: `roles`, `role` and `groups` are found by themselves; anything else by `identity: { rolesClaims: ["path.to.roles"] }`.',
      'What else a provider may need is in docs/sign-in.md: all of it can be given besides.',
    ],
  },
};
