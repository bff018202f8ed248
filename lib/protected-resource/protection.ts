import type { IncomingMessage, ServerResponse } from 'node:http';
import { OAuthError } from '../errors.ts';
import type { ResolvedAuthenticate, ResolvedProxy } from '../resolve-route-options.ts';
import type { EventSink } from '../shared/events.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { IssuerResolver } from '../shared/issuer-resolver.ts';
import type { Resource, Resources } from '../shared/resources.ts';
import type { AccessTokens } from './access-token.ts';
import {
  type AuthenticatedUser,
  type AuthInfo,
  createAuthenticator,
  describeToken,
  type Handler,
  verifyAccessToken,
} from './authenticate.ts';
import { isCovered, isExactly } from './covered-path.ts';
import { sendFailure } from './failure.ts';
import { scopesOfRules } from './scopes.ts';

/** A transport to one upstream; the proxy stage makes it. */
export interface UpstreamProxy {
  readonly handle: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  readonly close: () => void;
}

export interface ProtectionOptions {
  readonly resources: Resources;
  readonly tokens: AccessTokens;
  readonly events: EventSink;
  readonly issuerOf: IssuerResolver;
  readonly configured: Issuer | undefined;
  readonly createProxy: (options: ResolvedProxy, resourcePath: string, events: EventSink) => UpstreamProxy;
}

/** Declares resources and gives their handlers. */
export interface Protection {
  authenticate(path: string, options: ResolvedAuthenticate): Handler;
  proxy(path: string, options: ResolvedProxy): Handler;
  /** A route by configuration: served inside the middleware. */
  addRoute(path: string, options: ResolvedAuthenticate | ResolvedProxy): void;
  /** Runs the routes by configuration. */
  readonly routes: Handler;
  verify(token: string, path: string): Promise<{ auth: AuthInfo; user: AuthenticatedUser }>;
  close(): void;
}

function toResource(path: string, options: ResolvedAuthenticate): Resource {
  const { scopes, operationScopes, optionalScopes, implies, accessTokenTtlSeconds } = options;
  const all = [...scopes, ...scopesOfRules(operationScopes), ...optionalScopes];
  const hierarchy = Object.entries(implies).flatMap(([broad, narrow]) => [broad, ...narrow]);
  return {
    path,
    scopes,
    grantableScopes: [...new Set([...all, ...hierarchy])],
    ...(accessTokenTtlSeconds !== undefined && { accessTokenTtlSeconds }),
    displayName: options.displayName ?? path,
    isDefault: options.default,
    allowedOrigins: options.allowedOrigins,
  };
}

export function createProtection(options: ProtectionOptions): Protection {
  const { resources, tokens, events, issuerOf } = options;
  const proxies: UpstreamProxy[] = [];
  const routes: Handler[] = [];

  function authenticate(path: string, given: ResolvedAuthenticate): Handler {
    const resource = resources.declare(toResource(path, given));
    const check = createAuthenticator(resource, given, { tokens, events, issuerOf });
    return (req, res, next) => (isCovered(req, path) ? check(req, res, next) : next());
  }

  function proxy(path: string, given: ResolvedProxy): Handler {
    const resource = resources.declare(toResource(path, given));
    const check = createAuthenticator(resource, given, { tokens, events, issuerOf });
    const upstream = options.createProxy(given, path, events);
    proxies.push(upstream);
    return (req, res, next) => {
      if (!isExactly(req, path)) return next();
      check(req, res, (error) => {
        if (error !== undefined) return next(error);
        upstream.handle(req, res).catch((failure: unknown) => sendFailure(res, events, failure));
      });
    };
  }

  return {
    authenticate,
    proxy,
    addRoute(path, given) {
      routes.push('target' in given ? proxy(path, given) : authenticate(path, given));
    },
    routes(req, res, next) {
      const run = (index: number): void => {
        const route = routes[index];
        if (!route) return next();
        route(req, res, (error) => (error === undefined ? run(index + 1) : next(error)));
      };
      run(0);
    },
    async verify(token, path) {
      const resource = resources.all().find((candidate) => candidate.path === path);
      if (!resource) throw new TypeError(`verify(token, path): no resource is declared at ${path}`);
      if (!options.configured) throw new TypeError('verify(token, path): needs the option issuer');
      if (typeof token !== 'string' || token === '')
        throw new OAuthError('invalid_token', 401, 'the token is not valid');
      return describeToken(await verifyAccessToken(tokens, options.configured, resource, token));
    },
    close() {
      for (const upstream of proxies) upstream.close();
    },
  };
}
