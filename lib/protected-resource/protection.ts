import type { IncomingMessage, ServerResponse } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { ConfigurationError, OAuthError } from '../errors.ts';
import type { ResolvedAuthenticate } from '../resolve-authenticate-options.ts';
import type { ResolvedProxy } from '../resolve-route-options.ts';
import type { EventSink } from '../shared/events.ts';
import type { CallerFlow } from '../shared/flow-id.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { IssuerResolver } from '../shared/issuer-resolver.ts';
import type { Resource, Resources } from '../shared/resources.ts';
import type { Telemetry } from '../shared/telemetry.ts';
import type { AccessTokens } from './access-token.ts';
import {
  type AuthenticatedUser,
  type AuthInfo,
  createAuthenticator,
  describeToken,
  type Handler,
  verifyAccessToken,
} from './authenticate.ts';
import { observeCheck } from './check-telemetry.ts';
import { isCovered, isExactly, isWithin } from './covered-path.ts';
import type { DpopVerifier } from './dpop.ts';
import { sendFailure } from './failure.ts';
import { createKnownGrants } from './known-grants.ts';
import { missingScopes, scopesOfRules } from './scopes.ts';

/** A transport to one upstream; the proxy stage makes it. */
export interface UpstreamProxy {
  readonly handle: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  readonly close: (graceMs: number) => Promise<void>;
}

export interface ProtectionOptions {
  readonly resources: Resources;
  readonly tokens: AccessTokens;
  readonly events: EventSink;
  readonly issuerOf: IssuerResolver;
  /** The issuer of an origin, or without one the configured. @throws TypeError where there is none */
  readonly issuerAt: (origin: string | undefined) => Issuer;
  readonly dpop: DpopVerifier | undefined;
  /** Absent where the authorization server is elsewhere. */
  readonly callerFlow?: CallerFlow;
  /** Absent where nobody wants it. */
  readonly telemetry?: Telemetry | undefined;
  readonly createProxy: (options: ResolvedProxy, resourcePath: string) => UpstreamProxy;
}

/** Declares resources and gives their handlers. */
export interface Protection {
  authenticate(path: string, options: ResolvedAuthenticate): Handler;
  proxy(path: string, options: ResolvedProxy): Handler;
  /** A route by configuration: served inside the middleware. */
  addRoute(path: string, options: ResolvedAuthenticate | ResolvedProxy): void;
  /** Runs the routes by configuration. */
  readonly routes: Handler;
  verify(token: string, path: string, origin?: string): Promise<{ auth: AuthInfo; user: AuthenticatedUser }>;
  /** @param graceMs how long answers of upstreams may take that are under way */
  close(graceMs: number): Promise<void>;
}

interface ConfiguredRoute {
  readonly path: string;
  readonly handle: Handler;
  readonly serves: (req: IncomingMessage) => boolean;
}

/** The same with every list sorted: the order of scopes means nothing. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return [...value].sort();
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, inOrder(member)]));
}

function toResource(path: string, options: ResolvedAuthenticate): Resource {
  const { scopes, operationScopes, optionalScopes, implies, accessTokenTtlSeconds, accessTokenFormat } = options;
  const all = [...scopes, ...scopesOfRules(operationScopes), ...optionalScopes];
  const hierarchy = Object.entries(implies).flatMap(([broad, narrow]) => [broad, ...narrow]);
  return {
    path,
    scopes,
    grantableScopes: [...new Set([...all, ...hierarchy])],
    ...(accessTokenTtlSeconds !== undefined && { accessTokenTtlSeconds }),
    ...(accessTokenFormat !== undefined && { accessTokenFormat }),
    displayName: options.displayName ?? path,
    isDefault: options.default,
    allowedOrigins: options.allowedOrigins,
    ...(options.identityProviders !== undefined && { identityProviders: options.identityProviders }),
  };
}

const passed = Symbol('passed');

/** Resources whose check a request has passed: behind it the token is gone, so a second check would refuse. */
interface PassedChecks {
  [passed]?: readonly Resource[];
}

export function createProtection(options: ProtectionOptions): Protection {
  const { resources, tokens, events } = options;
  const proxies: UpstreamProxy[] = [];
  const routes: ConfiguredRoute[] = [];
  const required = new Map<Resource, ResolvedAuthenticate>();
  const isKnownGrant = createKnownGrants();

  /** Declares the resource and gives its check, whatever the path of the request. */
  function declare(path: string, given: ResolvedAuthenticate): Handler {
    const resource = resources.declare(toResource(path, given));
    const before = required.get(resource);
    if (before && !isDeepStrictEqual(inOrder(before), inOrder(given))) {
      const message = 'is declared already with other options; give the same options or another path';
      throw new ConfigurationError('resource', [{ option: path, message }]);
    }
    required.set(resource, given);
    const authenticator = createAuthenticator(resource, given, { ...options, isKnownGrant });
    const check = options.telemetry ? observeCheck(authenticator, path, options.telemetry) : authenticator;
    return (req: IncomingMessage & PassedChecks, res, next) => {
      if (req[passed]?.includes(resource)) return next();
      check(req, res, (error) => {
        if (error === undefined) req[passed] = req[passed] ? [...req[passed], resource] : [resource];
        next(error);
      });
    };
  }

  /** The check, and behind it the upstream. */
  function forward(path: string, given: ResolvedProxy): Handler {
    const check = declare(path, given);
    const upstream = options.createProxy(given, path);
    proxies.push(upstream);
    return (req, res, next) =>
      check(req, res, (error) => {
        if (error !== undefined) return next(error);
        upstream.handle(req, res).catch((failure: unknown) => sendFailure(res, events, failure));
      });
  }

  function authenticate(path: string, given: ResolvedAuthenticate): Handler {
    const check = declare(path, given);
    return (req, res, next) => (isCovered(req, path) ? check(req, res, next) : next());
  }

  function proxy(path: string, given: ResolvedProxy): Handler {
    const handle = forward(path, given);
    return (req, res, next) => (isExactly(req, path) ? handle(req, res, next) : next());
  }

  return {
    authenticate,
    proxy,
    addRoute(path, given) {
      const route: ConfiguredRoute =
        'target' in given
          ? { path, handle: forward(path, given), serves: (req) => isExactly(req, path) }
          : { path, handle: declare(path, given), serves: (req) => isWithin(req, path) };
      routes.push(route);
      // The most specific path decides: `/mcp/admin` is not under the rules of `/mcp`.
      routes.sort((one, other) => other.path.length - one.path.length);
    },
    routes(req, res, next) {
      const route = routes.find(({ serves }) => serves(req));
      if (route) route.handle(req, res, next);
      else next();
    },
    async verify(token, path, origin) {
      const resource = resources.own().find((candidate) => candidate.path === path);
      if (!resource) throw new TypeError(`verify(token, path): no resource is declared at ${path}`);
      const issuer = options.issuerAt(origin);
      if (typeof token !== 'string' || token === '')
        throw new OAuthError('invalid_token', 401, 'the token is not valid');
      const verified = await verifyAccessToken(tokens, issuer, resource, token);
      // A proof belongs to a request; here is none.
      if (verified.jkt !== undefined) throw new OAuthError('invalid_token', 401, 'the token is not valid');
      const implies = required.get(resource)?.implies ?? {};
      if (missingScopes(verified.scopes, resource.scopes, implies).length > 0) {
        throw new OAuthError('insufficient_scope', 403, 'the token lacks a scope');
      }
      return describeToken(verified);
    },
    async close(graceMs) {
      await Promise.all(proxies.map((upstream) => upstream.close(graceMs)));
    },
  };
}
