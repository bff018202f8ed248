import type { IncomingMessage, ServerResponse } from 'node:http';
import { OAuthError } from '../errors.ts';
import { accountIdOf } from '../shared/account-id.ts';
import { exposedHeaders, sendPreflight } from '../shared/cors.ts';
import type { EventContext, EventSink } from '../shared/events.ts';
import { type CallerFlow, newFlowId, tellFlow } from '../shared/flow-id.ts';
import { sendJson } from '../shared/http.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { UndecidableRequest } from '../shared/request-operations.ts';
import { canonicalResource, type Resource } from '../shared/resources.ts';
import type { AccessToken, AccessTokenProblem, AccessTokens } from './access-token.ts';
import { resourceMember } from './auth-resource.ts';
import { type PresentedToken, readBearerToken } from './bearer-token.ts';
import { type Challenge, sendChallenge } from './challenge.ts';
import type { DpopVerifier } from './dpop.ts';
import { sendFailure } from './failure.ts';
import { isAllowedOrigin } from './origin-policy.ts';
import { needsOperations, requiredScopesOf, type ScopeRules } from './required-scopes.ts';
import { missingScopes, type ScopeHierarchy } from './scopes.ts';
import { type BindingProblem, checkSenderBinding, describeBindingProblem } from './sender-binding.ts';
import { stripCredentials } from './strip-credentials.ts';

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
  /** Absent where the authorization server is elsewhere. */
  readonly callerFlow?: CallerFlow | undefined;
  /** Whether a grant was let through before; remembers it. Asked only where a token was looked up. */
  readonly isKnownGrant?: ((grantId: string) => boolean) | undefined;
}

const allowedRequestHeaders =
  'Authorization, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID, DPoP';

/** `req.auth` and `req.user` of a verified token. */
export function describeToken(token: AccessToken): { auth: AuthInfo; user: AuthenticatedUser } {
  const { identity, clientId } = token;
  const auth: AuthInfo = {
    token: `grant:${token.grantId}`,
    clientId,
    scopes: [...token.scopes],
    expiresAt: token.expiresAt,
    extra: { sub: identity.sub, iss: identity.iss, roles: [...identity.roles] },
  };
  Object.defineProperty(auth, 'resource', resourceMember(token.audience));
  return {
    auth,
    user: { sub: identity.sub, iss: identity.iss, data: { ...identity.claims, roles: [...identity.roles], clientId } },
  };
}

/** Why a token that was looked up must not be used at a resource. */
function problemOf(
  token: AccessToken | AccessTokenProblem,
  issuer: Issuer,
  resource: Resource,
): AccessTokenProblem | 'audience is another resource' | undefined {
  if (typeof token === 'string') return token;
  return token.audience === canonicalResource(issuer, resource) ? undefined : 'audience is another resource';
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
  const problem = problemOf(token, issuer, resource);
  if (problem === undefined) return token as AccessToken;
  throw new OAuthError('invalid_token', 401, 'the token is not valid', { cause: new Error(problem) });
}

function answerCors(req: IncomingMessage, res: ServerResponse): void {
  const { origin } = req.headers;
  if (origin === undefined) return;
  res.appendHeader('vary', 'Origin');
  res.setHeader('access-control-allow-origin', origin);
  res.setHeader('access-control-expose-headers', exposedHeaders);
}

/** Lets a request through: without its credentials, with what they stood for. */
function pass(req: AuthenticatedRequest, token: AccessToken): true {
  stripCredentials(req);
  const { auth, user } = describeToken(token);
  req.auth = auth;
  req.user = user;
  return true;
}

/** What a request must hold. */
export interface AccessRules extends ScopeRules {
  readonly implies: ScopeHierarchy;
  readonly challengeScopes: 'operation' | 'union';
}

type Presented = Extract<PresentedToken, { kind: 'token' }>;

/** The bearer check of one resource, without the question which paths it covers. */
export function createAuthenticator(
  resource: Resource,
  rules: AccessRules,
  { tokens, events, issuerOf, dpop, callerFlow, isKnownGrant }: AuthenticateDependencies,
): Handler {
  const proofs = dpop && { dpopAlgorithms: dpop.algorithms };
  const hasFixedScopes = rules.requiredScopes === undefined && !needsOperations(rules);

  /** A token that is refused still tells whose it is, where it could be read. */
  function contextOf(issuer: Issuer, token: AccessToken | undefined): EventContext {
    return {
      resource: canonicalResource(issuer, resource),
      ...(token && { flowId: token.grantId, clientId: token.clientId, subject: accountIdOf(token.identity) }),
    };
  }

  /** The flow of a refused request: its token's, or what its caller begins with it. */
  function tellRefusal(res: ServerResponse, about: EventContext, reason: string, status: number): void {
    const discoveryId = callerFlow?.(res.req);
    const flowId = about.flowId ?? discoveryId ?? newFlowId();
    const isLater = discoveryId !== undefined && discoveryId !== flowId;
    tellFlow(res, flowId);
    events.emit({ type: 'resource.refused', ...about, flowId, ...(isLater && { discoveryId }), reason, status });
  }

  function tellFirstCall(req: IncomingMessage, issuer: Issuer, token: AccessToken): void {
    if (isKnownGrant?.(token.grantId) !== false) return;
    const discoveryId = callerFlow?.(req);
    const about = { ...contextOf(issuer, token), ...(discoveryId !== undefined && { discoveryId }) };
    events.emit({ type: 'resource.admitted', ...about, subject: accountIdOf(token.identity) });
  }

  function refuseBinding(res: ServerResponse, issuer: Issuer, problem: BindingProblem, token: AccessToken): void {
    const isNonce = problem.reason === 'proof' && problem.problem === 'nonce';
    const error = isNonce ? 'use_dpop_nonce' : problem.reason === 'proof' ? 'invalid_dpop_proof' : 'invalid_token';
    if (problem.reason === 'proof' && problem.nonce !== undefined) res.setHeader('dpop-nonce', problem.nonce);
    const description = error === 'invalid_token' ? 'the token is not valid' : 'the DPoP proof is not valid';
    const challenge = { status: 401, error, description, scopes: resource.scopes } as const;
    refuse(res, issuer, challenge, describeBindingProblem(problem), token);
  }

  function refuse(
    res: ServerResponse,
    issuer: Issuer,
    challenge: Challenge,
    reason: string,
    token?: AccessToken,
  ): void {
    tellRefusal(res, contextOf(issuer, token), reason, challenge.status);
    sendChallenge(res, issuer, resource, { ...challenge, ...proofs });
  }

  /** Host and Origin come before everything: a page elsewhere must not even learn what is here. */
  function admit(req: IncomingMessage, res: ServerResponse): Issuer | undefined {
    const issuer = issuerOf(req);
    if (!issuer) {
      tellRefusal(res, {}, 'host is not served', 421);
      sendJson(res, 421, { error: 'invalid_request', error_description: 'this host is not served' });
      return undefined;
    }
    if (isAllowedOrigin(req.headers.origin, issuer, resource)) return issuer;
    tellRefusal(res, contextOf(issuer, undefined), 'origin is not allowed', 403);
    sendJson(res, 403, { error: 'invalid_request', error_description: 'this origin is not allowed' });
    return undefined;
  }

  function refusePresented(res: ServerResponse, issuer: Issuer, presented: Exclude<PresentedToken, Presented>): void {
    const { scopes } = resource;
    if (presented.kind === 'none') return refuse(res, issuer, { status: 401, scopes }, presented.reason);
    const { status, reason } = presented;
    const error = status === 400 ? 'invalid_request' : 'invalid_token';
    refuse(res, issuer, { status, error, description: reason, scopes }, reason);
  }

  function refuseUndecidable(
    res: ServerResponse,
    issuer: Issuer,
    problem: UndecidableRequest,
    token: AccessToken,
  ): void {
    const { status, code, message } = problem;
    tellRefusal(res, contextOf(issuer, token), message, status);
    sendJson(res, status, { jsonrpc: '2.0', id: null, error: { code, message } });
  }

  function hasScopes(res: ServerResponse, issuer: Issuer, token: AccessToken, required: readonly string[]): boolean {
    const missing = missingScopes(token.scopes, required, rules.implies);
    if (missing.length === 0) return true;
    const challenge = {
      status: 403,
      error: 'insufficient_scope',
      description: 'the token lacks a scope',
      scopes: rules.challengeScopes === 'union' ? [...new Set([...required, ...token.scopes])] : required,
    } as const;
    refuse(res, issuer, challenge, `missing scope ${missing.join(' ')}`, token);
    return false;
  }

  /** What a live token is asked besides: proof of its key, and scopes that depend on the request. */
  async function mayUse(
    req: IncomingMessage,
    res: ServerResponse,
    issuer: Issuer,
    presented: Presented,
    token: AccessToken,
  ): Promise<boolean> {
    const binding = await checkSenderBinding(dpop, req, issuer, presented, token);
    if (binding) {
      refuseBinding(res, issuer, binding, token);
      return false;
    }
    const required = await requiredScopesOf(req, rules);
    if (!('status' in required)) return hasScopes(res, issuer, token, required);
    refuseUndecidable(res, issuer, required, token);
    return false;
  }

  function admitToken(
    req: IncomingMessage,
    res: ServerResponse,
    issuer: Issuer,
    presented: Presented,
    token: AccessToken | AccessTokenProblem,
  ): boolean | Promise<boolean> {
    const problem = problemOf(token, issuer, resource);
    if (problem !== undefined) {
      const challenge = { status: 401, error: 'invalid_token', description: 'the token is not valid' } as const;
      const known = typeof token === 'string' ? undefined : token;
      refuse(res, issuer, { ...challenge, scopes: resource.scopes }, problem, known);
      return false;
    }
    const live = token as AccessToken;
    const isPlain = hasFixedScopes && presented.scheme === 'Bearer' && live.jkt === undefined;
    const decision = isPlain ? hasScopes(res, issuer, live, rules.scopes) : mayUse(req, res, issuer, presented, live);
    if (typeof decision === 'boolean') return decision && pass(req as AuthenticatedRequest, live);
    return decision.then((isAllowed) => isAllowed && pass(req as AuthenticatedRequest, live));
  }

  /** A promise only where something has to be waited for: a remembered token at a plain route is the common case. */
  function authenticate(req: IncomingMessage, res: ServerResponse): boolean | Promise<boolean> {
    const issuer = admit(req, res);
    if (!issuer) return false;
    answerCors(req, res);
    if (req.method === 'OPTIONS' && req.headers['access-control-request-method'] !== undefined) {
      sendPreflight(res, 'GET, POST, DELETE, OPTIONS', allowedRequestHeaders);
      return false;
    }
    const presented = readBearerToken(req);
    if (presented.kind !== 'token') {
      refusePresented(res, issuer, presented);
      return false;
    }
    const token = tokens.verify(issuer, presented.token);
    if (!(token instanceof Promise)) return admitToken(req, res, issuer, presented, token);
    return token.then((found) => {
      const tell = (isAdmitted: boolean) => {
        if (isAdmitted) tellFirstCall(req, issuer, found as AccessToken);
        return isAdmitted;
      };
      const decision = admitToken(req, res, issuer, presented, found);
      return typeof decision === 'boolean' ? tell(decision) : decision.then(tell);
    });
  }

  return (req, res, next) => {
    let outcome: boolean | Promise<boolean>;
    try {
      outcome = authenticate(req, res);
    } catch (error) {
      return sendFailure(res, events, error);
    }
    if (outcome === true) return next();
    if (outcome === false) return;
    outcome.then(
      (passed) => {
        if (passed) next();
      },
      (error: unknown) => sendFailure(res, events, error),
    );
  };
}
