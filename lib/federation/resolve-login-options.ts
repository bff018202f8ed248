import { isWebUrl } from '../resolve-options-rules.ts';
import type { Issuer } from '../shared/issuer.ts';
import { parseIssuer } from '../shared/issuer.ts';
import { kindOf, type OptionReader } from '../shared/option-reader.ts';
import { namedHosts } from '../shared/outbound-hosts.ts';
import { type ClientAuthentication, readClientAuthentication } from './client-authentication.ts';
import { type NamedLogin, readIdentityProviders } from './identity-providers-options.ts';
import type { BrowserLoginOptions, IdentityOptions, LogoutOptions, MapIdentity, OidcOptions } from './login-options.ts';
import { type ResolvedOwnLogin, readOwnLogin } from './own-login-options.ts';
import { requirePresetRules } from './preset-rules.ts';

/** Where people sign in. */
export type ResolvedLogin =
  | { readonly kind: 'dev' }
  | OidcLogin
  | { readonly kind: 'several'; readonly providers: readonly NamedLogin[] }
  | ResolvedOwnLogin;

/** The identity providers of a login: none, one without a name, or several. */
export function namedLogins(login: ResolvedLogin): readonly NamedLogin[] {
  if (login.kind === 'several') return login.providers;
  return login.kind === 'oidc' ? [{ id: undefined, displayName: '', emailDomains: [], login }] : [];
}

/** One identity provider with every default: `oidc`, `browserLogin` and `identity` together. */
export interface OidcLogin {
  readonly kind: 'oidc';
  readonly protocol: 'oidc' | 'oauth2';
  readonly issuer: string;
  readonly allowedTenants: readonly string[];
  readonly discoveryUrl: string | undefined;
  readonly jwksUrl: string | undefined;
  readonly userinfoUrl: string | undefined;
  /** Audiences that stand for the client id. */
  readonly audiences: readonly string[];
  readonly accessTokenAudience: string | undefined;
  readonly authorizationUrl: string | undefined;
  readonly tokenUrl: string | undefined;
  readonly clientId: string;
  readonly clientAuthentication: ClientAuthentication;
  /** With the scope of `offlineAccess`. */
  readonly scope: string;
  /** Everything beyond the protocol's own parameters. */
  readonly authorizationParameters: Readonly<Record<string, string>>;
  /** Values of `prompt` that it takes; undefined: as discovery says. */
  readonly promptValues: readonly string[] | undefined;
  readonly resource: string | undefined;
  readonly offlineAccess: boolean;
  readonly logout: false | ResolvedLogout;
  readonly remoteTimeoutMs: number;
  readonly identity: IdentityRules;
}

/** Logout at the provider; without a URL the discovery document's `end_session_endpoint`. */
export interface ResolvedLogout {
  readonly url: string | undefined;
  readonly returnParameter: string;
  readonly clientIdParameter: string;
  readonly idTokenHint: boolean;
}

/** How claims become an identity. */
export interface IdentityRules {
  readonly subjectClaims: readonly string[];
  /** undefined: found by their names. */
  readonly rolesClaims: readonly { readonly path: string; readonly delimiter?: string }[] | undefined;
  readonly claims: readonly string[];
  readonly requiredClaims: Readonly<Record<string, readonly string[]>>;
  readonly userinfo: 'when_missing' | 'always' | 'never';
  readonly mapIdentity: MapIdentity | undefined;
  readonly exposeTokens: boolean;
}

const oidcNames = [
  'issuer',
  'allowedTenants',
  'protocol',
  'discoveryUrl',
  'jwksUrl',
  'userinfoUrl',
  'audience',
  'accessTokenAudience',
] as const satisfies readonly (keyof OidcOptions)[];

const browserLoginNames = [
  'url',
  'tokenUrl',
  'clientId',
  'clientSecret',
  'clientAuthMethod',
  'clientKey',
  'clientSecretBasicEncoding',
  'scope',
  'audience',
  'authorizationParameters',
  'promptValues',
  'resource',
  'offlineAccess',
  'offlineAccessRequest',
  'logout',
  'remoteTimeoutMs',
  'stateTtlSeconds',
  'sessionTtlSeconds',
] as const satisfies readonly (keyof BrowserLoginOptions)[];

/** Those of one identity provider; the others are the server's. */
const oneLoginNames = browserLoginNames.filter((name) => name !== 'stateTtlSeconds' && name !== 'sessionTtlSeconds');

const identityNames = [
  'subjectClaims',
  'rolesClaims',
  'claims',
  'requiredClaims',
  'userinfo',
  'mapIdentity',
  'exposeTokens',
] as const satisfies readonly (keyof IdentityOptions)[];

const urlRule = { what: 'an http(s) URL without user or fragment', accept: isWebUrl };
const oneOf = (...words: string[]) => ({
  what: words.map((word) => `'${word}'`).join(' or '),
  accept: (text: string) => words.includes(text),
});

/** Hosts that the operator named for this provider: they may be inside the company's network. */
export function providerHosts(login: OidcLogin): string[] {
  const { issuer, discoveryUrl, jwksUrl, tokenUrl, userinfoUrl } = login;
  return namedHosts([issuer, discoveryUrl, jwksUrl, tokenUrl, userinfoUrl]);
}

/** What stands where `oidc.issuer` covers several tenants. */
export const tenantPlaceholder = '{tenantid}';

/** Issuers that a provider's tokens may name: one, or one for each tenant that is allowed. */
export function issuersOf({ issuer, allowedTenants }: OidcLogin): string[] {
  if (!issuer.includes(tenantPlaceholder)) return [issuer];
  return allowedTenants.map((tenant) => issuer.replace(tenantPlaceholder, tenant));
}

/** Parameters of an authorization request that this library sets itself. */
const ownParameters = [
  'client_id',
  'redirect_uri',
  'response_type',
  'response_mode',
  'scope',
  'state',
  'nonce',
  'code_challenge',
  'code_challenge_method',
  'request',
  'request_uri',
  'resource',
  'audience',
];

/** Lifetimes that `browserLogin` sets for this server, not for one provider. */
export interface LoginLifetimes {
  readonly stateTtlSeconds: number;
  readonly sessionTtlSeconds: number;
}

export interface LoginContext {
  readonly issuer: Issuer | undefined;
  readonly basePath: string;
  readonly isProduction: boolean;
}

/** `oidc`, `browserLogin` and `identity` of the whole server. */
export function readLogin(options: OptionReader, context: LoginContext): { login: ResolvedLogin } & LoginLifetimes {
  const browserLogin = options.group('browserLogin', browserLoginNames);
  const lifetimes = {
    stateTtlSeconds: browserLogin.integer('stateTtlSeconds', { min: 30, max: 3600, fallback: 900 }),
    sessionTtlSeconds: browserLogin.integer('sessionTtlSeconds', { min: 1, max: 2_592_000, fallback: 28_800 }),
  };
  const [own, providers] = [
    readOwnLogin(options),
    readIdentityProviders(options, (provider) =>
      readOidcLogin(provider, provider.group('browserLogin', oneLoginNames), false),
    ),
  ];
  if (own || providers) {
    requireAlone(options, browserLogin, own ? 'login' : 'identityProviders');
    return { ...lifetimes, login: own ?? { kind: 'several', providers: providers ?? [] } };
  }
  const url = browserLogin.value('url');
  const isDev = typeof url === 'string' && url.endsWith(`${context.basePath}/dev-login`);
  if (isDev) checkDevLogin(browserLogin, url, context);
  const login = readOidcLogin(options, browserLogin, isDev);
  return { ...lifetimes, login: isDev ? { kind: 'dev' } : login };
}

/** One way to sign in, or another: what does not count would be believed to. */
function requireAlone(options: OptionReader, browserLogin: OptionReader, way: 'login' | 'identityProviders'): void {
  const others = way === 'login' ? ['identityProviders', 'oidc', 'identity'] : ['oidc', 'identity'];
  for (const name of others) if (options.has(name)) options.problem(name, `must not be given beside ${way}`);
  for (const name of oneLoginNames)
    if (browserLogin.has(name)) browserLogin.problem(name, `must not be given beside ${way}`);
}

function checkDevLogin(browserLogin: OptionReader, text: string, { issuer, basePath, isProduction }: LoginContext) {
  if (isProduction) {
    return browserLogin.problem('url', 'is the dev login, which does not start under NODE_ENV=production');
  }
  const url = URL.parse(text);
  const isLoopback = issuer ? issuer.isLoopback : url !== null && parseIssuer(url.origin)?.isLoopback === true;
  if (isLoopback && text === `${issuer ? issuer.identifier : url?.origin}${basePath}/dev-login`) return;
  browserLogin.problem(
    'url',
    'is a dev login: it needs a loopback issuer and must be <issuer><gateway.basePath>/dev-login',
  );
}

/**
 * One identity provider's options.
 * @param options has the groups `oidc` and `identity`
 * @param isOptional nothing must be given: the dev login stands in
 */
function readOidcLogin(options: OptionReader, browserLogin: OptionReader, isOptional: boolean): OidcLogin {
  const oidc = options.group('oidc', oidcNames);
  if (!isOptional) {
    if (!oidc.has('issuer')) {
      oidc.problem('issuer', "must be given: your identity provider's issuer, such as 'https://acme.okta.com'");
    }
    if (!browserLogin.has('clientId')) {
      browserLogin.problem('clientId', 'must be given: the client registered at your identity provider');
    }
  }
  const protocol = (oidc.string('protocol', oneOf('oidc', 'oauth2')) ?? 'oidc') as 'oidc' | 'oauth2';
  const offlineAccess = browserLogin.boolean('offlineAccess', false);
  const offline = readOfflineAccess(browserLogin, offlineAccess);
  const scope = browserLogin.string('scope') ?? 'openid profile email';
  const audience = browserLogin.string('audience');
  const login: OidcLogin = {
    kind: 'oidc',
    protocol,
    issuer: oidc.string('issuer', urlRule) ?? '',
    allowedTenants: oidc.strings('allowedTenants') ?? [],
    discoveryUrl: oidc.string('discoveryUrl', urlRule),
    jwksUrl: oidc.string('jwksUrl', urlRule),
    userinfoUrl: oidc.string('userinfoUrl', urlRule),
    audiences:
      typeof oidc.value('audience') === 'string' ? [oidc.string('audience') ?? ''] : (oidc.strings('audience') ?? []),
    accessTokenAudience: oidc.string('accessTokenAudience'),
    authorizationUrl: browserLogin.string('url', urlRule),
    tokenUrl: browserLogin.string('tokenUrl', urlRule),
    clientId: browserLogin.string('clientId') ?? '',
    clientAuthentication: readClientAuthentication(browserLogin, isOptional),
    scope: [...new Set([...scope.split(' '), ...(offline.scope?.split(' ') ?? [])])].filter(Boolean).join(' '),
    authorizationParameters: {
      ...readParameters(browserLogin, 'authorizationParameters'),
      ...offline.parameters,
      ...(audience !== undefined && { audience }),
    },
    promptValues: browserLogin.strings('promptValues', oneOf('login', 'select_account', 'consent', 'none', 'create')),
    resource: browserLogin.string('resource', urlRule),
    offlineAccess,
    logout: readLogout(browserLogin),
    remoteTimeoutMs: browserLogin.integer('remoteTimeoutMs', { min: 100, max: 60_000, fallback: 10_000 }),
    identity: readIdentity(options),
  };
  if (!isOptional) checkCompleteness(oidc, browserLogin, login);
  return Object.freeze(login);
}

function checkCompleteness(oidc: OptionReader, browserLogin: OptionReader, login: OidcLogin): void {
  const isTemplate = login.issuer.includes(tenantPlaceholder);
  if (isTemplate && login.allowedTenants.length === 0) {
    oidc.problem('allowedTenants', `must name the tenants that ${tenantPlaceholder} in oidc.issuer may stand for`);
  }
  if (!isTemplate && oidc.has('allowedTenants')) {
    oidc.problem('allowedTenants', `needs ${tenantPlaceholder} in oidc.issuer`);
  }
  if (login.protocol === 'oidc') {
    if (!login.scope.split(' ').includes('openid')) browserLogin.problem('scope', "must include 'openid'");
    return;
  }
  if (!browserLogin.has('url')) browserLogin.problem('url', 'must be given: oauth2 has no discovery');
  if (!browserLogin.has('tokenUrl')) browserLogin.problem('tokenUrl', 'must be given: oauth2 has no discovery');
  if (!oidc.has('userinfoUrl') && !oidc.has('jwksUrl')) {
    oidc.problem(
      'userinfoUrl',
      'must be given: with oauth2 its answer is the identity; or jwksUrl, where the access token is',
    );
  }
  if (oidc.has('userinfoUrl') && login.identity.userinfo === 'never') {
    oidc.problem('protocol', "cannot be 'oauth2' where identity.userinfo is 'never': its answer is the identity");
  }
}

function readOfflineAccess(
  browserLogin: OptionReader,
  isOn: boolean,
): { scope?: string | undefined; parameters?: Readonly<Record<string, string>> } {
  const isGiven = browserLogin.has('offlineAccessRequest');
  const request = browserLogin.group('offlineAccessRequest', ['scope', 'parameters']);
  const parameters = readParameters(request, 'parameters');
  const scope = request.string('scope');
  if (!isOn) return {};
  return isGiven ? { scope, parameters } : { scope: 'offline_access' };
}

/** Texts by name, none of them the protocol's own. */
function readParameters(options: OptionReader, name: string): Readonly<Record<string, string>> {
  const given = options.value(name);
  if (given === undefined) return {};
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    options.problem(name, `must be an object of strings, got ${kindOf(given)}`);
    return {};
  }
  const parameters: Record<string, string> = {};
  for (const [key, value] of Object.entries(given)) {
    if (ownParameters.includes(key))
      options.problem(`${name}.${key}`, 'cannot be set: the protocol decides it, or an option of its own');
    else if (typeof value !== 'string') options.problem(`${name}.${key}`, `must be a string, got ${kindOf(value)}`);
    else parameters[key] = value;
  }
  return Object.freeze(parameters);
}

function readLogout(browserLogin: OptionReader): false | ResolvedLogout {
  if (browserLogin.value('logout') === false) return false;
  const logout = browserLogin.group('logout', [
    'url',
    'returnParameter',
    'clientIdParameter',
    'idTokenHint',
  ] satisfies (keyof LogoutOptions)[]);
  return Object.freeze({
    url: logout.string('url', urlRule),
    returnParameter: logout.string('returnParameter') ?? 'post_logout_redirect_uri',
    clientIdParameter: logout.string('clientIdParameter') ?? 'client_id',
    idTokenHint: logout.boolean('idTokenHint', true),
  });
}

function readIdentity(options: OptionReader): IdentityRules {
  const identity = options.group('identity', identityNames);
  requirePresetRules(options.value('oidc'), identity);
  const subjectClaims = identity.strings('subjectClaims') ?? ['sub'];
  if (subjectClaims.length === 0) identity.problem('subjectClaims', 'must name at least one claim');
  return Object.freeze({
    subjectClaims,
    rolesClaims: readRolesClaims(identity),
    claims: identity.strings('claims') ?? [],
    requiredClaims: readRequiredClaims(identity),
    userinfo: (identity.string('userinfo', oneOf('when_missing', 'always', 'never')) ??
      'when_missing') as IdentityRules['userinfo'],
    mapIdentity: identity.fn('mapIdentity') as MapIdentity | undefined,
    exposeTokens: identity.boolean('exposeTokens', false),
  });
}

function readRolesClaims(identity: OptionReader): IdentityRules['rolesClaims'] {
  const given = identity.value('rolesClaims');
  if (given === undefined) return undefined;
  const what = "an array of claim paths, each a string or { path, delimiter }, such as ['realm_access.roles']";
  if (!Array.isArray(given)) {
    identity.problem('rolesClaims', `must be ${what}, got ${kindOf(given)}`);
    return undefined;
  }
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
  return given.flatMap((claim: unknown, index) => {
    if (isText(claim)) return [{ path: claim }];
    const { path, delimiter } = Object(claim) as { path?: unknown; delimiter?: unknown };
    if (isText(path) && isText(delimiter)) return [{ path, delimiter }];
    identity.problem(`rolesClaims[${index}]`, `must be a string or { path, delimiter }, got ${kindOf(claim)}`);
    return [];
  });
}

function readRequiredClaims(identity: OptionReader): Readonly<Record<string, readonly string[]>> {
  const given = identity.value('requiredClaims');
  if (given === undefined) return {};
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    identity.problem('requiredClaims', `must be an object of strings or arrays of strings, got ${kindOf(given)}`);
    return {};
  }
  const required: Record<string, readonly string[]> = {};
  for (const [name, value] of Object.entries(given)) {
    const values: unknown[] = Array.isArray(value) ? value : [value];
    if (values.length > 0 && values.every((item) => typeof item === 'string' && item !== '')) {
      required[name] = values as string[];
    } else identity.problem(`requiredClaims.${name}`, `must be a string or an array of strings, got ${kindOf(value)}`);
  }
  return Object.freeze(required);
}
