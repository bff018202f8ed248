import type { IncomingMessage } from 'node:http';
import { ConfigurationError } from './errors.ts';
import type { AuthenticateOptions } from './options.ts';
import { formatRule, isScopeList, scopeRule } from './resolve-options-rules.ts';
import { kindOf, type OptionReader, readOptions } from './shared/option-reader.ts';

export const authenticateNames = [
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
  'identityProviders',
] as const satisfies readonly (keyof AuthenticateOptions)[];
/** A public path: absolute, no query, no dot segments, no trailing slash (but `/` itself). */
export const pathRule = {
  what: "an absolute path without query, fragment or trailing slash, such as '/mcp'",
  accept: (text: string) =>
    text === '/' || (/^(?:\/[^/?#\s]+)+$/.test(text) && URL.parse(text, 'http://x')?.pathname === text),
};

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

/** Reads what `authenticate` and `proxy` have in common. */
export function readAuthenticate(options: OptionReader): ResolvedAuthenticate {
  const displayName = options.string('displayName');
  const requiredScopes = options.fn('requiredScopes') as ResolvedAuthenticate['requiredScopes'];
  const accessTokenTtlSeconds = readLifetime(options);
  const accessTokenFormat = options.string('accessTokenFormat', formatRule) as 'opaque' | 'jwt' | undefined;
  const identityProviders = readAcceptedProviders(options);
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
    ...(identityProviders && { identityProviders }),
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
  readonly identityProviders?: readonly string[];
}

/** Identity providers that a resource accepts; undefined for all. Whether they exist is seen when it is declared. */
export function readAcceptedProviders(options: OptionReader): readonly string[] | undefined {
  const ids = options.strings('identityProviders');
  if (ids?.length === 0) options.problem('identityProviders', 'must name at least one identity provider');
  return ids;
}

/** A resource's own lifetime of access tokens; undefined where it has the server's. */
export function readLifetime(options: OptionReader): number | undefined {
  if (!options.has('accessTokenTtlSeconds')) return undefined;
  return options.integer('accessTokenTtlSeconds', { min: 1, max: 86_400, fallback: 900 });
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
