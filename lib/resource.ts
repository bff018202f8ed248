import { createHandler } from './handler.ts';
import type { AuthenticateOptions } from './options.ts';
import type { AuthenticatedUser, AuthInfo, Handler } from './protected-resource/authenticate.ts';
import { createDpopVerifier } from './protected-resource/dpop.ts';
import { createResourceMetadata } from './protected-resource/metadata.ts';
import { createProtection } from './protected-resource/protection.ts';
import { createRemoteAccessTokens } from './protected-resource/remote-access-token.ts';
import { createIntrospectionReader } from './protected-resource/remote-introspection.ts';
import { createJwtReader } from './protected-resource/remote-jwt.ts';
import { createTrustedIssuer } from './protected-resource/trusted-issuer.ts';
import { resolveAuthenticate } from './resolve-authenticate-options.ts';
import {
  type McpResourceOptions,
  type ResolvedResourceOptions,
  resolveResourceOptions,
} from './resolve-resource-options.ts';
import { createEvents, type McpOAuthEvents } from './shared/events.ts';
import { parseIssuer } from './shared/issuer.ts';
import { createIssuerResolver } from './shared/issuer-resolver.ts';
import { createOutbound, type Outbound } from './shared/outbound.ts';
import { loopbackAddressOf, namedHosts } from './shared/outbound-hosts.ts';
import { createResources } from './shared/resources.ts';
import { createInstanceTelemetry, type InstanceTelemetry } from './telemetry/instance-telemetry.ts';

export type { OAuthErrorCode, OptionProblem } from './errors.ts';
export { ConfigurationError, McpOAuthError, OAuthError } from './errors.ts';
export type { AuthenticateOptions, LookupFunction, OutboundOptions } from './options.ts';
export type { AuthenticatedRequest, AuthenticatedUser, AuthInfo, Handler } from './protected-resource/authenticate.ts';
export type { IntrospectionOptions, McpResourceOptions, ResourceDpopOptions } from './resolve-resource-options.ts';
export type { Logger, McpOAuthEvent, McpOAuthEvents, McpOAuthEventType, McpOAuthListener } from './shared/events.ts';
export type { Storage } from './storage/storage.ts';
export type { OpenTelemetryApi, TelemetryOptions } from './telemetry/telemetry-options.ts';

/** Express middleware of a server that hosts MCP servers and trusts an authorization server elsewhere. */
export interface McpResource extends Handler {
  /**
   * Declares the resource at `path` and gives the middleware that checks its tokens. Call it at set-up. What `options` say
   * of tokens (`accessTokenFormat`, `accessTokenTtlSeconds`) and `default` is for the issuer to decide and has no effect here.
   * @param path public path after `origin`, such as `/mcp`
   * @throws ConfigurationError
   */
  authenticate(path: string, options?: AuthenticateOptions): Handler;
  /**
   * Checks a token for the resource at `path`, for WebSockets and jobs.
   * @throws OAuthError `invalid_token`, `insufficient_scope`, or `temporarily_unavailable` while the issuer cannot be asked
   */
  verify(token: string, path: string): Promise<{ auth: AuthInfo; user: AuthenticatedUser }>;
  readonly events: McpOAuthEvents;
  /** Forgets every token. There are no timers and no connections to close. */
  close(): Promise<void>;
}

/**
 * Makes the middleware: serves the metadata of the declared resources (RFC 9728) at the origin's root, so mount it on the
 * root app, and passes everything else on. Does no I/O: the issuer is asked with the first token.
 * @example
 * const resource = mcpResource({ issuer: 'https://mcp.example.com', origin: 'https://files.example.com' });
 * app.use(resource);
 * app.all('/mcp', resource.authenticate('/mcp'), mcpHandler);
 * @throws ConfigurationError naming every wrong option at once
 */
export function mcpResource(options: McpResourceOptions): McpResource {
  const settings = resolveResourceOptions(options, process.env);
  const { server } = settings;
  const telemetry = createInstanceTelemetry(settings.telemetry);
  const events = createEvents(settings.logger, Date.now, telemetry.event);
  const issuerOf = createIssuerResolver(server);
  const resources = createResources(server.origin);
  const tokens = createRemoteAccessTokens(createReader(settings, telemetry), settings.tokenCacheSeconds);
  const protection = createProtection({
    resources,
    tokens,
    events,
    issuerOf,
    issuerAt: () => server,
    telemetry: telemetry.sink,
    dpop: settings.dpop && createDpopVerifier({ storage: settings.dpop, nonces: undefined }),
    createProxy() {
      throw new TypeError('mcpResource has no proxy');
    },
  });
  const resourceMetadata = createResourceMetadata(resources, () => settings.issuer);
  const handler: Handler = createHandler({
    issuerOf,
    configured: server,
    events,
    routes(path) {
      const serve = resourceMetadata(path.public);
      return serve && { audience: 'machine', serve };
    },
  });
  return Object.assign(handler, {
    authenticate: (path: string, given?: AuthenticateOptions) =>
      protection.authenticate(path, resolveAuthenticate(path, given)),
    verify: protection.verify,
    events: { on: events.on, off: events.off },
    async close() {
      tokens.forget();
    },
  });
}

function createReader(
  settings: ResolvedResourceOptions,
  telemetry: InstanceTelemetry,
): ReturnType<typeof createJwtReader> {
  const { verification } = settings;
  const issuer = createTrustedIssuer(settings.issuer, telemetry.outbound(createIssuerOutbound(settings)));
  if (verification.kind === 'introspection') return createIntrospectionReader({ ...verification, issuer });
  return createJwtReader({ ...verification, issuer });
}

/** Only an issuer on loopback is reached there; the hosts that the operator named may be in the company's network. */
function createIssuerOutbound({ issuer, verification, outbound }: ResolvedResourceOptions): Outbound {
  const { hostname, origin } = new URL(issuer);
  const named = verification.kind === 'jwt' ? verification.jwksUrl : verification.url;
  const isLoopback = parseIssuer(origin)?.isLoopback === true;
  return createOutbound({
    ...outbound,
    internalHosts: namedHosts([issuer, named]),
    ...(isLoopback && { loopbackAddress: loopbackAddressOf(hostname) }),
  });
}
