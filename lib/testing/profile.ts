/**
 * How one identity provider behaves where it matters to a relying party: its discovery document, and what it does with
 * tokens, scopes, errors and logout. Every fact names its source, and whether that source states it.
 */

/** Something a provider does. */
export interface Fact<T> {
  readonly value: T;
  /** Public document, or the specification that a provider is assumed to follow. */
  readonly source: string;
  /** Whether the source states it for this provider. Nothing here was checked against the running service. */
  readonly confirmed: boolean;
}

/** When a login brings a refresh token. */
export type RefreshTokenRule =
  | 'always'
  | 'never'
  /** The scope `offline_access` was granted (OpenID Connect Core section 11). */
  | 'offline_access'
  /** The same, and `prompt=consent` came with it. */
  | 'offline_access and prompt=consent'
  /** The authorization request said `access_type=offline` and `prompt=consent` (Google). */
  | 'access_type=offline';

/** What a provider signs ID tokens with. */
export type SigningAlgorithm = 'RS256' | 'ES256' | 'ES384';

/** What a provider does, each with its source. */
export interface ProviderBehaviour {
  /** Whether its metadata can be fetched from below its issuer. */
  readonly discovery: Fact<boolean>;
  /** Whether a login with `openid` brings an ID token. */
  readonly idToken: Fact<boolean>;
  readonly signingAlgorithm: Fact<SigningAlgorithm>;
  /** Whether the keys of its key set carry `alg` (RFC 7517 section 4.4: optional). */
  readonly keysNameAlgorithm: Fact<boolean>;
  readonly accessToken: Fact<'opaque' | 'jwt'>;
  readonly refreshToken: Fact<RefreshTokenRule>;
  /** Whether a refresh brings a new refresh token in place of the old one. */
  readonly refreshRotates: Fact<boolean>;
  /** Whether a refresh brings an ID token (OpenID Connect Core section 12.2: optional). */
  readonly refreshIdToken: Fact<boolean>;
  /** What it does with the parameter `resource` (RFC 8707). */
  readonly resource: Fact<'ignored' | 'refused'>;
  /** Scopes that end a login with `invalid_scope`. */
  readonly refusedScopes: Fact<readonly string[]>;
  /** What separates scopes in a query: some take `%20` only, although `+` means the same in a form. */
  readonly scopeSeparator: Fact<'+ or %20' | '%20'>;
  /**
   * The token endpoint's answers. GitHub's are forms unless JSON is asked for, and its errors come with status 200;
   * those of WorkOS carry a user and no `token_type`.
   */
  readonly tokenAnswers: Fact<'json' | 'github' | 'workos'>;
  /** What its token endpoint's errors carry. Okta tells of an unknown client in a form of its own. */
  readonly tokenErrors: Fact<'oauth' | 'aadsts' | 'errorCode'>;
  readonly logout: Fact<LogoutForm>;
  /** Whether ID tokens carry `sid`, for OpenID Connect Back-Channel Logout 1.0. */
  readonly backChannelLogout: Fact<boolean>;
  /** Whether ID tokens carry `azp`, the client id. */
  readonly authorizedParty: Fact<boolean>;
}

/** How the browser is signed out. */
export type LogoutForm =
  /** OpenID Connect RP-Initiated Logout 1.0. */
  | 'rp-initiated'
  /** `client_id` and `logout_uri` (Amazon Cognito). */
  | 'logout_uri'
  /** `TargetResource` alone (PingFederate). */
  | 'TargetResource'
  | 'none';

/** A person with the claims that this provider issues for them. */
export interface SimulatedUser {
  /** Claims of the ID token beyond those of the protocol. `iss` stands in for the issuer where a provider has one per tenant. */
  readonly idToken: Readonly<Record<string, unknown>>;
  /** Claims of userinfo. @defaultValue those of the ID token */
  readonly userinfo?: Readonly<Record<string, unknown>>;
  /** Claims of a JWT access token. @defaultValue `sub` */
  readonly accessToken?: Readonly<Record<string, unknown>>;
}

/** One provider. */
export interface ProviderProfile {
  readonly name: string;
  readonly title: string;
  /** Values of `{name}` in URLs: those of an example tenant, by the names of the preset's options. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The discovery document, field by field; or, where there is none to fetch, the same facts. */
  readonly metadata: Readonly<Record<string, Fact<unknown>>>;
  /** Where the discovery document is, if not below the issuer. */
  readonly discoveryUrl?: Fact<string>;
  /** Client authentication at the token endpoint, where the discovery document does not say. */
  readonly clientAuthMethods?: Fact<readonly string[]>;
  /** The logout endpoint of a provider whose discovery document names none. */
  readonly logoutEndpoint?: Fact<string>;
  readonly behaviour: ProviderBehaviour;
  /** Claims that come only with a scope, by scope. */
  readonly scopedClaims: Readonly<Record<string, readonly string[]>>;
  /** People by the name to sign in with. */
  readonly users: Readonly<Record<string, SimulatedUser>>;
}

/** Facts that a public document states for this provider. */
export function documented<const T extends Readonly<Record<string, unknown>>>(
  source: string,
  facts: T,
): { readonly [Name in keyof T]: Fact<T[Name]> } {
  return withSource(facts, source, true);
}

/** Facts taken over from a specification or from similar providers. */
export function assumed<const T extends Readonly<Record<string, unknown>>>(
  source: string,
  facts: T,
): { readonly [Name in keyof T]: Fact<T[Name]> } {
  return withSource(facts, source, false);
}

function withSource<T extends Readonly<Record<string, unknown>>>(facts: T, source: string, confirmed: boolean) {
  const entries = Object.entries(facts).map(([name, value]) => [name, { value, source, confirmed }]);
  return Object.fromEntries(entries) as { readonly [Name in keyof T]: Fact<T[Name]> };
}

/** What a provider does of which nothing else is known: the specifications' ordinary case. */
export const standardBehaviour = assumed('OpenID Connect Core 1.0', {
  discovery: true,
  idToken: true,
  signingAlgorithm: 'RS256',
  keysNameAlgorithm: true,
  accessToken: 'opaque',
  refreshToken: 'offline_access',
  refreshRotates: true,
  refreshIdToken: true,
  resource: 'ignored',
  refusedScopes: [],
  scopeSeparator: '+ or %20',
  tokenAnswers: 'json',
  tokenErrors: 'oauth',
  logout: 'rp-initiated',
  backChannelLogout: false,
  authorizedParty: false,
}) satisfies ProviderBehaviour;

/** OpenID Connect Core section 5.4. */
export const standardScopedClaims: ProviderProfile['scopedClaims'] = {
  profile: ['name', 'given_name', 'family_name', 'nickname', 'preferred_username', 'picture', 'locale'],
  email: ['email', 'email_verified'],
};
