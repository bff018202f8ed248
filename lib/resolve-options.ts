import { type ResolvedRateLimits, readRateLimits } from './authorization-server/resolve-rate-limit-options.ts';
import { type ResolvedConsent, readConsentOptions } from './consent/resolve-consent-options.ts';
import { ConfigurationError } from './errors.ts';
import { type LoginLifetimes, type ResolvedLogin, readLogin } from './federation/resolve-login-options.ts';
import { type ResolvedIdJag, readIdJag } from './grants/resolve-id-jag-options.ts';
import type { McpOAuthOptions } from './options.ts';
import { type ClientCheck, type ResolvedClients, readClientOptions } from './resolve-client-options.ts';
import { type ResolvedOutbound, readLogger, readOutbound } from './resolve-common-options.ts';
import { formatRule } from './resolve-options-rules.ts';
import { type ResolvedRoute, readRemoteResources, readRoutes } from './resolve-route-options.ts';
import type { Logger } from './shared/events.ts';
import { type Issuer, parseIssuer } from './shared/issuer.ts';
import type { AllowedOrigins } from './shared/issuer-resolver.ts';
import { kindOf, type OptionReader, readRequiredOptions } from './shared/option-reader.ts';
import { type ResolvedPages, readPagesOptions } from './shared/pages/resolve-pages-options.ts';
import type { Resource } from './shared/resources.ts';
import type { AuthorizeUser } from './shared/user-policy.ts';
import { sqliteStorage } from './storage/sqlite.ts';
import type { Storage } from './storage/storage.ts';
import { type ResolvedTelemetry, readTelemetry } from './telemetry/resolve-telemetry-options.ts';

/** Every option with its default: nothing after this writes `??` for one. */
export interface ResolvedOptions extends LoginLifetimes {
  /** Absent: taken from each request's loopback Host. */
  readonly issuer: Issuer | undefined;
  /** Which origins are issuers where none is fixed. */
  readonly origins: AllowedOrigins | undefined;
  readonly login: ResolvedLogin;
  readonly authorizeUser: AuthorizeUser | undefined;
  readonly gateway: ResolvedGateway;
  readonly clients: ResolvedClients;
  /** Redemption of ID-JAGs; undefined where it is off. */
  readonly idJag: ResolvedIdJag | undefined;
  readonly routes: readonly ResolvedRoute[];
  /** Resources that other servers host. */
  readonly resources: readonly Resource[];
  readonly storage: Storage;
  readonly secrets: readonly string[] | undefined;
  readonly rateLimits: ResolvedRateLimits;
  readonly keyRotationSeconds: number;
  readonly consent: ResolvedConsent;
  readonly pages: ResolvedPages;
  readonly outbound: ResolvedOutbound;
  readonly logger: Logger | undefined;
  readonly telemetry: ResolvedTelemetry | undefined;
  readonly configureProvider: ((configuration: Record<string, unknown>) => void) | undefined;
  readonly isProduction: boolean;
}

export interface ResolvedGateway {
  readonly accessTokenTtlSeconds: number;
  readonly refreshTokenTtlSeconds: number;
  readonly refreshTokenSliding: boolean;
  readonly refreshGraceSeconds: number;
  readonly cimdEnabled: boolean;
  readonly basePath: string;
  readonly accessTokenFormat: 'opaque' | 'jwt';
  readonly jwtRevocationCheck: boolean;
  readonly endpointAliases: boolean;
  readonly dpop: boolean;
  readonly dpopRequireNonce: boolean;
  readonly tokenCacheSeconds: number;
  /** Ids of static confidential clients. */
  readonly introspectionClients: readonly string[];
}

const optionNames = [
  'issuer',
  'origins',
  'oidc',
  'browserLogin',
  'identityProviders',
  'login',
  'identity',
  'authorizeUser',
  'gateway',
  'registration',
  'cimd',
  'clients',
  'loadClient',
  'idJag',
  'routes',
  'resources',
  'storage',
  'secret',
  'signingKeys',
  'rateLimits',
  'consent',
  'pages',
  'outbound',
  'logger',
  'telemetry',
  'configureProvider',
] as const satisfies readonly (keyof McpOAuthOptions)[];

/**
 * Checks all options once, without any network or file access.
 * @throws ConfigurationError naming every problem at once
 */
export function resolveOptions(
  source: McpOAuthOptions,
  environment: NodeJS.ProcessEnv = process.env,
  checkClient: ClientCheck = () => undefined,
): ResolvedOptions {
  const options = readRequiredOptions(source, optionNames);
  const isProduction = environment.NODE_ENV === 'production';
  const issuer = readIssuer(options, isProduction);
  const idJag = readIdJag(options, issuer?.identifier);
  const clients = readClientOptions(options, checkClient, idJag);
  const gateway = readGateway(options, clients);
  const resolved: ResolvedOptions = {
    issuer: issuer && Object.freeze(issuer),
    origins: readOrigins(options),
    ...readLogin(options, { issuer, basePath: gateway.basePath, isProduction }),
    authorizeUser: options.fn('authorizeUser') as AuthorizeUser | undefined,
    gateway: Object.freeze(gateway),
    clients: Object.freeze(clients),
    idJag,
    routes: Object.freeze(readRoutes(options).map((route) => Object.freeze(route))),
    resources: Object.freeze(readRemoteResources(options).map((resource) => Object.freeze(resource))),
    storage: readStorage(options, isProduction),
    secrets: Object.freeze(readSecrets(options, isProduction)),
    keyRotationSeconds: options
      .group('signingKeys', ['rotateAfterSeconds'])
      .integer('rotateAfterSeconds', { min: 3600, max: 315_360_000, fallback: 7_776_000 }),
    rateLimits: Object.freeze(readRateLimits(options)),
    consent: Object.freeze(readConsentOptions(options)),
    pages: Object.freeze(readPagesOptions(options)),
    outbound: Object.freeze(readOutbound(options, isProduction)),
    logger: readLogger(options),
    telemetry: readTelemetry(options),
    configureProvider: options.fn('configureProvider') as ResolvedOptions['configureProvider'],
    isProduction,
  };
  if (options.problems.length > 0) throw new ConfigurationError('mcpOAuth(options)', options.problems);
  return Object.freeze(resolved);
}

function readIssuer(options: OptionReader, isProduction: boolean): Issuer | undefined {
  if (!options.has('issuer')) {
    if (isProduction && !options.has('origins'))
      options.problem('issuer', "must be given in production, such as 'https://mcp.example.com'");
    return undefined;
  }
  const what = 'an https URL without query, fragment or trailing slash (http is allowed on loopback)';
  const identifier = options.string('issuer', { what, accept: (text) => parseIssuer(text) !== undefined });
  return identifier === undefined ? undefined : parseIssuer(identifier);
}

function readOrigins(options: OptionReader): AllowedOrigins | undefined {
  if (!options.has('origins')) return undefined;
  if (options.has('issuer')) options.problem('origins', 'must not be given beside issuer: one issuer, or several');
  if (typeof options.value('origins') === 'function') return options.fn('origins') as AllowedOrigins;
  const what = "https origins without path (http on loopback), such as 'https://mcp.example.com'";
  const origins = options.strings('origins', { what, accept: (text) => parseIssuer(text)?.origin === text });
  if (origins?.length === 0) options.problem('origins', 'must name at least one origin');
  return origins && ((origin) => origins.includes(origin));
}

function readGateway(options: OptionReader, clients: ResolvedClients): ResolvedGateway {
  const gateway = options.group('gateway', [
    'accessTokenTtlSeconds',
    'refreshTokenTtlSeconds',
    'refreshTokenSliding',
    'refreshGraceSeconds',
    'cimdEnabled',
    'basePath',
    'accessTokenFormat',
    'jwtRevocationCheck',
    'endpointAliases',
    'dpop',
    'dpopRequireNonce',
    'tokenCacheSeconds',
    'introspectionClients',
  ]);
  const isConfidential = (id: string) =>
    clients.fixed.some(
      ({ client_id, token_endpoint_auth_method: method }) =>
        client_id === id && method !== undefined && method !== 'none',
    );
  return {
    accessTokenTtlSeconds: gateway.integer('accessTokenTtlSeconds', { min: 1, max: 86_400, fallback: 900 }),
    refreshTokenTtlSeconds: gateway.integer('refreshTokenTtlSeconds', { min: 1, max: 31_536_000, fallback: 2_592_000 }),
    refreshTokenSliding: gateway.boolean('refreshTokenSliding', false),
    refreshGraceSeconds: gateway.integer('refreshGraceSeconds', { min: 0, max: 300, fallback: 30 }),
    cimdEnabled: gateway.boolean('cimdEnabled', true),
    accessTokenFormat: (gateway.string('accessTokenFormat', formatRule) as 'opaque' | 'jwt' | undefined) ?? 'opaque',
    jwtRevocationCheck: gateway.boolean('jwtRevocationCheck', true),
    endpointAliases: gateway.boolean('endpointAliases', false),
    dpop: gateway.boolean('dpop', false),
    dpopRequireNonce: gateway.boolean('dpopRequireNonce', false),
    basePath:
      gateway.string('basePath', {
        what: "a path such as '/oauth': one or more segments of letters, digits, '-', '_' and '.', not under /.well-known",
        accept: (text) => /^(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/.test(text),
      }) ?? '/oauth',
    tokenCacheSeconds: gateway.integer('tokenCacheSeconds', { min: 0, max: 60, fallback: 5 }),
    introspectionClients:
      gateway.strings('introspectionClients', {
        what: 'ids of confidential clients that the option clients lists',
        accept: isConfidential,
      }) ?? [],
  };
}

function readStorage(options: OptionReader, isProduction: boolean): Storage {
  const storage = options.value('storage') as Storage | undefined;
  if (storage === undefined) {
    if (isProduction)
      options.problem('storage', "must be named in production, such as sqliteStorage('/var/lib/mcp/oauth.sqlite')");
    return sqliteStorage();
  }
  const methods = [
    'get',
    'put',
    'create',
    'consume',
    'take',
    'replace',
    'delete',
    'deleteByGrant',
    'find',
    'increment',
    'sweep',
    'ping',
    'close',
  ];
  const missing =
    typeof storage === 'object' && storage !== null
      ? methods.filter((name) => typeof storage[name as keyof Storage] !== 'function')
      : methods;
  if (missing.length > 0)
    options.problem('storage', `must be a Storage, got ${kindOf(storage)} without ${missing.join(', ')}`);
  else if (isProduction && storage.isVolatile === true) {
    options.problem(
      'storage',
      'is in memory and forgets every client and login at a restart: not in production, unless acknowledgeLoss is true',
    );
  }
  return storage;
}

function readSecrets(options: OptionReader, isProduction: boolean): readonly string[] | undefined {
  const given = options.value('secret');
  if (given === undefined) {
    if (isProduction)
      options.problem(
        'secret',
        'must be given in production: at least 32 random characters, the same on every replica',
      );
    return undefined;
  }
  const list = Array.isArray(given) ? given : [given];
  if (list.length > 0 && list.every((secret) => typeof secret === 'string' && secret.length >= 32)) return [...list];
  options.problem('secret', `must be a string of at least 32 characters, or an array of such, got ${kindOf(given)}`);
  return undefined;
}
