import type { IncomingMessage } from 'node:http';
import { ConfigurationError } from './errors.ts';
import type { AuthenticateOptions, ProxyOptions, RemoteResourceOptions } from './options.ts';
import { formatRule, isWebUrl } from './resolve-options-rules.ts';
import { parseIssuer } from './shared/issuer.ts';
import { kindOf, type OptionReader, readOptions, readRequiredOptions } from './shared/option-reader.ts';
import type { Resource } from './shared/resources.ts';
import type { UpstreamCredential } from './shared/upstream-credentials.ts';
import { isUpstreamMode } from './upstream/credentials.ts';

const authenticateNames = [
  'scopes',
  'operationScopes',
  'requiredScopes',
  'optionalScopes',
  'implies',
  'challengeScopes',
  'trustMcpHeaders',
  'maxBodyBytes',
  'accessTokenTtlSeconds',
  'accessTokenFormat',
  'displayName',
  'default',
  'allowedOrigins',
] as const satisfies readonly (keyof AuthenticateOptions)[];
const proxyNames = [
  ...authenticateNames,
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
] as const satisfies readonly (keyof RemoteResourceOptions)[];

const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** `routes`: each an `authenticate`, or with a target a `proxy`. */
export function readRoutes(options: OptionReader): readonly ResolvedRoute[] {
  return options.groups('routes', ['path', ...proxyNames]).map((route) => {
    const path = route.string('path', pathRule);
    if (!route.has('path')) route.problem('path', "must be given, such as '/mcp'");
    if (!route.has('target')) {
      for (const name of ['upstream', 'forwardSearch', 'firstByteTimeoutMs'] as const) {
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
    };
  });
}

/** A resource's own lifetime of access tokens; undefined where it has the server's. */
function readLifetime(options: OptionReader): number | undefined {
  if (!options.has('accessTokenTtlSeconds')) return undefined;
  return options.integer('accessTokenTtlSeconds', { min: 1, max: 86_400, fallback: 900 });
}

/** A public path: absolute, no query, no dot segments, no trailing slash (but `/` itself). */
export const pathRule = {
  what: "an absolute path without query, fragment or trailing slash, such as '/mcp'",
  accept: (text: string) =>
    text === '/' || (/^(?:\/[^/?#\s]+)+$/.test(text) && URL.parse(text, 'http://x')?.pathname === text),
};

const scopeRule = { what: 'scope tokens (RFC 6749 section 3.3)', accept: (text: string) => scopeToken.test(text) };

function isScopeList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((scope) => typeof scope === 'string' && scopeToken.test(scope));
}

function isScopeMap(value: unknown): value is Readonly<Record<string, readonly string[]>> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isScopeList)
  );
}

function readOperationScopes(options: OptionReader): ResolvedAuthenticate['operationScopes'] {
  const rules = options.value('operationScopes');
  if (rules === undefined) return {};
  const isMap = typeof rules === 'object' && rules !== null && !Array.isArray(rules);
  if (isMap && Object.values(rules).every((rule) => isScopeList(rule) || isScopeMap(rule))) {
    return rules as ResolvedAuthenticate['operationScopes'];
  }
  const example = "such as { 'tools/call': { 'delete_*': ['files:write'] } }";
  options.problem(
    'operationScopes',
    `must map methods to scopes, or to scopes by name, ${example}, got ${kindOf(rules)}`,
  );
  return {};
}

function readImplies(options: OptionReader): ResolvedAuthenticate['implies'] {
  const implies = options.value('implies');
  if (implies === undefined || isScopeMap(implies)) return implies ?? {};
  const example = "such as { 'files:write': ['files:read'] }";
  options.problem('implies', `must map scopes to the scopes they include, ${example}, got ${kindOf(implies)}`);
  return {};
}

function readAuthenticate(options: OptionReader): ResolvedAuthenticate {
  const displayName = options.string('displayName');
  const requiredScopes = options.fn('requiredScopes') as ResolvedAuthenticate['requiredScopes'];
  const accessTokenTtlSeconds = readLifetime(options);
  const accessTokenFormat = options.string('accessTokenFormat', formatRule) as 'opaque' | 'jwt' | undefined;
  const challenges = {
    what: "'operation' or 'union'",
    accept: (text: string) => text === 'operation' || text === 'union',
  };
  return {
    scopes: options.strings('scopes', scopeRule) ?? ['mcp:tools'],
    operationScopes: readOperationScopes(options),
    ...(requiredScopes && { requiredScopes }),
    optionalScopes: options.strings('optionalScopes', scopeRule) ?? [],
    implies: readImplies(options),
    challengeScopes:
      (options.string('challengeScopes', challenges) as 'operation' | 'union' | undefined) ?? 'operation',
    trustMcpHeaders: options.boolean('trustMcpHeaders', false),
    maxBodyBytes: options.integer('maxBodyBytes', { min: 1024, max: 67_108_864, fallback: 4_194_304 }),
    ...(accessTokenTtlSeconds !== undefined && { accessTokenTtlSeconds }),
    ...(accessTokenFormat !== undefined && { accessTokenFormat }),
    ...(displayName !== undefined && { displayName }),
    default: options.boolean('default', false),
    allowedOrigins:
      options.strings('allowedOrigins', {
        what: "origins such as 'https://app.example.com'",
        accept: (text) => URL.parse(text)?.origin === text,
      }) ?? [],
  };
}

/** `authenticate` options with their defaults. */
export interface ResolvedAuthenticate {
  readonly scopes: readonly string[];
  readonly operationScopes: Readonly<Record<string, readonly string[] | Readonly<Record<string, readonly string[]>>>>;
  readonly requiredScopes?: (req: IncomingMessage) => readonly string[] | Promise<readonly string[]>;
  readonly optionalScopes: readonly string[];
  readonly implies: Readonly<Record<string, readonly string[]>>;
  readonly challengeScopes: 'operation' | 'union';
  readonly trustMcpHeaders: boolean;
  readonly maxBodyBytes: number;
  readonly accessTokenTtlSeconds?: number;
  readonly accessTokenFormat?: 'opaque' | 'jwt';
  readonly displayName?: string;
  readonly default: boolean;
  readonly allowedOrigins: readonly string[];
}

/** A route by configuration. */
export type ResolvedRoute = { readonly path: string } & (ResolvedAuthenticate | ResolvedProxy);

/** `proxy` options with their defaults. */
export interface ResolvedProxy extends ResolvedAuthenticate {
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
    options.problem('upstream', `must be made by staticHeaders(), got ${kindOf(upstream)}`);
  }
  return {
    ...readAuthenticate(options),
    target: target ?? '',
    ...(upstream && { upstream }),
    forwardSearch: options.boolean('forwardSearch', true),
    firstByteTimeoutMs: options.integer('firstByteTimeoutMs', { min: 0, max: 3_600_000, fallback: 300_000 }),
  };
}

/** @throws ConfigurationError naming every problem at once */
export function resolveAuthenticate(path: string, source: AuthenticateOptions | undefined): ResolvedAuthenticate {
  const options = readOptions(source, authenticateNames);
  if (typeof path !== 'string' || !pathRule.accept(path))
    options.problem('path', `must be ${pathRule.what}, got ${kindOf(path)}`);
  const resolved = readAuthenticate(options);
  if (options.problems.length > 0) throw new ConfigurationError('authenticate(path, options)', options.problems);
  return resolved;
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
