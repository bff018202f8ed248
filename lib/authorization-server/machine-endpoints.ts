import { OAuthError } from '../errors.ts';
import { openCors, sendPreflight } from '../shared/cors.ts';
import type { EventSink } from '../shared/events.ts';
import { BodyError, type Endpoint, type Exchange, readBody, sendJson } from '../shared/http.ts';
import type { Resources } from '../shared/resources.ts';
import { handOver } from './provider-request.ts';
import type { ProviderSource } from './provider-source.ts';
import { prepareTokenRequest } from './request-parameters.ts';

const form = 'application/x-www-form-urlencoded';
const maxFormBytes = 32 * 1024;
const maxRegistrationBytes = 16 * 1024;
const allowedHeaders = 'Authorization, Content-Type, Accept, MCP-Protocol-Version, DPoP';

export interface MachineEndpointOptions {
  readonly provider: ProviderSource;
  readonly resources: Resources;
  readonly events: EventSink;
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

/** CORS, method check and JSON errors around an endpoint that programs call. */
function machine(method: 'GET' | 'POST', serve: Endpoint): Endpoint {
  return async (exchange) => {
    const { req, res } = exchange;
    openCors(res);
    if (req.method === 'OPTIONS') return sendPreflight(res, method, allowedHeaders);
    if (req.method !== method && !(method === 'GET' && req.method === 'HEAD')) {
      return sendJson(
        res,
        405,
        { error: 'invalid_request', error_description: `use ${method}` },
        { allow: `${method}, OPTIONS` },
      );
    }
    try {
      await serve(exchange);
    } catch (error) {
      const known = error instanceof BodyError ? bodyProblem(error) : error;
      if (!(known instanceof OAuthError)) throw error;
      sendJson(res, known.status, known);
    }
  };
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
  normalizeRegistration,
}: MachineEndpointOptions): {
  registration: Endpoint;
  token: Endpoint;
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

  function formEndpoint(prepare?: (parameters: URLSearchParams, exchange: Exchange) => void): Endpoint {
    return machine('POST', async (exchange) => {
      const parameters = new URLSearchParams((await readBody(exchange.req, form, maxFormBytes)).toString('utf8'));
      prepare?.(parameters, exchange);
      await delegate(exchange, { bytes: Buffer.from(parameters.toString()), type: form });
    });
  }

  return {
    registration: machine('POST', async (exchange) => {
      const normalized = normalizeRegistration(await readRegistration(exchange));
      if ('refusal' in normalized) {
        events.emit({ type: 'client.refused', reason: normalized.refusal });
        const code = normalized.refusal.startsWith('redirect_uris')
          ? 'invalid_redirect_uri'
          : 'invalid_client_metadata';
        throw new OAuthError(code, 400, normalized.refusal);
      }
      await delegate(exchange, { bytes: Buffer.from(JSON.stringify(normalized.metadata)), type: 'application/json' });
    }),
    token: formEndpoint((parameters, { issuer }) => prepareTokenRequest(parameters, issuer, resources)),
    revocation: formEndpoint(),
    introspection: formEndpoint(),
    jwks: machine('GET', (exchange) => delegate(exchange)),
  };
}
