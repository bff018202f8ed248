import { ConfigurationError } from '../errors.ts';
import type { Identity } from '../shared/identity.ts';
import { parseIssuer } from '../shared/issuer.ts';
import { kindOf, type OptionReader, readRequiredOptions } from '../shared/option-reader.ts';
import type { UpstreamCredential } from '../shared/upstream-credentials.ts';
import type { SharedOAuthOptions, UserOAuthOptions } from './upstream-options.ts';

/** A client registered by hand. */
export interface ManualClient {
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly method: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none';
}

/** Options of `userOAuth()` or `sharedOAuth()` with their defaults. */
export interface OAuthUpstream extends UpstreamCredential {
  readonly mode: 'user-oauth' | 'shared-oauth';
  readonly id: string;
  readonly displayName: string;
  readonly summary?: string;
  readonly protectedResourceMetadataUrl?: string;
  readonly authorizationServer?: string;
  readonly scopes: readonly string[];
  readonly scopeDelimiter: string;
  /** Absent: registered automatically. */
  readonly client?: ManualClient;
  readonly authorizationParameters: Readonly<Record<string, string>>;
  readonly connect: 'required' | 'offered' | 'on-demand';
  readonly connectTool: boolean;
  /** Of `sharedOAuth()` alone. */
  readonly mayConnect?: (identity: Identity) => boolean;
}

const userNames = [
  'id',
  'displayName',
  'summary',
  'protectedResourceMetadataUrl',
  'authorizationServer',
  'scopes',
  'scopeDelimiter',
  'clientRegistration',
  'authorizationParameters',
  'connect',
  'connectTool',
] as const satisfies readonly (keyof UserOAuthOptions)[];
const sharedNames = [...userNames, 'mayConnect'] as const satisfies readonly (keyof SharedOAuthOptions)[];

const idRule = {
  what: "1 to 40 lower-case letters, digits, '-' or '_', such as 'linear'",
  accept: (text: string) => /^[a-z0-9][a-z0-9_-]{0,39}$/.test(text),
};
const scopeRule = {
  what: 'scope tokens (RFC 6749 section 3.3)',
  accept: (text: string) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(text),
};
/** URLs of servers. */
export const urlRule = {
  what: 'an https URL (http on loopback) without user or fragment',
  accept: (text: string) => {
    const url = URL.parse(text);
    return url !== null && parseIssuer(url.origin) !== undefined && !url.username && !url.password && !url.hash;
  },
};

/** A choice among words. */
export const oneOf = (...words: readonly string[]) => ({
  what: words.map((word) => `'${word}'`).join(' or '),
  accept: (text: string) => words.includes(text),
});

/** What every upstream with tokens has. */
export function readUpstreamName(options: OptionReader): { id: string; displayName: string } {
  for (const name of ['id', 'displayName']) if (!options.has(name)) options.problem(name, 'must be given');
  return { id: options.string('id', idRule) ?? 'invalid', displayName: options.string('displayName') ?? '' };
}

export function readScopes(options: OptionReader): { scopes: readonly string[]; scopeDelimiter: string } {
  const delimiter = { what: 'one or more characters', accept: (text: string) => text.length > 0 };
  return {
    scopes: options.strings('scopes', scopeRule) ?? [],
    scopeDelimiter: options.string('scopeDelimiter', delimiter) ?? ' ',
  };
}

function readClient(options: OptionReader): ManualClient | undefined {
  const registration = options.group('clientRegistration', [
    'mode',
    'clientId',
    'clientSecret',
    'tokenEndpointAuthMethod',
  ]);
  const mode = registration.string('mode', oneOf('auto', 'manual'));
  if (options.has('clientRegistration') && !registration.has('mode')) {
    registration.problem('mode', "must be 'auto' or 'manual'");
  }
  const clientId = registration.string('clientId');
  const clientSecret = registration.string('clientSecret');
  const methods = oneOf('client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none');
  const given = registration.string('tokenEndpointAuthMethod', methods) as ManualClient['method'] | undefined;
  if (mode !== 'manual') {
    for (const name of ['clientId', 'clientSecret', 'tokenEndpointAuthMethod']) {
      if (mode === 'auto' && registration.has(name)) registration.problem(name, "needs mode: 'manual'");
    }
    return undefined;
  }
  if (!registration.has('clientId')) registration.problem('clientId', "must be given with mode: 'manual'");
  const method = given ?? (clientSecret === undefined ? 'none' : 'client_secret_basic');
  if (method.startsWith('client_secret') && clientSecret === undefined) {
    registration.problem('clientSecret', `must be given for ${method}`);
  }
  return { clientId: clientId ?? '', ...(clientSecret !== undefined && { clientSecret }), method };
}

/** Parameters that belong to the protocol, not to the integrator. */
const ownParameters = new Set([
  'client_id',
  'code_challenge',
  'code_challenge_method',
  'redirect_uri',
  'request',
  'request_uri',
  'resource',
  'response_mode',
  'response_type',
  'scope',
  'state',
]);

function readParameters(options: OptionReader): Readonly<Record<string, string>> {
  const given = options.value('authorizationParameters');
  if (given === undefined) return {};
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    options.problem('authorizationParameters', `must be an object of parameters, got ${kindOf(given)}`);
    return {};
  }
  for (const [name, value] of Object.entries(given)) {
    if (ownParameters.has(name)) options.problem(`authorizationParameters.${name}`, 'is set by this library');
    else if (typeof value !== 'string') {
      options.problem(`authorizationParameters.${name}`, `must be a string, got ${kindOf(value)}`);
    }
  }
  return { ...(given as Record<string, string>) };
}

function readOAuthUpstream(options: OptionReader): Omit<OAuthUpstream, 'mode'> {
  const summary = options.string('summary');
  const metadataUrl = options.string('protectedResourceMetadataUrl', urlRule);
  const authorizationServer = options.string('authorizationServer', urlRule);
  const client = readClient(options);
  const connect = options.string('connect', oneOf('required', 'offered', 'on-demand'));
  return {
    ...readUpstreamName(options),
    ...(summary !== undefined && { summary }),
    ...(metadataUrl !== undefined && { protectedResourceMetadataUrl: metadataUrl }),
    ...(authorizationServer !== undefined && { authorizationServer }),
    ...readScopes(options),
    ...(client && { client }),
    authorizationParameters: readParameters(options),
    connect: (connect as OAuthUpstream['connect'] | undefined) ?? 'offered',
    connectTool: options.boolean('connectTool', true),
  };
}

/**
 * Gives an upstream the token that each user has got from its authorization server: they connect once, in the browser.
 * @example
 * auth.proxy('/linear', { target: 'https://mcp.linear.app/mcp', upstream: userOAuth({ id: 'linear', displayName: 'Linear' }) })
 * @throws ConfigurationError naming every problem at once
 */
export function userOAuth(given: UserOAuthOptions): UpstreamCredential {
  const options = readRequiredOptions(given, userNames);
  const upstream: OAuthUpstream = { mode: 'user-oauth', ...readOAuthUpstream(options) };
  if (options.problems.length > 0) throw new ConfigurationError('userOAuth(options)', options.problems);
  return Object.freeze(upstream);
}

/**
 * Gives an upstream one token for everybody, which somebody who may do so has connected.
 * @example
 * sharedOAuth({ id: 'wiki', displayName: 'Wiki', mayConnect: ({ roles }) => roles.includes('admin') })
 * @throws ConfigurationError naming every problem at once
 */
export function sharedOAuth(given: SharedOAuthOptions): UpstreamCredential {
  const options = readRequiredOptions(given, sharedNames);
  if (!options.has('mayConnect')) options.problem('mayConnect', 'must be given: who may connect it for everybody');
  const mayConnect = options.fn('mayConnect') as SharedOAuthOptions['mayConnect'] | undefined;
  const upstream: OAuthUpstream = {
    mode: 'shared-oauth',
    ...readOAuthUpstream(options),
    mayConnect: mayConnect ?? (() => false),
  };
  if (options.problems.length > 0) throw new ConfigurationError('sharedOAuth(options)', options.problems);
  return Object.freeze(upstream);
}
