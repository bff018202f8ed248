/** The identity provider's side: where it is, and what its tokens must say. Identity presets fill most of it in. */
export interface OidcOptions {
  /**
   * Exact issuer identifier; compared with the ID token's `iss` (OpenID Connect Core section 3.1.3.7). `{tenantid}` in it
   * stands for the token's `tid` claim, for which `allowedTenants` must be given (Microsoft Entra, several tenants).
   */
  readonly issuer: string;
  /** Values of `tid` that `{tenantid}` in `issuer` may stand for. */
  readonly allowedTenants?: readonly string[];
  /**
   * `oauth2` for a provider that issues no ID token; all its endpoints must be given. The identity is the answer of its
   * userinfo endpoint (GitHub); or, with `jwksUrl` instead of `userinfoUrl`, its access token, a JWT of the issuer, and
   * `user` of the token answer (WorkOS). @defaultValue 'oidc'
   */
  readonly protocol?: 'oidc' | 'oauth2';
  /** URL of the discovery document. @defaultValue `<issuer>/.well-known/openid-configuration` */
  readonly discoveryUrl?: string;
  /** URL of the provider's JSON Web Key Set. @defaultValue found by OpenID Connect Discovery */
  readonly jwksUrl?: string;
  /** Userinfo endpoint (OpenID Connect Core section 5.3). @defaultValue found by discovery */
  readonly userinfoUrl?: string;
  /** A further audience, or several, that an ID token may name besides or instead of `browserLogin.clientId`. */
  readonly audience?: string | readonly string[];
  /**
   * Audience that the provider's access token must name as well: it must then be a JWT signed by the same issuer (Auth0
   * with an API). @defaultValue access tokens are not looked at
   */
  readonly accessTokenAudience?: string;
}

/** The browser's way to the identity provider and back, and this server's way to its token endpoint. */
export interface BrowserLoginOptions {
  /**
   * Authorization endpoint of the identity provider, or `<issuer>/oauth/dev-login` for a sign-in page without passwords
   * on loopback. @defaultValue found by discovery
   */
  readonly url?: string;
  /** Token endpoint of the identity provider. @defaultValue found by discovery */
  readonly tokenUrl?: string;
  /** Client registered at the identity provider, with the redirect URI `<issuer>/oauth/callback`. */
  readonly clientId?: string;
  /** Required for `client_secret_post` and `client_secret_basic`. */
  readonly clientSecret?: string;
  /**
   * How this server authenticates at the token endpoint (OpenID Connect Core section 9). `none` is a public client, which
   * PKCE protects. @defaultValue 'client_secret_post', or 'private_key_jwt' where `clientKey` is given
   */
  readonly clientAuthMethod?: 'client_secret_post' | 'client_secret_basic' | 'private_key_jwt' | 'none';
  /** Key of `private_key_jwt` (RFC 7523 section 2.2). */
  readonly clientKey?: ClientKeyOptions;
  /**
   * `form` encodes id and secret before they go into a Basic header (RFC 6749 section 2.3.1); `none` is for providers that
   * take them as they are. @defaultValue 'form'
   */
  readonly clientSecretBasicEncoding?: 'form' | 'none';
  /** @defaultValue 'openid profile email' */
  readonly scope?: string;
  /** `audience` parameter of the authorization request (Auth0). */
  readonly audience?: string;
  /**
   * Further parameters of the authorization request, such as `{ hd: 'acme.example' }`. Those of the protocol itself cannot
   * be given. `prompt` is merged with what the request asks for.
   */
  readonly authorizationParameters?: Readonly<Record<string, string>>;
  /**
   * Values of `prompt` that this provider takes, such as `['consent', 'select_account']`: of `login` and `select_account` the
   * one stands in for the other. @defaultValue `prompt_values_supported` of the discovery document, else `['login']`
   */
  readonly promptValues?: readonly ('login' | 'select_account' | 'consent' | 'none' | 'create')[];
  /** `resource` parameter of the authorization and token requests (RFC 8707). @defaultValue never sent: several providers refuse it */
  readonly resource?: string;
  /**
   * Ask the provider for a refresh token, keep it encrypted, and ask the provider again at every refresh of a client:
   * changed roles hold from then on, and a user who was disabled there gets no further token. @defaultValue false
   */
  readonly offlineAccess?: boolean;
  /** How this provider is asked for a refresh token, where `offlineAccess` is on. @defaultValue { scope: 'offline_access' } */
  readonly offlineAccessRequest?: OfflineAccessRequest;
  /** How the provider is told that the user signs out; false where it cannot be told. @defaultValue RP-initiated logout */
  readonly logout?: false | LogoutOptions;
  /** Time limit of each call to the identity provider, milliseconds. Integer, 100 to 60000. @defaultValue 10000 */
  readonly remoteTimeoutMs?: number;
  /** How long a sign-in may take, seconds. Integer, 30 to 3600. @defaultValue 900 */
  readonly stateTtlSeconds?: number;
  /** How long the browser stays signed in here, seconds from the login. Integer, 1 to 2592000. @defaultValue 28800 */
  readonly sessionTtlSeconds?: number;
}

/** A private key with which this server signs assertions for the identity provider. */
export interface ClientKeyOptions {
  /** PKCS#8 PEM text, or a private JSON Web Key. */
  readonly key: string | Readonly<Record<string, unknown>>;
  /** @defaultValue the JWK's `alg`; else 'RS256', 'ES256', 'ES384' or 'EdDSA', by the kind of key */
  readonly algorithm?: 'RS256' | 'PS256' | 'ES256' | 'ES384' | 'EdDSA';
  /** `kid` of the assertion's header. @defaultValue the JWK's */
  readonly keyId?: string;
  /** Further members of the header, such as `x5t#S256`, the certificate's thumbprint (Entra). */
  readonly header?: Readonly<Record<string, string>>;
  /** Audience of the assertion. @defaultValue 'issuer' */
  readonly audience?: 'issuer' | 'token_endpoint';
}

/** What an authorization request carries so that a refresh token is issued. */
export interface OfflineAccessRequest {
  /** Added to the scope. */
  readonly scope?: string;
  /** Added to the parameters, such as `{ access_type: 'offline', prompt: 'consent' }` (Google). */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** Logout at the identity provider: OpenID Connect RP-Initiated Logout 1.0 section 2, or a form of the provider's own. */
export interface LogoutOptions {
  /** @defaultValue `end_session_endpoint` of the discovery document */
  readonly url?: string;
  /** Name of the parameter with the URL to come back to, such as `returnTo` (Auth0). @defaultValue 'post_logout_redirect_uri' */
  readonly returnParameter?: string;
  /** Name of the parameter with the client id. @defaultValue 'client_id' */
  readonly clientIdParameter?: string;
  /** Whether the ID token of the login goes along as `id_token_hint`. @defaultValue true */
  readonly idTokenHint?: boolean;
}

/** How claims of the identity provider become the identity that MCP servers see. */
export interface IdentityOptions {
  /**
   * Claims that name the person for good. Of several, all are joined, each encoded, with a colon; all must be there.
   * @defaultValue ['sub']
   * @example ['tid', 'oid'] // Microsoft Entra, where `sub` differs by application
   */
  readonly subjectClaims?: readonly string[];
  /**
   * Where roles and groups are; all are gathered in one list. @defaultValue `roles`, `role` and `groups` at the top, also
   * behind a namespace such as `https://gateway.example.com/roles` or `cognito:groups`
   */
  readonly rolesClaims?: readonly RolesClaim[];
  /** Paths of further claims to keep in `req.user.data`, besides name, email and the like. */
  readonly claims?: readonly string[];
  /**
   * Claims without which nobody signs in, with the value or values allowed.
   * @example { hd: 'acme.example' } // Google Workspace
   */
  readonly requiredClaims?: Readonly<Record<string, string | readonly string[]>>;
  /**
   * When the userinfo endpoint is asked: where the ID token lacks a claim that these options name, or name and email
   * altogether; always; or never. The ID token's claims win. @defaultValue 'when_missing'
   */
  readonly userinfo?: 'when_missing' | 'always' | 'never';
  /**
   * The last word on roles and further claims. What it leaves out stays; issuer and subject cannot be changed. It may ask
   * the provider, with the login's access token.
   */
  readonly mapIdentity?: MapIdentity;
  /**
   * Keep the provider's tokens, encrypted, and give them to the app by `auth.identity(req)`. @defaultValue false
   */
  readonly exposeTokens?: boolean;
}

/**
 * A claim with roles. The path is the claim's name, or names joined by dots (`realm_access.roles`); a claim whose own name
 * has dots is found, too. A list gives its texts; an object gives the names of its members (ZITADEL); a text is one role
 * unless a delimiter is given.
 */
export type RolesClaim = string | { readonly path: string; readonly delimiter: string };

/** Makes roles and claims of what the identity provider said. */
export type MapIdentity = (
  claims: Readonly<Record<string, unknown>>,
  login: { readonly accessToken?: string },
) => MappedIdentity | Promise<MappedIdentity>;

/** What `mapIdentity` decides. */
export interface MappedIdentity {
  readonly roles?: readonly string[];
  /** Kept besides the chosen ones; must be JSON. */
  readonly claims?: Readonly<Record<string, unknown>>;
}
