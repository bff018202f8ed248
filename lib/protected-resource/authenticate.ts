import type { IncomingMessage, ServerResponse } from 'node:http';
import { OAuthError } from '../errors.ts';
import { withoutOwnCookies } from '../shared/cookie-names.ts';
import { exposedHeaders, sendPreflight } from '../shared/cors.ts';
import type { EventSink } from '../shared/events.ts';
import { fromRawHeaders, toRawHeaders } from '../shared/header-list.ts';
import { sendJson } from '../shared/http.ts';
import type { Issuer } from '../shared/issuer.ts';
import { canonicalResource, type Resource } from '../shared/resources.ts';
import type { AccessToken, AccessTokens } from './access-token.ts';
import { readBearerToken } from './bearer-token.ts';
import { type Challenge, sendChallenge } from './challenge.ts';
import type { DpopVerifier } from './dpop.ts';
import { sendFailure } from './failure.ts';
import { isAllowedOrigin } from './origin-policy.ts';
import { requiredScopesOf, type ScopeRules } from './required-scopes.ts';
import { expandScopes, type ScopeHierarchy } from './scopes.ts';
import { type BindingProblem, checkSenderBinding, describeBindingProblem } from './sender-binding.ts';

/** Exactly the MCP SDK's `AuthInfo`. `token` is a reference that no server accepts: the bearer itself never travels on. */
export interface AuthInfo {
  token: string;
  clientId: string;
  scopes: string[];
  /** UNIX seconds. */
  expiresAt?: number;
  resource?: URL;
  extra?: Record<string, unknown>;
}

/** Who calls, as the identity provider knows them. */
export interface AuthenticatedUser {
  /** Subject at the identity provider; unique together with `iss`. */
  readonly sub: string;
  readonly iss: string;
  readonly data: { readonly roles: readonly string[]; readonly clientId: string; readonly [claim: string]: unknown };
}

/** A request that passed `authenticate` or `proxy`. */
export type AuthenticatedRequest<Request extends IncomingMessage = IncomingMessage> = Request & {
  auth: AuthInfo;
  user: AuthenticatedUser;
};

/** Middleware in the form that Express and plain `node:http` code can both call. */
export type Handler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

export interface AuthenticateDependencies {
  readonly tokens: AccessTokens;
  readonly events: EventSink;
  /** The issuer that a request's Host names; undefined where it is not served. */
  readonly issuerOf: (req: IncomingMessage) => Issuer | undefined;
  /** Absent where DPoP is off. */
  readonly dpop?: DpopVerifier | undefined;
}

const allowedRequestHeaders =
  'Authorization, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID, DPoP';

/** `req.auth` and `req.user` of a verified token. */
export function describeToken(token: AccessToken): { auth: AuthInfo; user: AuthenticatedUser } {
  const { identity, clientId } = token;
  return {
    auth: {
      token: `grant:${token.grantId}`,
      clientId,
      scopes: [...token.scopes],
      expiresAt: token.expiresAt,
      resource: new URL(token.audience),
      extra: { sub: identity.sub, iss: identity.iss, roles: [...identity.roles] },
    },
    user: { sub: identity.sub, iss: identity.iss, data: { ...identity.claims, roles: [...identity.roles], clientId } },
  };
}

/**
 * Checks a token for a resource.
 * @throws OAuthError `invalid_token`, 401, with the exact reason as cause; what `tokens` throws passes as it is
 */
export async function verifyAccessToken(
  tokens: AccessTokens,
  issuer: Issuer,
  resource: Resource,
  presented: string,
): Promise<AccessToken> {
  const token = await tokens.verify(issuer, presented);
  if (typeof token === 'string')
    throw new OAuthError('invalid_token', 401, 'the token is not valid', { cause: new Error(token) });
  if (token.audience !== canonicalResource(issuer, resource)) {
    throw new OAuthError('invalid_token', 401, 'the token is not valid', {
      cause: new Error('audience is another resource'),
    });
  }
  return token;
}

/** Takes the bearer and this library's cookies off the request, in both forms Node keeps (the MCP SDK reads `rawHeaders`). */
function stripCredentials(req: IncomingMessage): void {
  delete req.headers.authorization;
  delete req.headers.dpop;
  delete req.headersDistinct.authorization; // Built from `rawHeaders`, but kept where something has read it before.
  const kept = fromRawHeaders(req.rawHeaders).flatMap(([name, value]) => {
    const lower = name.toLowerCase();
    if (lower === 'authorization' || lower === 'dpop') return [];
    if (lower !== 'cookie') return [[name, value] as const];
    const cookie = withoutOwnCookies(value);
    return cookie === undefined ? [] : [[name, cookie] as const];
  });
  req.rawHeaders.splice(0, req.rawHeaders.length, ...toRawHeaders(kept));
  if (req.headers.cookie !== undefined) {
    const cookie = withoutOwnCookies(req.headers.cookie);
    if (cookie === undefined) delete req.headers.cookie;
    else req.headers.cookie = cookie;
  }
}

function answerCors(req: IncomingMessage, res: ServerResponse): void {
  const { origin } = req.headers;
  if (origin === undefined) return;
  res.appendHeader('vary', 'Origin');
  res.setHeader('access-control-allow-origin', origin);
  res.setHeader('access-control-expose-headers', exposedHeaders);
}

/** What a request must hold. */
export interface AccessRules extends ScopeRules {
  readonly implies: ScopeHierarchy;
  readonly challengeScopes: 'operation' | 'union';
}

/** The bearer check of one resource, without the question which paths it covers. */
export function createAuthenticator(
  resource: Resource,
  rules: AccessRules,
  { tokens, events, issuerOf, dpop }: AuthenticateDependencies,
): Handler {
  const proofs = dpop && { dpopAlgorithms: dpop.algorithms };

  function refuseBinding(res: ServerResponse, issuer: Issuer, problem: BindingProblem, clientId: string): void {
    const isNonce = problem.reason === 'proof' && problem.problem === 'nonce';
    const error = isNonce ? 'use_dpop_nonce' : problem.reason === 'proof' ? 'invalid_dpop_proof' : 'invalid_token';
    if (problem.reason === 'proof' && problem.nonce !== undefined) res.setHeader('dpop-nonce', problem.nonce);
    const description = error === 'invalid_token' ? 'the token is not valid' : 'the DPoP proof is not valid';
    const challenge = { status: 401, error, description, scopes: resource.scopes } as const;
    refuse(res, issuer, challenge, describeBindingProblem(problem), clientId);
  }

  function refuse(res: ServerResponse, issuer: Issuer, challenge: Challenge, reason: string, clientId?: string): void {
    const about = { resource: canonicalResource(issuer, resource), ...(clientId !== undefined && { clientId }) };
    events.emit({ type: 'resource.refused', ...about, reason, status: challenge.status });
    sendChallenge(res, issuer, resource, { ...challenge, ...proofs });
  }

  /** Host and Origin come before everything: a page elsewhere must not even learn what is here. */
  function admit(req: IncomingMessage, res: ServerResponse): Issuer | undefined {
    const issuer = issuerOf(req);
    if (!issuer) {
      events.emit({ type: 'resource.refused', reason: 'host is not served', status: 421 });
      sendJson(res, 421, { error: 'invalid_request', error_description: 'this host is not served' });
      return undefined;
    }
    if (isAllowedOrigin(req.headers.origin, issuer, resource)) return issuer;
    events.emit({
      type: 'resource.refused',
      resource: canonicalResource(issuer, resource),
      reason: 'origin is not allowed',
      status: 403,
    });
    sendJson(res, 403, { error: 'invalid_request', error_description: 'this origin is not allowed' });
    return undefined;
  }

  async function authenticate(req: IncomingMessage, res: ServerResponse): Promise<boolean> {
    const issuer = admit(req, res);
    if (!issuer) return false;
    answerCors(req, res);
    if (req.method === 'OPTIONS' && req.headers['access-control-request-method'] !== undefined) {
      sendPreflight(res, 'GET, POST, DELETE, OPTIONS', allowedRequestHeaders);
      return false;
    }
    const { scopes } = resource;
    const presented = readBearerToken(req);
    if (presented.kind === 'none') {
      refuse(res, issuer, { status: 401, scopes }, presented.reason);
      return false;
    }
    if (presented.kind === 'refused') {
      const error = presented.status === 400 ? 'invalid_request' : 'invalid_token';
      refuse(res, issuer, { status: presented.status, error, description: presented.reason, scopes }, presented.reason);
      return false;
    }
    let token: AccessToken;
    try {
      token = await verifyAccessToken(tokens, issuer, resource, presented.token);
    } catch (error) {
      if (!(error instanceof OAuthError) || error.code !== 'invalid_token') throw error;
      refuse(
        res,
        issuer,
        { status: 401, error: 'invalid_token', description: error.message, scopes },
        (error.cause as Error).message,
      );
      return false;
    }
    const binding = await checkSenderBinding(dpop, req, issuer, presented, token);
    if (binding) {
      refuseBinding(res, issuer, binding, token.clientId);
      return false;
    }
    const required = await requiredScopesOf(req, rules);
    if ('status' in required) {
      const about = { resource: canonicalResource(issuer, resource), clientId: token.clientId };
      events.emit({ type: 'resource.refused', ...about, reason: required.message, status: required.status });
      const { code, message } = required;
      sendJson(res, required.status, { jsonrpc: '2.0', id: null, error: { code, message } });
      return false;
    }
    const held = expandScopes(token.scopes, rules.implies);
    const missing = required.filter((scope) => !held.has(scope));
    if (missing.length > 0) {
      const challenge = {
        status: 403,
        error: 'insufficient_scope',
        description: 'the token lacks a scope',
        scopes: rules.challengeScopes === 'union' ? [...new Set([...required, ...token.scopes])] : required,
      } as const;
      refuse(res, issuer, challenge, `missing scope ${missing.join(' ')}`, token.clientId);
      return false;
    }
    stripCredentials(req);
    Object.assign(req, describeToken(token));
    return true;
  }

  return (req, res, next) => {
    authenticate(req, res).then(
      (passed) => {
        if (passed) next();
      },
      (error: unknown) => sendFailure(res, events, error),
    );
  };
}
