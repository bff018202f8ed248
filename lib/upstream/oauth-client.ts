import * as oidc from 'openid-client';
import type { Issuer } from '../shared/issuer.ts';
import { asFetch, type Outbound } from '../shared/outbound.ts';
import { readScopeText } from './challenge.ts';
import type { ClientRegistration } from './client-registration.ts';
import type { AuthorizationServer, Discovery } from './discovery.ts';
import { redirectUriOf } from './redirect-uri.ts';
import { describeUpstreamProblem, toUpstreamError, UpstreamError } from './upstream-problem.ts';
import type { OAuthUpstream } from './user-oauth.ts';
import type { Renewal, UpstreamTokens } from './vault.ts';

/** What an authorization in flight needs at its callback. */
export interface PendingAuthorization {
  readonly codeVerifier: string;
  /** Issuer that the browser was sent to. */
  readonly authorizationServer: string;
  readonly resource: string;
  readonly scopes: readonly string[];
}

/** One upstream as an OAuth client sees it. */
export interface OAuthClient {
  /** Where the browser asks for authorization, without `state` (RFC 6749 section 4.1.1, RFC 7636, RFC 8707). @throws UpstreamError */
  begin(issuer: Issuer, extraScopes: readonly string[]): Promise<{ url: string; pending: PendingAuthorization }>;
  /** Redeems the code of a callback, after `iss` and `state` were checked (RFC 9207). @throws UpstreamError */
  redeem(issuer: Issuer, callback: URL, state: string, pending: PendingAuthorization): Promise<UpstreamTokens>;
  refresh(issuer: Issuer, tokens: UpstreamTokens): Promise<Renewal>;
  /** RFC 7009; done as well as it can be, since the connection ends here in any case. */
  revoke(issuer: Issuer, tokens: UpstreamTokens): Promise<void>;
}

export interface OAuthClientOptions {
  readonly upstream: OAuthUpstream;
  readonly target: string;
  readonly outbound: Outbound;
  readonly discovery: Discovery;
  readonly registration: ClientRegistration;
  /** Paths after the issuer's prefix. */
  readonly paths: { readonly connectCallback: string };
  readonly now?: () => number;
}

const timeoutMs = 10_000;

/**
 * How long a renewal may prepare before it sends the refresh token, milliseconds: with the request and the writing that follow
 * it is done before another process may begin its own (see the vault's lease), which would look like a stolen token.
 */
const preparationMs = 25_000;

/** ID tokens of an upstream are not read: who the user is there matters to nobody here. */
async function withoutIdToken(response: Response): Promise<Response> {
  if (!response.ok) return response;
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  const headers = { 'content-type': response.headers.get('content-type') ?? '' };
  if (typeof body !== 'object' || body === null) return new Response(text, { status: response.status, headers });
  const { id_token: _, ...rest } = body as Record<string, unknown>;
  return new Response(JSON.stringify(rest), { status: response.status, headers });
}

/** A client configuration of openid-client whose requests all go through the outbound client. */
export function configurationOf(
  server: oidc.ServerMetadata,
  client: { clientId: string; authentication: oidc.ClientAuth },
  outbound: Outbound,
): oidc.Configuration {
  const fetch = asFetch(outbound, {
    timeoutMs,
    maxResponseBytes: 256 * 1024,
    allowHttpLoopback: true,
    purpose: 'upstream authorization server',
  }) as unknown as oidc.CustomFetch;
  const configuration = new oidc.Configuration(server, client.clientId, {}, client.authentication);
  configuration.timeout = timeoutMs / 1000;
  configuration[oidc.customFetch] = async (url, init) => withoutIdToken(await fetch(url, init));
  oidc.allowInsecureRequests(configuration); // Schemes are the outbound client's to refuse: http only on loopback.
  return configuration;
}

/** Reads a token answer (RFC 6749 section 5.1). @throws UpstreamError for a token that is no bearer token */
export function readTokens(
  answer: oidc.TokenEndpointResponse,
  known: {
    readonly authorizationServer: string;
    readonly clientId: string;
    readonly scopes: readonly string[];
    readonly connectedAt?: number;
    readonly refreshToken?: string | undefined;
    readonly scopeDelimiter?: string;
  },
  nowMs: number,
): UpstreamTokens {
  if (answer.token_type !== 'bearer') {
    throw new UpstreamError({ reason: 'invalid_answer', detail: 'the token is no bearer token' });
  }
  const issuedAt = Math.floor(nowMs / 1000);
  const { expires_in: seconds, refresh_token: refreshToken = known.refreshToken } = answer;
  return {
    accessToken: answer.access_token,
    ...(refreshToken !== undefined && { refreshToken }),
    ...(seconds !== undefined && { expiresAt: issuedAt + Math.floor(seconds) }),
    issuedAt,
    connectedAt: known.connectedAt ?? issuedAt,
    scopes: answer.scope === undefined ? known.scopes : readScopeText(answer.scope, known.scopeDelimiter),
    authorizationServer: known.authorizationServer,
    clientId: known.clientId,
  };
}

export function createOAuthClient(options: OAuthClientOptions): OAuthClient {
  const { upstream, outbound, discovery, registration, now = () => Date.now() } = options;
  const discovered = () => discovery.discover({ ...upstream, target: options.target });

  async function configure(issuer: Issuer, server: AuthorizationServer) {
    const client = await registration.client(issuer, upstream, server, outbound);
    const configuration = configurationOf(server as unknown as oidc.ServerMetadata, client, outbound);
    return { configuration, clientId: client.clientId };
  }

  async function sorted<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      // What the store throws stays what it is.
      throw (error as { code?: unknown }).code === 'storage_unavailable' ? error : toUpstreamError(error);
    }
  }

  /** Configured scopes, else what the upstream proposes; `offline_access` where the server knows it (MCP, Refresh Tokens). */
  function scopesFor(proposed: readonly string[], extra: readonly string[], server: AuthorizationServer): string[] {
    const wanted = [...(upstream.scopes.length > 0 ? upstream.scopes : proposed), ...extra];
    const offline = server.scopes_supported?.includes('offline_access') ? ['offline_access'] : [];
    return [...new Set([...wanted, ...offline])];
  }

  return {
    begin: (issuer, extraScopes) =>
      sorted(async () => {
        const { authorizationServer: server, resource, scopes: proposed } = await discovered();
        const { configuration } = await configure(issuer, server);
        const scopes = scopesFor(proposed, extraScopes, server);
        const codeVerifier = oidc.randomPKCECodeVerifier();
        const url = oidc.buildAuthorizationUrl(configuration, {
          ...(scopes.includes('offline_access') && { prompt: 'consent' }),
          ...upstream.authorizationParameters,
          redirect_uri: redirectUriOf(issuer, options.paths, upstream.id),
          response_type: 'code',
          resource,
          code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
          code_challenge_method: 'S256',
          ...(scopes.length > 0 && { scope: scopes.join(upstream.scopeDelimiter) }),
        });
        return { url: url.href, pending: { codeVerifier, authorizationServer: server.issuer, resource, scopes } };
      }),

    redeem: (issuer, callback, state, pending) =>
      sorted(async () => {
        const server = await discovery.authorizationServer(pending.authorizationServer);
        const { configuration, clientId } = await configure(issuer, server);
        const checks = { expectedState: state, pkceCodeVerifier: pending.codeVerifier };
        const parameters = { resource: pending.resource };
        const answer = await oidc.authorizationCodeGrant(configuration, callback, checks, parameters);
        const { scopeDelimiter } = upstream;
        const known = { authorizationServer: server.issuer, clientId, scopes: pending.scopes, scopeDelimiter };
        return readTokens(answer, known, now());
      }),

    async refresh(issuer, tokens) {
      if (tokens.refreshToken === undefined) return { kind: 'ended', reason: 'expired, and there is no refresh token' };
      try {
        return await sorted(async () => {
          const startedAt = now();
          const { authorizationServer, resource } = await discovered();
          // A refresh token goes to nobody but its issuer (MCP 2026-07-28, credentials bound to the issuer).
          if (authorizationServer.issuer !== tokens.authorizationServer) {
            return { kind: 'ended', reason: 'the upstream has another authorization server now' };
          }
          const { configuration, clientId } = await configure(issuer, authorizationServer);
          if (clientId !== tokens.clientId) return { kind: 'ended', reason: 'issued to another client' };
          if (now() - startedAt > preparationMs) {
            return { kind: 'failed', reason: 'unreachable: discovery takes too long', retryAfterSeconds: 5 };
          }
          const answer = await oidc.refreshTokenGrant(configuration, tokens.refreshToken as string, { resource });
          return { kind: 'renewed', tokens: readTokens(answer, { ...tokens, ...upstreamDelimiter(upstream) }, now()) };
        });
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error;
        return toRenewal(error, async () => {
          const { authorizationServer } = await discovered();
          return registration.forget(issuer, upstream, authorizationServer);
        });
      }
    },

    async revoke(issuer, tokens) {
      try {
        const server = await discovery.authorizationServer(tokens.authorizationServer);
        if (server.revocation_endpoint === undefined) return;
        const { configuration } = await configure(issuer, server);
        const hint = tokens.refreshToken === undefined ? 'access_token' : 'refresh_token';
        await oidc.tokenRevocation(configuration, tokens.refreshToken ?? tokens.accessToken, { token_type_hint: hint });
      } catch {}
    },
  };

  /**
   * Of all answers one says that the grant has ended. A registration that is unknown by now takes its grants with it; a
   * metadata document is only one that the server could not read, perhaps for now.
   */
  async function toRenewal({ problem }: UpstreamError, forget: () => Promise<boolean>): Promise<Renewal> {
    if (problem.reason === 'refused') {
      if (problem.error === 'invalid_grant') return { kind: 'ended', reason: 'invalid_grant' };
      if (problem.error === 'invalid_client' && !upstream.client && (await forget())) {
        return { kind: 'ended', reason: 'the registration has ended' };
      }
    }
    const retryAfterSeconds = problem.reason === 'unreachable' ? problem.retryAfterSeconds : 30;
    return { kind: 'failed', reason: describeUpstreamProblem(problem), retryAfterSeconds };
  }
}

function upstreamDelimiter({ scopeDelimiter }: OAuthUpstream): { scopeDelimiter: string } {
  return { scopeDelimiter };
}
