import { ConfigurationError } from './errors.ts';
import type { ProxyOptions, RemoteResourceOptions } from './options.ts';
import { forwardingNames, type ResolvedForwarding, readForwarding } from './proxy/resolve-proxy-options.ts';
import {
  authenticateNames,
  pathRule,
  type ResolvedAuthenticate,
  readAcceptedProviders,
  readAuthenticate,
  readLifetime,
} from './resolve-authenticate-options.ts';
import { formatRule, isWebUrl, scopeRule } from './resolve-options-rules.ts';
import { parseIssuer } from './shared/issuer.ts';
import { kindOf, type OptionReader, readRequiredOptions } from './shared/option-reader.ts';
import type { Resource } from './shared/resources.ts';
import type { UpstreamCredential } from './shared/upstream-credentials.ts';
import { isUpstreamMode } from './upstream/credentials.ts';

const proxyNames = [
  ...authenticateNames,
  ...forwardingNames,
  'target',
  'upstream',
  'forwardSearch',
  'firstByteTimeoutMs',
] as const satisfies readonly (keyof ProxyOptions)[];

const remoteResourceNames = [
  'url',
  'scopes',
  'optionalScopes',
  'accessTokenFormat',
  'accessTokenTtlSeconds',
  'displayName',
  'default',
  'identityProviders',
] as const satisfies readonly (keyof RemoteResourceOptions)[];

/** `routes`: each an `authenticate`, or with a target a `proxy`. */
export function readRoutes(options: OptionReader): readonly ResolvedRoute[] {
  return options.groups('routes', ['path', ...proxyNames]).map((route) => {
    const path = route.string('path', pathRule);
    if (!route.has('path')) route.problem('path', "must be given, such as '/mcp'");
    if (!route.has('target')) {
      for (const name of ['upstream', 'forwardSearch', 'firstByteTimeoutMs', ...forwardingNames] as const) {
        if (route.has(name)) route.problem(name, 'needs target: without it the request is handed on to the app');
      }
      return { path: path ?? '/', ...readAuthenticate(route) };
    }
    return { path: path ?? '/', ...readProxy(route) };
  });
}

/** `resources`: those that other servers host, as they are declared. */
export function readRemoteResources(options: OptionReader): readonly Resource[] {
  return options.groups('resources', remoteResourceNames).map((resource) => {
    const what =
      "an https URL (http on loopback) without query, fragment or trailing slash, such as 'https://files.example.com/mcp'";
    // What an issuer identifier may be, a resource may be as well; its origin may be given with the slash of the root path.
    const accept = (text: string) =>
      parseIssuer(/^[a-z]+:\/\/[^/]+\/$/.test(text) ? text.slice(0, -1) : text) !== undefined;
    const text = resource.string('url', { what, accept });
    if (!resource.has('url')) resource.problem('url', "must be given, such as 'https://files.example.com/mcp'");
    const { origin, pathname } = new URL(text ?? 'https://invalid');
    const lifetime = readLifetime(resource);
    const identityProviders = readAcceptedProviders(resource);
    const format = resource.string('accessTokenFormat', formatRule) as 'opaque' | 'jwt' | undefined;
    const scopes = resource.strings('scopes', scopeRule) ?? ['mcp:tools'];
    return {
      origin,
      path: pathname,
      scopes,
      grantableScopes: [...new Set([...scopes, ...(resource.strings('optionalScopes', scopeRule) ?? [])])],
      ...(lifetime !== undefined && { accessTokenTtlSeconds: lifetime }),
      ...(format !== undefined && { accessTokenFormat: format }),
      displayName: resource.string('displayName') ?? text ?? '',
      isDefault: resource.boolean('default', false),
      allowedOrigins: [],
      ...(identityProviders && { identityProviders }),
    };
  });
}

/** A route by configuration. */
export type ResolvedRoute = { readonly path: string } & (ResolvedAuthenticate | ResolvedProxy);

/** `proxy` options with their defaults. */
export interface ResolvedProxy extends ResolvedAuthenticate, ResolvedForwarding {
  readonly target: string;
  readonly upstream?: UpstreamCredential;
  readonly forwardSearch: boolean;
  readonly firstByteTimeoutMs: number;
}

function readProxy(options: OptionReader): ResolvedProxy {
  const target = options.string('target', {
    what: "an http(s) URL without user or fragment, such as 'https://mcp.linear.app/mcp'",
    accept: isWebUrl,
  });
  if (!options.has('target')) options.problem('target', "must be given, such as 'https://mcp.linear.app/mcp'");
  const upstream = options.value('upstream') as UpstreamCredential | undefined;
  if (upstream !== undefined && !isUpstreamMode(upstream)) {
    options.problem(
      'upstream',
      `must be made by staticHeaders(), userOAuth() or another of its kind, got ${kindOf(upstream)}`,
    );
  }
  return {
    ...readAuthenticate(options),
    ...readForwarding(options),
    target: target ?? '',
    ...(upstream && { upstream }),
    forwardSearch: options.boolean('forwardSearch', true),
    firstByteTimeoutMs: options.integer('firstByteTimeoutMs', { min: 0, max: 3_600_000, fallback: 300_000 }),
  };
}

/** @throws ConfigurationError naming every problem at once */
export function resolveProxy(path: string, source: ProxyOptions): ResolvedProxy {
  const options = readRequiredOptions(source, proxyNames);
  if (typeof path !== 'string' || !pathRule.accept(path))
    options.problem('path', `must be ${pathRule.what}, got ${kindOf(path)}`);
  const resolved = readProxy(options);
  if (options.problems.length > 0) throw new ConfigurationError('proxy(path, options)', options.problems);
  return resolved;
}
