import { ConfigurationError } from './errors.ts';
import type { McpOAuthOptions, OidcOptions } from './options.ts';
import { type ClientCheck, type ResolvedClients, readClientOptions } from './resolve-client-options.ts';
import { type ResolvedOutbound, readLogger, readOutbound } from './resolve-common-options.ts';
import { formatRule, isWebUrl } from './resolve-options-rules.ts';
import { type ResolvedRoute, readRemoteResources, readRoutes } from './resolve-route-options.ts';
import type { Logger } from './shared/events.ts';
import { type Issuer, parseIssuer } from './shared/issuer.ts';
import type { AllowedOrigins } from './shared/issuer-resolver.ts';
import { kindOf, type OptionReader, readRequiredOptions } from './shared/option-reader.ts';
import type { Resource } from './shared/resources.ts';
import { sqliteStorage } from './storage/sqlite.ts';
import type { Storage } from './storage/storage.ts';

/** Every option with its default: nothing after this writes `??` for one. */
export interface ResolvedOptions {
  /** Absent: taken from each request's loopback Host. */
  readonly issuer: Issuer | undefined;
  /** Which origins are issuers where none is fixed. */
  readonly origins: AllowedOrigins | undefined;
  readonly login: ResolvedLogin;
  readonly stateTtlSeconds: number;
  readonly sessionTtlSeconds: number;
  readonly gateway: ResolvedGateway;
  readonly clients: ResolvedClients;
  readonly routes: readonly ResolvedRoute[];
  /** Resources that other servers host. */
  readonly resources: readonly Resource[];
  readonly storage: Storage;
  readonly secrets: readonly string[] | undefined;
  readonly keyRotationSeconds: number;
  readonly outbound: ResolvedOutbound;
  readonly logger: Logger | undefined;
  readonly configureProvider: ((configuration: Record<string, unknown>) => void) | undefined;
  readonly isProduction: boolean;
}

/** Where people sign in. */
export type ResolvedLogin =
  | { readonly kind: 'dev' }
  | {
      readonly kind: 'oidc';
      readonly issuer: string;
      readonly jwksUrl: string | undefined;
      readonly audience: string | undefined;
      readonly authorizationUrl: string | undefined;
      readonly tokenUrl: string | undefined;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly scope: string;
      readonly authorizeAudience: string | undefined;
      readonly remoteTimeoutMs: number;
    };

export interface ResolvedGateway {
  readonly accessTokenTtlSeconds: number;
  readonly refreshTokenTtlSeconds: number;
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
  'gateway',
  'registration',
  'cimd',
  'clients',
  'loadClient',
  'routes',
  'resources',
  'storage',
  'secret',
  'signingKeys',
  'outbound',
  'logger',
  'configureProvider',
] as const satisfies readonly (keyof McpOAuthOptions)[];

const urlRule = { what: 'an http(s) URL without user or fragment', accept: isWebUrl };

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
  const clients = readClientOptions(options, checkClient);
  const gateway = readGateway(options, clients);
  const browserLogin = options.group('browserLogin', [
    'url',
    'tokenUrl',
    'clientId',
    'clientSecret',
    'scope',
    'audience',
    'remoteTimeoutMs',
    'stateTtlSeconds',
    'sessionTtlSeconds',
  ]);
  const resolved: ResolvedOptions = {
    issuer: issuer && Object.freeze(issuer),
    origins: readOrigins(options),
    login: Object.freeze(readLogin(options, browserLogin, issuer, gateway.basePath, isProduction)),
    stateTtlSeconds: browserLogin.integer('stateTtlSeconds', { min: 30, max: 3600, fallback: 900 }),
    sessionTtlSeconds: browserLogin.integer('sessionTtlSeconds', { min: 1, max: 2_592_000, fallback: 28_800 }),
    gateway: Object.freeze(gateway),
    clients: Object.freeze(clients),
    routes: Object.freeze(readRoutes(options).map((route) => Object.freeze(route))),
    resources: Object.freeze(readRemoteResources(options).map((resource) => Object.freeze(resource))),
    storage: readStorage(options, isProduction),
    secrets: Object.freeze(readSecrets(options, isProduction)),
    keyRotationSeconds: options
      .group('signingKeys', ['rotateAfterSeconds'])
      .integer('rotateAfterSeconds', { min: 3600, max: 315_360_000, fallback: 7_776_000 }),
    outbound: Object.freeze(readOutbound(options, isProduction)),
    logger: readLogger(options),
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

function isDevLoginUrl(text: string | undefined, issuer: Issuer | undefined, basePath: string): boolean {
  const url = text === undefined ? null : URL.parse(text);
  if (!url) return false;
  const base = issuer ? issuer.identifier : url.origin;
  return (
    text === `${base}${basePath}/dev-login` && (issuer?.isLoopback ?? parseIssuer(url.origin)?.isLoopback) === true
  );
}

function readLogin(
  options: OptionReader,
  login: OptionReader,
  issuer: Issuer | undefined,
  basePath: string,
  isProduction: boolean,
): ResolvedLogin {
  const url = login.string('url', urlRule);
  const looksLikeDevLogin = url?.endsWith(`${basePath}/dev-login`) === true;
  if (looksLikeDevLogin) {
    if (isProduction) login.problem('url', 'is the dev login, which does not start under NODE_ENV=production');
    else if (!isDevLoginUrl(url, issuer, basePath)) {
      login.problem(
        'url',
        'is a dev login: it needs a loopback issuer and must be <issuer><gateway.basePath>/dev-login',
      );
    }
  }
  const oidc = options.group('oidc', ['issuer', 'jwksUrl', 'audience'] satisfies (keyof OidcOptions)[]);
  const rest = {
    issuer: oidc.string('issuer', urlRule),
    jwksUrl: oidc.string('jwksUrl', urlRule),
    audience: oidc.string('audience'),
    authorizationUrl: url,
    tokenUrl: login.string('tokenUrl', urlRule),
    clientId: login.string('clientId'),
    clientSecret: login.string('clientSecret'),
    scope: login.string('scope') ?? 'openid profile email',
    authorizeAudience: login.string('audience'),
    remoteTimeoutMs: login.integer('remoteTimeoutMs', { min: 100, max: 60_000, fallback: 10_000 }),
  };
  if (looksLikeDevLogin) return { kind: 'dev' };
  if (rest.issuer === undefined && !oidc.has('issuer')) {
    oidc.problem('issuer', "must be given: your identity provider's issuer, such as 'https://acme.okta.com'");
  }
  for (const name of ['clientId', 'clientSecret'] as const) {
    if (!login.has(name)) login.problem(name, 'must be given: the client registered at your identity provider');
  }
  if (!rest.scope.split(' ').includes('openid')) login.problem('scope', "must include 'openid'");
  const explicit = [rest.authorizationUrl, rest.tokenUrl, rest.jwksUrl].filter((given) => given !== undefined).length;
  if (explicit !== 0 && explicit !== 3 && login.problems.length === 0 && rest.issuer === undefined) {
    login.problem('url', 'needs oidc.issuer so that discovery can fill the endpoints left out');
  }
  return {
    kind: 'oidc',
    ...rest,
    issuer: rest.issuer ?? '',
    clientId: rest.clientId ?? '',
    clientSecret: rest.clientSecret ?? '',
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
