import { createRemoteJWKSet, type JWTVerifyGetKey, customFetch as joseFetch } from 'jose';
import * as oidc from 'openid-client';
import type { ResolvedLogin } from '../resolve-options.ts';
import type { Identity } from '../shared/identity.ts';
import { asFetch, type Outbound, OutboundError, type OutboundErrorReason } from '../shared/outbound.ts';
import { identityOf, verifyIdToken } from './id-token.ts';
import { LoginError } from './login-error.ts';

type OidcLogin = Extract<ResolvedLogin, { kind: 'oidc' }>;

/** The company's identity provider, as its OpenID Connect client. */
export interface IdentityProvider {
  /** Where the browser signs in (OpenID Connect Core section 3.1.2.1, RFC 7636). @throws LoginError */
  authorizationUrl(request: {
    state: string;
    nonce: string;
    codeVerifier: string;
    redirectUri: string;
    prompt?: string;
    loginHint?: string;
  }): Promise<string>;
  /** Redeems the code of a callback and verifies who signed in. @throws LoginError */
  redeem(callback: URL, expected: { state: string; nonce: string; codeVerifier: string }): Promise<Identity>;
  /** Whether its last answer, if any was asked for, came and was no outage. */
  isReachable(): boolean;
}

interface Connection {
  readonly configuration: oidc.Configuration;
  readonly keys: JWTVerifyGetKey;
}

const maxAnswerBytes = 64 * 1024;

/** Reasons of the outbound client that are an answer, though none that can be used. */
const unusableAnswers: ReadonlySet<string> = new Set(['too_large', 'encoding_refused'] satisfies OutboundErrorReason[]);

function fromOutbound(cause: OutboundError): LoginError {
  const reason = unusableAnswers.has(cause.reason) ? 'provider_answer_invalid' : 'provider_unreachable';
  return new LoginError({ reason, detail: cause.reason }, { cause });
}

/** Whether another attempt may be answered: an outage, or too many requests (RFC 6585 section 4). */
function isOutage(status: unknown): boolean {
  return typeof status === 'number' && (status >= 500 || status === 429);
}

/** Sorts what openid-client throws: refusals of the provider, lies, and outages. */
function toLoginError(error: unknown): LoginError {
  if (error instanceof LoginError) return error;
  if (error instanceof oidc.AuthorizationResponseError) {
    return new LoginError({ reason: 'refused_by_provider', error: error.error }, { cause: error });
  }
  if (error instanceof oidc.ResponseBodyError) {
    return new LoginError({ reason: 'provider_refused_code', error: error.error }, { cause: error });
  }
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof OutboundError) return fromOutbound(cause);
    const status =
      (cause as { status?: unknown }).status ?? (cause.cause instanceof Response ? cause.cause.status : undefined);
    if (isOutage(status)) {
      return new LoginError({ reason: 'provider_unreachable', detail: `status ${status}` }, { cause: error });
    }
    if ((cause as { code?: string }).code === 'OAUTH_TIMEOUT') {
      return new LoginError({ reason: 'provider_unreachable', detail: 'timed_out' }, { cause });
    }
  }
  return new LoginError({ reason: 'provider_answer_invalid', detail: (error as Error).message }, { cause: error });
}

/** ID tokens leave the token answer before openid-client reads it: they are verified here, in one way, with their signature. */
type IdTokenSlot = { idToken?: unknown };

async function withoutIdToken(response: Response, slot: IdTokenSlot): Promise<Response> {
  if (!response.ok) return response;
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return new Response(text, { status: response.status, headers: response.headers });
  }
  if (typeof body !== 'object' || body === null)
    return new Response(text, { status: response.status, headers: response.headers });
  const { id_token: idToken, ...rest } = body as Record<string, unknown>;
  slot.idToken = idToken;
  return new Response(JSON.stringify(rest), {
    status: response.status,
    headers: { 'content-type': response.headers.get('content-type') ?? '' },
  });
}

/** The key set as jose shall see it: jose has one error for an outage of the provider and for an answer that is no key set. */
function keySetFetch(fetch: oidc.CustomFetch): oidc.CustomFetch {
  return async (url, init) => {
    const response = await fetch(url, init).catch((error: unknown) => {
      throw toLoginError(error);
    });
    if (!isOutage(response.status)) return response;
    throw new LoginError({ reason: 'provider_unreachable', detail: `key set: status ${response.status}` });
  };
}

/** Explicit endpoints win; discovery fills what is left out. */
async function connect(login: OidcLogin, fetch: oidc.CustomFetch): Promise<Connection> {
  const { issuer, clientId, clientSecret, authorizationUrl, tokenUrl, jwksUrl } = login;
  const explicit = {
    ...(authorizationUrl !== undefined && { authorization_endpoint: authorizationUrl }),
    ...(tokenUrl !== undefined && { token_endpoint: tokenUrl }),
    ...(jwksUrl !== undefined && { jwks_uri: jwksUrl }),
  };
  const authentication = oidc.ClientSecretPost(clientSecret);
  const timeout = login.remoteTimeoutMs / 1000;
  let metadata: oidc.ServerMetadata = { issuer, ...explicit };
  if (Object.keys(explicit).length < 3) {
    const discovered = await oidc.discovery(new URL(issuer), clientId, clientSecret, authentication, {
      [oidc.customFetch]: fetch,
      timeout,
      execute: [oidc.allowInsecureRequests], // Schemes are the outbound client's to refuse: http only on loopback.
    });
    metadata = { ...(discovered.serverMetadata() as oidc.ServerMetadata), ...explicit };
  }
  if (
    metadata.authorization_endpoint === undefined ||
    metadata.token_endpoint === undefined ||
    metadata.jwks_uri === undefined
  ) {
    throw new LoginError({ reason: 'provider_answer_invalid', detail: 'its discovery document lacks an endpoint' });
  }
  const configuration = new oidc.Configuration({ ...metadata, issuer }, clientId, clientSecret, authentication);
  configuration[oidc.customFetch] = fetch;
  configuration.timeout = timeout;
  oidc.allowInsecureRequests(configuration);
  const keys = createRemoteJWKSet(new URL(metadata.jwks_uri), {
    timeoutDuration: login.remoteTimeoutMs,
    cooldownDuration: 30_000,
    [joseFetch]: keySetFetch(fetch) as never,
  });
  return { configuration, keys };
}

/** Nothing is fetched before the first login, so the server starts without its identity provider. */
export function createIdentityProvider(login: OidcLogin, outbound: Outbound): IdentityProvider {
  const send = asFetch(outbound, {
    timeoutMs: login.remoteTimeoutMs,
    maxResponseBytes: maxAnswerBytes,
    allowHttpLoopback: true,
    purpose: 'identity provider',
  }) as unknown as oidc.CustomFetch;
  let connection: Promise<Connection> | undefined;
  let reachable = true;

  /** Every request goes through here, so that only what the provider did counts, and not what a browser brought. */
  const fetch: oidc.CustomFetch = async (url, init) => {
    try {
      const response = await send(url, init);
      reachable = !isOutage(response.status);
      return response;
    } catch (error) {
      reachable = toLoginError(error).problem.reason !== 'provider_unreachable';
      throw error;
    }
  };

  async function sorted<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw toLoginError(error);
    }
  }

  function connected(): Promise<Connection> {
    connection ??= connect(login, fetch);
    connection.catch(() => {
      connection = undefined;
    });
    return connection;
  }

  return {
    authorizationUrl: ({ state, nonce, codeVerifier, redirectUri, prompt, loginHint }) =>
      sorted(async () => {
        const { configuration } = await connected();
        return oidc.buildAuthorizationUrl(configuration, {
          redirect_uri: redirectUri,
          response_type: 'code',
          scope: login.scope,
          state,
          nonce,
          code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
          code_challenge_method: 'S256',
          ...(login.authorizeAudience !== undefined && { audience: login.authorizeAudience }),
          ...(prompt !== undefined && { prompt }),
          ...(loginHint !== undefined && { login_hint: loginHint }),
        }).href;
      }),

    redeem: (callback, { state, nonce, codeVerifier }) =>
      sorted(async () => {
        const { configuration, keys } = await connected();
        const slot: IdTokenSlot = {};
        // One configuration per exchange: the slot must not be shared by logins that run side by side.
        const exchange = new oidc.Configuration(
          configuration.serverMetadata(),
          login.clientId,
          login.clientSecret,
          oidc.ClientSecretPost(login.clientSecret),
        );
        exchange.timeout = login.remoteTimeoutMs / 1000;
        exchange[oidc.customFetch] = async (url, init) => withoutIdToken(await fetch(url, init), slot);
        oidc.allowInsecureRequests(exchange);
        await oidc.authorizationCodeGrant(exchange, callback, { expectedState: state, pkceCodeVerifier: codeVerifier });
        const { issuer, clientId, audience } = login;
        return identityOf(await verifyIdToken(slot.idToken, { keys, issuer, clientId, audience, nonce }));
      }),

    isReachable: () => reachable,
  };
}
