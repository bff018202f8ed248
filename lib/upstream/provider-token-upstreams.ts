import { ConfigurationError } from '../errors.ts';
import type { OptionReader } from '../shared/option-reader.ts';
import { readRequiredOptions } from '../shared/option-reader.ts';
import type { UpstreamCredential } from '../shared/upstream-credentials.ts';
import { readClientAuth } from './client-authentication.ts';
import type { IdJagUpstreamOptions, TokenExchangeOptions, UpstreamClientAuth } from './upstream-options.ts';
import { oneOf, readScopes, readUpstreamName, urlRule } from './user-oauth.ts';

/** A token endpoint and who this server is there. */
export interface TokenEndpoint {
  readonly tokenUrl: string;
  readonly clientAuth: UpstreamClientAuth;
}

/** Options of `idJag()` with their defaults. */
export interface IdJagUpstream extends UpstreamCredential {
  readonly mode: 'id-jag';
  readonly id: string;
  readonly displayName: string;
  readonly connectTool: boolean;
  readonly scopes: readonly string[];
  readonly scopeDelimiter: string;
  readonly idp: TokenEndpoint;
  readonly resourceAs: TokenEndpoint & { readonly audience: string; readonly sendScopes: boolean };
  readonly resource?: string;
}

/** Options of `tokenExchange()` with their defaults. */
export interface TokenExchangeUpstream extends UpstreamCredential, TokenEndpoint {
  readonly mode: 'token-exchange';
  readonly id: string;
  readonly displayName: string;
  readonly connectTool: boolean;
  readonly grant: 'token-exchange' | 'on-behalf-of';
  readonly subjectToken: 'access_token' | 'id_token';
  readonly audience?: string;
  readonly resource?: string;
  readonly scopes: readonly string[];
  readonly scopeDelimiter: string;
}

function readEndpoint(options: OptionReader): TokenEndpoint {
  if (!options.has('tokenUrl')) options.problem('tokenUrl', 'must be given');
  return { tokenUrl: options.string('tokenUrl', urlRule) ?? 'https://invalid', clientAuth: readClientAuth(options) };
}

/**
 * Gives an upstream tokens that its authorization server issues for an assertion of the company's identity provider
 * (MCP Enterprise-Managed Authorization): users see no further page.
 * @throws ConfigurationError naming every problem at once
 */
export function idJag(given: IdJagUpstreamOptions): UpstreamCredential {
  const names = ['id', 'displayName', 'scopes', 'scopeDelimiter', 'connectTool', 'idp', 'resourceAs', 'resource'];
  const options = readRequiredOptions(given, names satisfies readonly string[]);
  for (const name of ['idp', 'resourceAs']) if (!options.has(name)) options.problem(name, 'must be given');
  const idp = options.group('idp', ['tokenUrl', 'clientAuth']);
  const resourceAs = options.group('resourceAs', ['tokenUrl', 'audience', 'clientAuth', 'sendScopes']);
  if (!resourceAs.has('audience')) resourceAs.problem('audience', 'must be given');
  const resource = options.string('resource', urlRule);
  const upstream: IdJagUpstream = {
    mode: 'id-jag',
    ...readUpstreamName(options),
    ...readScopes(options),
    connectTool: options.boolean('connectTool', true),
    idp: readEndpoint(idp),
    resourceAs: {
      ...readEndpoint(resourceAs),
      audience: resourceAs.string('audience') ?? '',
      sendScopes: resourceAs.boolean('sendScopes', false),
    },
    ...(resource !== undefined && { resource }),
  };
  if (options.problems.length > 0) throw new ConfigurationError('idJag(options)', options.problems);
  return Object.freeze(upstream);
}

/**
 * Gives an upstream tokens for which the user's token of the login is exchanged (RFC 8693, or Entra on-behalf-of).
 * @throws ConfigurationError naming every problem at once
 */
export function tokenExchange(given: TokenExchangeOptions): UpstreamCredential {
  const options = readRequiredOptions(given, [
    'id',
    'displayName',
    'tokenUrl',
    'clientAuth',
    'grant',
    'subjectToken',
    'audience',
    'resource',
    'scopes',
    'scopeDelimiter',
    'connectTool',
  ] satisfies readonly (keyof TokenExchangeOptions)[]);
  const audience = options.string('audience');
  const resource = options.string('resource', urlRule);
  const grant = options.string('grant', oneOf('token-exchange', 'on-behalf-of'));
  const subjectToken = options.string('subjectToken', oneOf('access_token', 'id_token'));
  if (grant === 'on-behalf-of' && subjectToken === 'id_token') {
    options.problem('subjectToken', "must be 'access_token' with grant 'on-behalf-of'");
  }
  const upstream: TokenExchangeUpstream = {
    mode: 'token-exchange',
    ...readUpstreamName(options),
    ...readScopes(options),
    ...readEndpoint(options),
    connectTool: options.boolean('connectTool', true),
    grant: (grant as TokenExchangeUpstream['grant'] | undefined) ?? 'token-exchange',
    subjectToken: (subjectToken as TokenExchangeUpstream['subjectToken'] | undefined) ?? 'access_token',
    ...(audience !== undefined && { audience }),
    ...(resource !== undefined && { resource }),
  };
  if (options.problems.length > 0) throw new ConfigurationError('tokenExchange(options)', options.problems);
  return Object.freeze(upstream);
}
