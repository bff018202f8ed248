import type { IncomingMessage } from 'node:http';
import type { RateLimitOptions } from './authorization-server/rate-limit-options.ts';
import type { ConsentOptions } from './consent/consent-options.ts';
import type { IdentityProviderOptions } from './federation/identity-providers-options.ts';
import type { BrowserLoginOptions, IdentityOptions, OidcOptions } from './federation/login-options.ts';
import type { OwnLoginOptions } from './federation/own-login-options.ts';
import type { IdJagOptions } from './grants/id-jag-options.ts';
import type { ForwardingOptions } from './proxy/proxy-options.ts';
import type { Logger } from './shared/events.ts';
import type { PagesOptions } from './shared/pages/pages-options.ts';
import type { UpstreamCredential } from './shared/upstream-credentials.ts';
import type { AuthorizeUser } from './shared/user-policy.ts';
import type { Storage } from './storage/storage.ts';
import type { TelemetryOptions } from './telemetry/telemetry-options.ts';

/** Options of `mcpOAuth()`. Everything not given has the default named here; unknown names are refused at start. */
export interface McpOAuthOptions {
  /**
   * Issuer identifier (RFC 8414 section 2): the public https URL of this server, without trailing slash, such as
   * `https://mcp.example.com`. http is allowed on loopback. Left out, it is taken from each request's Host, on loopback
   * hosts and outside production only.
   */
  readonly issuer?: string;
  /**
   * Several issuers instead of one: allowed origins, such as `['https://a.example.com', 'https://b.example.com']`, or a
   * predicate. Each request's scheme and host (as Express's `trust proxy` says) choose one; each has a provider, keys and
   * records of its own.
   */
  readonly origins?: readonly string[] | ((origin: string) => boolean);
  /**
   * The identity provider that signs people in. Required, unless `browserLogin.url` is this server's dev login or one of
   * `identityProviders` and `login` is given.
   */
  readonly oidc?: OidcOptions;
  /** How the browser is sent to the identity provider; beside `identityProviders` or `login` lifetimes only. */
  readonly browserLogin?: BrowserLoginOptions;
  /** Several identity providers instead of one: people choose, or their email domain or the resource does. */
  readonly identityProviders?: readonly IdentityProviderOptions[];
  /** The app's own login instead of an identity provider. */
  readonly login?: OwnLoginOptions;
  /** How the identity provider's claims become `req.user`. */
  readonly identity?: IdentityOptions;
  /** Which users may use which resource with which client. @defaultValue everybody who can sign in */
  readonly authorizeUser?: AuthorizeUser;
  readonly gateway?: GatewayOptions;
  /** Dynamic client registration (RFC 7591). */
  readonly registration?: RegistrationOptions;
  /** Client ID Metadata Documents; switched by `gateway.cimdEnabled`. */
  readonly cimd?: CimdOptions;
  /** Clients known in advance. Their ids are never registered or loaded from elsewhere. */
  readonly clients?: readonly ClientMetadata[];
  /**
   * Looks a client up in the app's own database, after `clients` and registered ones. A rejection is answered with 503,
   * never with `invalid_client`. Answers are remembered for 30 seconds.
   */
  readonly loadClient?: (clientId: string) => Promise<ClientMetadata | undefined>;
  /** Tokens for assertions of the company's identity provider, without a browser (MCP Enterprise-Managed Authorization). */
  readonly idJag?: IdJagOptions;
  /** MCP routes by configuration, instead of or beside `auth.authenticate` and `auth.proxy`. */
  readonly routes?: readonly RouteOptions[];
  /**
   * Resources that other servers host and that trust this issuer (`express-mcp-auth/resource`): clients get tokens for them
   * here. Their metadata and their checks are those servers' own.
   */
  readonly resources?: readonly RemoteResourceOptions[];
  /** Where everything is kept. @defaultValue a SQLite file `./.mcp-oauth.sqlite`; must be named in production */
  readonly storage?: Storage;
  /**
   * Secret from which cookie and encryption keys are derived: at least 32 characters, the same on every replica. A list
   * rotates: the first is used, the others are still accepted. Required in production; otherwise generated into the store.
   */
  readonly secret?: string | readonly string[];
  readonly signingKeys?: SigningKeyOptions;
  /** Limits of what strangers may do. `false` turns all of them off. */
  readonly rateLimits?: RateLimitOptions | false;
  /** What people are asked, and how often. */
  readonly consent?: ConsentOptions;
  /** Brand, words and looks of the pages. */
  readonly pages?: PagesOptions;
  readonly outbound?: OutboundOptions;
  /** Receives every event as text. @defaultValue silent */
  readonly logger?: Logger;
  /** OpenTelemetry spans and metrics; needs the package `@opentelemetry/api`. @defaultValue off: nothing is loaded */
  readonly telemetry?: boolean | TelemetryOptions;
  /**
   * Escape hatch to every oidc-provider setting: changes the configuration in place before a provider is built. What the
   * product's safety rests on is checked afterwards.
   */
  readonly configureProvider?: (configuration: Record<string, unknown>) => void;
}

/** The authorization server's own settings. */
export interface GatewayOptions {
  /** Access token lifetime, seconds. Integer, 1 to 86400. @defaultValue 900 */
  readonly accessTokenTtlSeconds?: number;
  /** How long refresh tokens work, seconds from the login, or from the last refresh that started it anew. Integer, 1 to 31536000. @defaultValue 2592000 */
  readonly refreshTokenTtlSeconds?: number;
  /**
   * Whether a refresh starts the lifetime anew although the identity provider was not asked. A refresh at which it confirmed
   * the user always does (`browserLogin.offlineAccess`). @defaultValue false
   */
  readonly refreshTokenSliding?: boolean;
  /**
   * How long a retry of a refresh gets the same successor, seconds; it ends early when the successor is used. Integer,
   * 0 (off) to 300. @defaultValue 30
   */
  readonly refreshGraceSeconds?: number;
  /** Whether Client ID Metadata Documents are accepted and advertised. @defaultValue true */
  readonly cimdEnabled?: boolean;
  /**
   * `opaque` tokens can be revoked and introspected; `jwt` (RFC 9068) can be verified by servers elsewhere, too.
   * @defaultValue 'opaque'
   */
  readonly accessTokenFormat?: 'opaque' | 'jwt';
  /**
   * Whether a JWT's grant is looked up, so that revocation works as for opaque tokens. Off, a revoked JWT works until it
   * expires. @defaultValue true
   */
  readonly jwtRevocationCheck?: boolean;
  /**
   * Serve `/authorize`, `/token` and `/register` at the root too, for clients of MCP 2025-03-26 that read no metadata.
   * @defaultValue false
   */
  readonly endpointAliases?: boolean;
  /**
   * Sender-constrained tokens (RFC 9449): clients that prove possession of a key get tokens bound to it. Others still get
   * bearer tokens. @defaultValue false
   */
  readonly dpop?: boolean;
  /** Whether proofs must carry a nonce of this server (RFC 9449 sections 8 and 9). @defaultValue false */
  readonly dpopRequireNonce?: boolean;
  /** Path under which the endpoints live; `/.well-known` is not moved. @defaultValue '/oauth' */
  readonly basePath?: string;
  /**
   * How long a verified token is remembered, seconds: the only delay of a revocation made in another process.
   * Integer, 0 (off) to 60. @defaultValue 5
   */
  readonly tokenCacheSeconds?: number;
  /**
   * Ids of confidential `clients` that are resource servers: each may introspect the access tokens of all clients (RFC 7662
   * section 2.1). Every other client may introspect its own only, and revocation is always of own tokens only.
   * @defaultValue none
   */
  readonly introspectionClients?: readonly string[];
}

/** Who may register, with what, and for how long. */
export interface RegistrationOptions {
  /** Whether the registration endpoint exists. @defaultValue true */
  readonly enabled?: boolean;
  /** A bearer token that registration requests must carry (RFC 7591 section 3). @defaultValue none needed */
  readonly initialAccessToken?: string;
  /** Private-use redirect schemes without a dot, besides those of known clients, such as `['acme-app']`. */
  readonly allowedSchemes?: readonly string[];
  /** The last word on a redirect URI that passed all other rules, at registration and at each authorization. */
  readonly allowRedirect?: (uri: string) => boolean;
  /** Life of a client that never got a token, seconds. Integer, 60 to 2592000. @defaultValue 86400 */
  readonly unusedClientTtlSeconds?: number;
  /** Life of a client from its last token on, seconds. Integer, 60 to 315360000. @defaultValue 7776000 */
  readonly clientTtlSeconds?: number;
}

/** Policy for Client ID Metadata Documents. None of it touches the check of addresses but `internalHosts`. */
export interface CimdOptions {
  /** How long the last good copy of an approved client's document stands in while its host fails, seconds. Integer, 0 to 604800. @defaultValue 86400 */
  readonly staleIfErrorSeconds?: number;
  /** Hosts that may publish documents: names, or `*.example.com`. @defaultValue all */
  readonly allowedHosts?: readonly string[];
  /** Hosts that may not. */
  readonly deniedHosts?: readonly string[];
  /** Exact `host:port` entries that may have a private address, such as `clients.corp.example:443`. Told in a warning at start. */
  readonly internalHosts?: readonly string[];
  /** The last word on a document that passed all checks. */
  readonly allowClient?: (document: Readonly<Record<string, unknown>>) => boolean;
  /** Documents by client id that are used as they are, and never fetched. */
  readonly pinned?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Client metadata in the names of RFC 7591 section 2. */
export interface ClientMetadata {
  readonly client_id: string;
  readonly client_secret?: string;
  readonly client_name?: string;
  /** Required of clients that sign people in: those whose grants hold `authorization_code`. */
  readonly redirect_uris?: readonly string[];
  /** @defaultValue 'client_secret_basic' with a secret, 'private_key_jwt' with keys, else 'none' */
  readonly token_endpoint_auth_method?: 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';
  /**
   * `authorization_code`, `refresh_token`; of clients that authenticate also `client_credentials` and, beside `idJag`,
   * `urn:ietf:params:oauth:grant-type:jwt-bearer`. @defaultValue ['authorization_code', 'refresh_token']
   */
  readonly grant_types?: readonly string[];
  /**
   * What the client may get by `client_credentials`, where no user limits it: scopes by resource, a path or a URL. Resources
   * that are left out are refused. @defaultValue the `scopes` of every resource, nothing of its `optionalScopes`
   * @example { '/mcp': ['mcp:tools', 'files:write'] }
   */
  readonly resource_scopes?: Readonly<Record<string, readonly string[]>>;
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  readonly jwks_uri?: string;
  readonly client_uri?: string;
  readonly logo_uri?: string;
}

/** The keys that sign access tokens: kept in storage, encrypted, and replaced by themselves. */
export interface SigningKeyOptions {
  /**
   * How long a key signs before the next one does, seconds. A new key is published ten minutes before it signs, a replaced
   * one until its last token has ended. Integer, 3600 to 315360000. @defaultValue 7776000
   */
  readonly rotateAfterSeconds?: number;
}

/** An MCP route by configuration. */
export interface RouteOptions extends AuthenticateOptions, ForwardingOptions {
  /** Public path after the issuer's origin. */
  readonly path: string;
  /** URL of the upstream MCP server. Without it the request is authenticated and handed on to the app. */
  readonly target?: string;
  readonly upstream?: UpstreamCredential;
  readonly forwardSearch?: boolean;
  readonly firstByteTimeoutMs?: number;
}

/** A resource that another server hosts. */
export interface RemoteResourceOptions {
  /** The resource's public URL: https (http on loopback), without query, fragment and trailing slash. The audience of its tokens. */
  readonly url: string;
  /** Scopes of a client that asks for none. @defaultValue ['mcp:tools'] */
  readonly scopes?: readonly string[];
  /** Further scopes that clients may request for it. */
  readonly optionalScopes?: readonly string[];
  /** Format of its access tokens: `opaque` ones need introspection. @defaultValue `gateway.accessTokenFormat` */
  readonly accessTokenFormat?: 'opaque' | 'jwt';
  /** Lifetime of its access tokens, seconds. Integer, 1 to 86400. @defaultValue `gateway.accessTokenTtlSeconds` */
  readonly accessTokenTtlSeconds?: number;
  /** Name of the resource on pages. @defaultValue the URL */
  readonly displayName?: string;
  /** The resource meant when a client names none, where there are several, routes included. At most one. @defaultValue false */
  readonly default?: boolean;
  /**
   * Ids of `identityProviders` whose users may have tokens for this resource: a user of another one is asked to sign in at one
   * of these. @defaultValue all
   */
  readonly identityProviders?: readonly string[];
}

/** Options of `auth.authenticate(path, options)`. */
export interface AuthenticateOptions {
  /** Scopes that every request must hold. @defaultValue ['mcp:tools'] */
  readonly scopes?: readonly string[];
  /**
   * Scopes of single operations, besides `scopes`: by MCP method, and for tools, prompts and resources by glob of the name
   * or URI. The body of a POST is then always read (bounded, batches included) and compared with `Mcp-Method` and `Mcp-Name`.
   * @example { 'tools/call': { 'delete_*': ['files:write'] }, 'resources/read': ['files:read'] }
   */
  readonly operationScopes?: Readonly<Record<string, readonly string[] | Readonly<Record<string, readonly string[]>>>>;
  /** Scopes that this request needs besides `scopes`; every scope it may name belongs into `optionalScopes`. */
  readonly requiredScopes?: (req: IncomingMessage) => readonly string[] | Promise<readonly string[]>;
  /** Further scopes that clients may request for this resource. */
  readonly optionalScopes?: readonly string[];
  /** Scope hierarchy: each broad scope with the narrower ones it includes, such as `{ 'files:write': ['files:read'] }`. */
  readonly implies?: Readonly<Record<string, readonly string[]>>;
  /**
   * What a 403 asks for: the scopes of the operation, or these with all that the token has, for clients that do not add
   * them themselves. @defaultValue 'operation'
   */
  readonly challengeScopes?: 'operation' | 'union';
  /**
   * Decide by `Mcp-Method` and `Mcp-Name` alone (MCP 2026-07-28): only for upstreams known to compare them with the body.
   * @defaultValue false
   */
  readonly trustMcpHeaders?: boolean;
  /** Largest body that is read for `operationScopes`, bytes. Integer, 1024 to 67108864. @defaultValue 4194304 */
  readonly maxBodyBytes?: number;
  /** Format of this resource's access tokens. @defaultValue `gateway.accessTokenFormat` */
  readonly accessTokenFormat?: 'opaque' | 'jwt';
  /** Access token lifetime of this resource, seconds. Integer, 1 to 86400. @defaultValue `gateway.accessTokenTtlSeconds` */
  readonly accessTokenTtlSeconds?: number;
  /** Name of the resource on pages and in its metadata. @defaultValue the path */
  readonly displayName?: string;
  /** The resource meant when a client names none, where there are several. At most one. @defaultValue false */
  readonly default?: boolean;
  /** Origins of web pages that may call this route, besides the issuer's own, such as `https://app.example.com`. */
  readonly allowedOrigins?: readonly string[];
  /**
   * Ids of `identityProviders` whose users may have tokens for this resource: a user of another one is asked to sign in at one
   * of these. @defaultValue all
   */
  readonly identityProviders?: readonly string[];
}

/** Options of `auth.proxy(path, options)`. */
export interface ProxyOptions extends AuthenticateOptions, ForwardingOptions {
  /** URL of the upstream MCP server: https, or http to a host of your own. Its path is used as it is. */
  readonly target: string;
  /** The credential that the upstream sees. @defaultValue none */
  readonly upstream?: UpstreamCredential;
  /** Whether the query string goes along. @defaultValue true */
  readonly forwardSearch?: boolean;
  /**
   * How long a POST may wait for the first byte of the answer's head, milliseconds. Integer, 0 (no limit) to 3600000.
   * @defaultValue 300000
   */
  readonly firstByteTimeoutMs?: number;
}

/** How the library reaches other servers. Decides where names point, never whether an address is checked. */
export interface OutboundOptions {
  /** Name resolution with the signature of `dns.lookup`. In production only with `allowCustomLookup`. */
  readonly lookup?: LookupFunction;
  /** Certificate authorities in PEM, in addition to the system's. */
  readonly ca?: string | readonly string[];
  /** Acknowledges `lookup` in production (split-horizon DNS). The address check stays. @defaultValue false */
  readonly allowCustomLookup?: boolean;
}

/**
 * `dns.lookup` as it is called here: always with `all: true`. An answer's `port` stands in for the URL's, at the issuer's
 * own loopback address only: that is how `express-mcp-auth/testing` takes the place of real hosts.
 */
export type LookupFunction = (
  hostname: string,
  options: { readonly all: true },
  callback: (error: Error | null, addresses: readonly { address: string; family: number; port?: number }[]) => void,
) => void;
