import type { IncomingMessage } from 'node:http';
import { OAuthError } from '../errors.ts';
import { openCors, sendPreflight } from '../shared/cors.ts';
import type { EventSink } from '../shared/events.ts';
import { isNamed } from '../shared/header-list.ts';
import { BodyError, type Endpoint, type Exchange, readBody, sendJson } from '../shared/http.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { Resources } from '../shared/resources.ts';
import { namedClients } from './named-clients.ts';
import { handOver } from './provider-request.ts';
import type { ProviderSource } from './provider-source.ts';
import type { RateLimits } from './rate-limits.ts';
import { prepareAuthorizationRequest, prepareTokenRequest } from './request-parameters.ts';

const form = 'application/x-www-form-urlencoded';
/** A form that every parser reads alike: it is handed over as it came. */
const plainForm = /^[\w.~*&=-][\w.~*&=%+-]*$/;
const maxFormBytes = 32 * 1024;
const maxRegistrationBytes = 16 * 1024;
const allowedHeaders = 'Authorization, Content-Type, Accept, MCP-Protocol-Version, DPoP';

export interface MachineEndpointOptions {
  readonly provider: ProviderSource;
  readonly resources: Resources;
  readonly events: EventSink;
  readonly rateLimits: RateLimits;
  /** Whether the operator has blocked a client. */
  readonly isBlocked: (issuer: Issuer, clientId: string) => Promise<boolean>;
  /** Brings a registration body into form, or says publicly why it cannot be. */
  readonly normalizeRegistration: (
    body: Record<string, unknown>,
  ) => { readonly metadata: Record<string, unknown> } | { readonly refusal: string };
}

function bodyProblem(error: BodyError): OAuthError {
  switch (error.reason) {
    case 'too_large':
      return new OAuthError('invalid_request', 413, 'the request body is too large');
    case 'wrong_type':
      return new OAuthError('invalid_request', 400, 'the request body has the wrong media type or encoding');
    case 'malformed':
      return new OAuthError('invalid_request', 400, 'the request body cannot be read');
  }
}

/**
 * CORS, method check and JSON errors around an endpoint that programs call.
 * @param refused told why a request ended before oidc-provider saw it
 */
function machine(method: 'GET' | 'POST', serve: Endpoint, refused?: (reason: string) => void): Endpoint {
  return async (exchange) => {
    const { req, res } = exchange;
    openCors(res);
    if (req.method === 'OPTIONS') return sendPreflight(res, method, allowedHeaders);
    if (req.method !== method && !(method === 'GET' && req.method === 'HEAD')) {
      refused?.(`method ${req.method}`);
      return sendJson(
        res,
        405,
        { error: 'invalid_request', error_description: `use ${method}` },
        { allow: `${method}, OPTIONS` },
      );
    }
    try {
      if (hasSeveral(req, 'authorization'))
        throw new OAuthError('invalid_request', 400, 'several Authorization headers');
      await serve(exchange);
    } catch (error) {
      const known = error instanceof BodyError ? bodyProblem(error) : error;
      if (!(known instanceof OAuthError)) throw error;
      refused?.((error as BodyError | OAuthError).message);
      sendJson(res, known.status, known);
    }
  };
}

/** Whether a header was sent more than once: Node keeps the first one and drops the others in silence. */
function hasSeveral({ headers, rawHeaders }: IncomingMessage, name: string): boolean {
  if (headers[name] === undefined) return false;
  return rawHeaders.filter((text, index) => index % 2 === 0 && isNamed(text, name)).length > 1;
}

/** The user of HTTP Basic authentication, as the client spelled it: only a subject to count. */
function basicUser(authorization: string | undefined): string | undefined {
  const [scheme, credentials = ''] = (authorization ?? '').split(' ', 2);
  return scheme?.toLowerCase() === 'basic' ? Buffer.from(credentials, 'base64').toString().split(':', 1)[0] : undefined;
}

/** Answers that count as failures of whoever asked. */
const tokenFailures: readonly number[] = [400, 401];
/** Of those who ask about tokens of others, who may be anybody's text, only what they fail to prove of themselves. */
const callerFailures: readonly number[] = [401];

/** @throws OAuthError 429 where the caller has to wait (RFC 6585 section 4) */
function limit({ res }: Exchange, waitSeconds: number | undefined): void {
  if (waitSeconds === undefined) return;
  res.setHeader('retry-after', String(waitSeconds));
  throw new OAuthError('temporarily_unavailable', 429, 'too many requests; try again later');
}

async function readRegistration(exchange: Exchange): Promise<Record<string, unknown>> {
  const bytes = await readBody(exchange.req, 'application/json', maxRegistrationBytes);
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new OAuthError('invalid_client_metadata', 400, 'the request body is not JSON', { cause });
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new OAuthError('invalid_client_metadata', 400, 'the request body must be a JSON object');
  }
  return body as Record<string, unknown>;
}

/** The endpoints that programs call: they answer JSON, also in errors, and are open to browser clients. */
export function createMachineEndpoints({
  provider,
  resources,
  events,
  rateLimits,
  isBlocked,
  normalizeRegistration,
}: MachineEndpointOptions): {
  registration: Endpoint;
  token: Endpoint;
  pushedAuthorizationRequest: Endpoint;
  revocation: Endpoint;
  introspection: Endpoint;
  jwks: Endpoint;
} {
  /** An outage answer carries Retry-After (RFC 9110 section 10.2.3). */
  async function delegate(exchange: Exchange, body?: { bytes: Buffer; type: string }): Promise<void> {
    const { callback } = await provider(exchange.issuer);
    handOver(exchange, { target: exchange.path, accept: 'application/json', dropOrigin: true, ...(body && { body }) });
    await callback(exchange.req, exchange.res);
  }

  function formEndpoint(
    failures: readonly number[],
    prepare?: (parameters: URLSearchParams, exchange: Exchange) => boolean,
  ): Endpoint {
    async function serve(exchange: Exchange): Promise<void> {
      const bytes = await readBody(exchange.req, form, maxFormBytes);
      const text = bytes.toString('utf8');
      const parameters = new URLSearchParams(text);
      const clientId = parameters.get('client_id') ?? basicUser(exchange.req.headers.authorization);
      limit(exchange, rateLimits.tokenWait(exchange, clientId));
      exchange.res.once('finish', () => {
        // An outage has an event of its own.
        if (failures.includes(exchange.res.statusCode)) rateLimits.tokenFailed(exchange, clientId).catch(() => {});
      });
      for (const named of namedClients(parameters, exchange.req.headers.authorization)) {
        if (await isBlocked(exchange.issuer, named)) {
          throw new OAuthError('unauthorized_client', 400, 'the client is blocked');
        }
      }
      const isPrepared = prepare?.(parameters, exchange) ?? false;
      exchange.res.setHeader('cache-control', 'no-store'); // oidc-provider leaves it out at revocation.
      const isPlain = !isPrepared && plainForm.test(text);
      await delegate(exchange, { bytes: isPlain ? bytes : Buffer.from(parameters.toString()), type: form });
    }
    return machine('POST', serve, (reason) => events.emit({ type: 'token.refused', reason }));
  }

  async function register(exchange: Exchange): Promise<void> {
    const normalized = normalizeRegistration(await readRegistration(exchange));
    if ('refusal' in normalized) {
      const isRedirect = normalized.refusal.startsWith('redirect_uris');
      throw new OAuthError(isRedirect ? 'invalid_redirect_uri' : 'invalid_client_metadata', 400, normalized.refusal);
    }
    limit(exchange, await rateLimits.registration(exchange, normalized.metadata.redirect_uris));
    await delegate(exchange, { bytes: Buffer.from(JSON.stringify(normalized.metadata)), type: 'application/json' });
  }

  return {
    registration: machine('POST', register, (reason) => events.emit({ type: 'client.refused', reason })),
    token: formEndpoint(tokenFailures, (parameters, { issuer }) => prepareTokenRequest(parameters, issuer, resources)),
    pushedAuthorizationRequest: formEndpoint(tokenFailures, (parameters, { issuer }) => {
      prepareAuthorizationRequest(parameters, issuer, resources);
      return true;
    }),
    revocation: formEndpoint(callerFailures),
    introspection: formEndpoint(callerFailures),
    jwks: machine('GET', (exchange) => delegate(exchange)),
  };
}
