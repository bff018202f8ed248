import type { IncomingMessage } from 'node:http';
import type { AdminOptions } from './admin/admin-options.ts';
import type { UserIdentity } from './federation/user-identity.ts';
import type { RevocationSelection } from './grants/revocation.ts';
import type { Handler } from './handler.ts';
import type { Health } from './health.ts';
import type { AuthenticateOptions, ProxyOptions } from './options.ts';
import type { AuthenticatedUser, AuthInfo } from './protected-resource/authenticate.ts';
import type { McpOAuthEvents } from './shared/events.ts';
import type { OidcProvider } from './shared/oidc-provider.ts';
import type { Reencryption } from './shared/reencrypt.ts';

/** Express middleware with everything between MCP clients and MCP servers. */
export interface McpOAuth extends Handler {
  /**
   * Declares the resource at `path` and gives the middleware that checks its tokens. Call it at set-up.
   * @param path public path after the issuer's origin, such as `/mcp`
   * @throws ConfigurationError
   */
  authenticate(path: string, options?: AuthenticateOptions): Handler;
  /**
   * Declares the resource at `path` and gives the handler that authenticates requests and streams them to an upstream
   * MCP server. Touches no other path, so `app.use(auth.proxy(...))` is enough.
   * @throws ConfigurationError
   */
  proxy(path: string, options: ProxyOptions): Handler;
  /**
   * Answers the `/.well-known` forms alone, for the root app where `auth` itself is mounted under a prefix or in a
   * sub-app: clients look for them at the origin's root (RFC 8414 section 3.1, RFC 9728 section 3.1).
   * @example root.use(auth.wellKnown()); root.use('/gw', auth)
   */
  wellKnown(): Handler;
  /**
   * The oidc-provider instance of an origin as it is now; do not keep it. Without `origin`: of the configured issuer.
   * Rejects while storage cannot be read.
   */
  provider(origin?: string): Promise<OidcProvider>;
  /**
   * Checks a token for the resource at `path`, for WebSockets and jobs.
   * @param origin of the issuer, where there are several: never taken from a request without a check
   * @throws OAuthError `invalid_token`, `insufficient_scope`
   * @throws TypeError where no resource is declared at `path`, or `origin` is not served
   */
  verify(token: string, path: string, origin?: string): Promise<{ auth: AuthInfo; user: AuthenticatedUser }>;
  /**
   * A JSON API for operators, with its OpenAPI document at `openapi.json` and a page over it: clients, users, grants, upstream
   * connections, signing keys, blocks, counters. Every act is an event with the actor that the guard names.
   * @example app.use('/admin/mcp', auth.admin({ guard: (req) => req.session?.isAdmin && req.session.user }))
   * @throws ConfigurationError without a guard
   */
  admin(options: AdminOptions): Handler;
  /**
   * The page of `/oauth/connections` for another place: what applications may do in a person's name, and how to end it.
   * @example app.use('/account/applications', auth.connections())
   */
  connections(): Handler;
  /**
   * The user behind a request that `authenticate` let through, as known now; with the option `identity.exposeTokens` also
   * the identity provider's access and ID token of the login. Never hand these on to an MCP client.
   * @returns undefined where the user's record has ended meanwhile
   * @throws Error where the request was not authenticated
   */
  identity(req: IncomingMessage): Promise<UserIdentity | undefined>;
  /**
   * Ends the grants of a user, of a client or of everybody who signed in at an identity provider, with every token under
   * them: in this process at once, in others within `gateway.tokenCacheSeconds`. Without `clientId` the browser sessions
   * of these users end, too.
   * @param origin of the issuer, where there are several
   * @throws TypeError where the selection names nothing, or a member is empty
   */
  revoke(selection: RevocationSelection, origin?: string): Promise<{ grants: number }>;
  /**
   * Publishes a new signing key now. It signs after ten minutes; the old one is kept until its last token has ended.
   * @returns false where a new key is on its way already
   */
  rotateKeys(origin?: string): Promise<{ rotated: boolean }>;
  /**
   * Encrypts anew, with the first entry of the option `secret`, what is still encrypted with a later one, for every
   * issuer in the storage. Safe beside servers at work, and may be repeated.
   * @returns how many records were encrypted anew, and how many still need a previous secret
   * @throws StorageUnavailableError what was done stays
   */
  reencrypt(): Promise<Reencryption>;
  readonly events: McpOAuthEvents;
  /** Reads keys and builds the provider, so that the first request need not. Rejects while storage is down. */
  ready(): Promise<void>;
  health(): Promise<Health>;
  /**
   * Ends what this library runs: new requests to proxied routes get 503, their event streams end, answers under way are
   * waited for, then timers stop and what this library opened is closed. Streams of the app's own handlers are the app's.
   * @param options `graceMs`: how long answers may take before they are cut off, milliseconds. @defaultValue 10000
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}
