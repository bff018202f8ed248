/** Redemption of ID-JAGs (Identity Assertion JWT Authorization Grant; MCP Enterprise-Managed Authorization). */
export interface IdJagOptions {
  /** Identity providers whose assertions are redeemed. At least one. They are never named in metadata. */
  readonly trustedIssuers: readonly TrustedIdJagIssuer[];
  /** Longest life of an assertion, `exp` less `iat`, seconds. Integer, 30 to 3600. @defaultValue 300 */
  readonly maxLifetimeSeconds?: number;
  /** How far the clocks may differ, seconds. Integer, 0 to 300. @defaultValue 60 */
  readonly clockToleranceSeconds?: number;
  /**
   * Whether an assertion is good once, on every replica, or as often as its client likes until it expires (some clients
   * keep theirs). MCP Enterprise-Managed Authorization section 7.4.2 requires `single-use`. @defaultValue 'single-use'
   */
  readonly replay?: 'single-use' | 'until-expiry';
  /** Whether clients without authentication may redeem assertions, too. @defaultValue false */
  readonly allowPublicClients?: boolean;
}

/** The claims of an assertion whose signature, issuer, audience, client and times were found right. */
export type IdJagClaims = Readonly<Record<string, unknown>> & { readonly iss: string; readonly sub: string };

/** An identity provider whose ID-JAGs are redeemed. */
export interface TrustedIdJagIssuer {
  /** Exact issuer identifier: an assertion's `iss` is compared with it byte by byte. */
  readonly issuer: string;
  /** URL of its JSON Web Key Set. @defaultValue found in its metadata with the first assertion */
  readonly jwksUrl?: string;
  /** Its public keys, instead of a URL: nothing is fetched then. */
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  /** Signature algorithms. @defaultValue every asymmetric one of RFC 7518 section 3.1, EdDSA and Ed25519 */
  readonly algorithms?: readonly string[];
  /**
   * Allow-list of clients: what its assertions call a client (`client_id`), and the client's id here.
   * @defaultValue every client that may redeem, under its id here
   */
  readonly clients?: Readonly<Record<string, string>>;
  /**
   * Resources that it may speak for: paths such as `/mcp`, or URLs of resources elsewhere. @defaultValue all, but of those
   * that name `identityProviders` only where it is one of these
   */
  readonly resources?: readonly string[];
  /** Scopes that it may give. @defaultValue every scope of the resource that the assertion names */
  readonly allowedScopes?: readonly string[];
  /**
   * Whom an assertion speaks of: the user's subject as a browser login at this provider has it; undefined refuses. Needed
   * where assertions carry `tenant`, as `sub` is unique within one tenant only.
   * @defaultValue `sub`, or at the provider of the browser login what `identity.subjectClaims` name
   */
  readonly subjectOf?: (claims: IdJagClaims) => string | undefined | Promise<string | undefined>;
  /**
   * Roles and claims of the user, over those that a browser login takes by the option `identity`. Roles of which nothing
   * says anything stay as the last login said.
   */
  readonly mapIdentity?: (claims: IdJagClaims) => AssertedProfile | Promise<AssertedProfile>;
}

/** What `mapIdentity` finds in an assertion. */
export interface AssertedProfile {
  readonly roles?: readonly string[];
  readonly claims?: Readonly<Record<string, unknown>>;
}
