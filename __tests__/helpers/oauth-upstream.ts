/**
 * An upstream MCP server that wants OAuth: a real SDK server, and at the same origin a real oidc-provider that rotates its
 * refresh tokens. It accepts a token only if that provider issued it for it, and tells who it belongs to.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import { type Configuration, Provider } from 'oidc-provider';
import { peekBody } from '../../lib/shared/request-body.ts';
import { createSdkV2McpHandler, type McpTestHandler } from './mcp-servers.ts';
import { registerAssertionGrants, type TrustedCompany } from './upstream-assertion-grants.ts';

export interface OAuthUpstreamOptions {
  /** @defaultValue the SDK of 2026-07-28 and before, without sessions */
  readonly createHandler?: () => McpTestHandler;
  /** Lifetime of its access tokens, seconds. @defaultValue 3600 */
  readonly accessTokenSeconds?: number;
  /** @defaultValue true */
  readonly refreshTokens?: boolean;
  /** Fetches client metadata documents; switches them on. */
  readonly fetchDocument?: (url: string) => Promise<Response>;
  /** Whether clients may register themselves. @defaultValue true */
  readonly registration?: boolean;
  /** The token endpoint that its metadata names, in place of its own. */
  readonly tokenEndpoint?: (own: URL) => string;
  /** Whose people get tokens for an assertion, without a browser. */
  readonly company?: () => TrustedCompany;
  /** Where the metadata of the resource is, and whether a challenge names it. @defaultValue at its well-known place, and so */
  readonly metadata?: 'challenge' | 'root' | 'none';
}

/** What happens to the next requests of a kind. */
export interface UpstreamFaults {
  /** Answers of the token endpoint, with a status and a body. */
  token?: { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> } | undefined;
  /** Holds token requests back until it settles. */
  tokenGate?: (() => Promise<unknown>) | undefined;
  /** Holds the answers of the token endpoint back until it settles: what they say has happened by then. */
  tokenAnswerGate?: (() => Promise<unknown>) | undefined;
  /** Answers of the MCP endpoint to requests with a valid token. */
  mcp?: ((req: IncomingMessage, res: ServerResponse) => boolean) | undefined;
}

export interface OAuthUpstream {
  /** The MCP endpoint. */
  readonly url: string;
  readonly issuer: string;
  readonly faults: UpstreamFaults;
  /** Requests to the token endpoint, by their `grant_type`. */
  readonly tokenRequests: Record<string, string>[];
  /** Subjects of the accepted MCP requests, in order. */
  readonly callers: string[];
  /** Authorization headers that arrived at the MCP endpoint. */
  readonly authorizations: (string | undefined)[];
  /** Every other request. */
  readonly requests: { readonly method: string; readonly url: string }[];
  /** A client registered by hand. */
  addClient(metadata: { readonly client_id: string; readonly [name: string]: unknown }): Promise<void>;
  /** Ends an access token, or all of them. */
  forgetAccessTokens(): void;
  /** Ends every grant, refresh tokens too. */
  forgetGrants(): void;
  close(): Promise<void>;
}

export const upstreamScope = 'files:read';

/** Models in memory, so that a test can end tokens behind the provider's back. */
function createRows() {
  const rows = new Map<string, { payload: Record<string, unknown>; expiresAt: number }>();
  const live = (key: string) => {
    const row = rows.get(key);
    return row && row.expiresAt > Date.now() ? row.payload : undefined;
  };
  const adapter = (model: string) => ({
    async upsert(id: string, payload: Record<string, unknown>, expiresIn?: number) {
      const expiresAt = expiresIn ? Date.now() + expiresIn * 1000 : Number.POSITIVE_INFINITY;
      rows.set(`${model}:${id}`, { payload: structuredClone(payload), expiresAt });
    },
    find: async (id: string) => structuredClone(live(`${model}:${id}`)),
    async findByUid(uid: string) {
      const found = [...rows].find(([key, { payload }]) => key.startsWith(`${model}:`) && payload.uid === uid);
      return found && structuredClone(live(found[0]));
    },
    findByUserCode: async () => undefined,
    async consume(id: string) {
      const row = rows.get(`${model}:${id}`);
      if (row) row.payload.consumed = Math.floor(Date.now() / 1000);
    },
    async destroy(id: string) {
      rows.delete(`${model}:${id}`);
    },
    async revokeByGrantId(grantId: string) {
      for (const [key, { payload }] of rows) if (payload.grantId === grantId) rows.delete(key);
    },
  });
  const forget = (model: string) => {
    for (const key of [...rows.keys()]) if (key.startsWith(`${model}:`)) rows.delete(key);
  };
  return { adapter, forget };
}

async function configurationFor(issuer: string, options: OAuthUpstreamOptions): Promise<Configuration> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const resource = `${issuer}/mcp`;
  return {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'upstream' }] },
    scopes: ['openid', upstreamScope, 'files:write'],
    responseTypes: ['code'],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    cookies: {
      keys: ['cookie-key-of-the-upstream'],
      names: { session: 'up_session', interaction: 'up_interaction', resume: 'up_resume' },
    },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: options.registration ?? true },
      revocation: { enabled: true, allowedPolicy: () => true },
      ...(options.fetchDocument && {
        clientIdMetadataDocument: { enabled: true, ack: 'draft-02', allowFetch: () => true, allowClient: () => true },
      }),
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, indicator) => {
          if (indicator !== resource) throw new Error('unknown resource');
          return { scope: `${upstreamScope} files:write`, audience: resource, accessTokenFormat: 'opaque' };
        },
      },
    },
    ttl: {
      AccessToken: options.accessTokenSeconds ?? 3600,
      AuthorizationCode: 60,
      Grant: 86_400,
      IdToken: 3600,
      Interaction: 3600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
    rotateRefreshToken: () => true,
    issueRefreshToken: () => options.refreshTokens ?? true,
    clientBasedCORS: () => false,
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    renderError: (ctx, out) => {
      ctx.body = `error: ${out.error} ${out.error_description ?? ''}`;
    },
    ...(options.fetchDocument && {
      fetch: (url: string | URL | Request) =>
        (options.fetchDocument as (url: string) => Promise<Response>)(String(url)),
    }),
  } as Configuration;
}

/** One page: who are you? Consent is given at once. */
async function interact(provider: Provider, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { prompt, params, session } = await provider.interactionDetails(req, res);
  if (prompt.name === 'consent') {
    const grant = new provider.Grant({ accountId: session?.accountId ?? '', clientId: String(params.client_id) });
    grant.addOIDCScope(String(params.scope ?? ''));
    grant.addResourceScope(String(params.resource), String(params.scope ?? ''));
    return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } });
  }
  if (req.method === 'POST') {
    const form = new URLSearchParams(Buffer.concat(await req.toArray()).toString());
    if (form.get('action') === 'cancel') return provider.interactionFinished(req, res, { error: 'access_denied' });
    return provider.interactionFinished(req, res, { login: { accountId: form.get('upstreamLogin') ?? '' } });
  }
  res.writeHead(200, { 'content-type': 'text/html' });
  res.end(
    '<!DOCTYPE html><title>Files</title><form method="post"><input name="upstreamLogin"><button name="action" value="login">Sign in</button><button name="action" value="cancel">Cancel</button></form>',
  );
}

function renameTokenEndpoint(res: ServerResponse, rename: (own: URL) => string): void {
  const end = res.end.bind(res) as (body: string) => ServerResponse;
  res.end = ((body: string) => {
    const metadata = JSON.parse(String(body)) as { token_endpoint: string };
    const text = JSON.stringify({ ...metadata, token_endpoint: rename(new URL(metadata.token_endpoint)) });
    res.setHeader('content-length', Buffer.byteLength(text));
    return end(text);
  }) as typeof res.end;
}

export async function startOAuthUpstream(options: OAuthUpstreamOptions = {}): Promise<OAuthUpstream> {
  const { metadata = 'challenge', createHandler = createSdkV2McpHandler } = options;
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const resource = `${issuer}/mcp`;
  const rows = createRows();
  const provider = new Provider(issuer, {
    ...(await configurationFor(issuer, options)),
    adapter: rows.adapter as never,
  });
  (provider as NodeJS.EventEmitter).on('error', () => undefined);
  if (options.company) registerAssertionGrants(provider, { url: resource, scope: upstreamScope }, options.company);
  const authorizationServer = provider.callback();
  const handler = createHandler();
  const faults: UpstreamFaults = {};
  const tokenRequests: Record<string, string>[] = [];
  const callers: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const requests: { method: string; url: string }[] = [];
  const rootMetadata = `${issuer}/.well-known/oauth-protected-resource`;

  async function serveMcp(req: IncomingMessage, res: ServerResponse): Promise<void> {
    authorizations.push(req.headers.authorization);
    const presented = /^Bearer (\S+)$/.exec(req.headers.authorization ?? '')?.[1];
    const token = presented === undefined ? undefined : await provider.AccessToken.find(presented);
    if (!token || token.aud !== resource) {
      const hint = metadata === 'challenge' ? ` resource_metadata="${rootMetadata}/mcp",` : '';
      const header = metadata === 'none' ? 'Bearer' : `Bearer${hint} scope="${upstreamScope}"`;
      res.writeHead(401, { 'www-authenticate': header, 'content-type': 'text/plain' }).end('secret upstream text');
      return;
    }
    callers.push(String(token.accountId));
    if (faults.mcp?.(req, res)) return;
    const auth = {
      token: presented,
      clientId: String(token.clientId),
      scopes: [...token.scopes],
      extra: { sub: token.accountId },
    };
    Object.assign(req, { auth });
    await handler(req, res);
  }

  async function serveToken(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await peekBody(req, 65_536);
    const text = body.kind === 'bytes' ? body.bytes.toString() : '';
    tokenRequests.push(Object.fromEntries(new URLSearchParams(text)));
    await faults.tokenGate?.();
    const { tokenAnswerGate } = faults;
    if (tokenAnswerGate) {
      const end = res.end.bind(res) as (...parameters: unknown[]) => unknown;
      res.end = (...parameters: unknown[]) => {
        void tokenAnswerGate().then(() => end(...parameters));
        return res;
      };
    }
    if (faults.token) {
      const { status, headers = {} } = faults.token;
      const answer = JSON.stringify(faults.token.body ?? {});
      res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(answer);
      return;
    }
    await authorizationServer(req, res);
  }

  server.on('request', async (req: IncomingMessage, res: ServerResponse) => {
    const { method = '', url = '' } = req;
    const path = url.split('?')[0] ?? '';
    try {
      if (path === '/mcp') return await serveMcp(req, res);
      if (path === '/token') return await serveToken(req, res);
      requests.push({ method, url });
      const isMetadata = path === `/.well-known/oauth-protected-resource${metadata === 'root' ? '' : '/mcp'}`;
      if (isMetadata && metadata !== 'none') {
        const document = { resource, authorization_servers: [issuer], scopes_supported: [upstreamScope] };
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
        return;
      }
      if (path.startsWith('/interaction/')) return await interact(provider, req, res);
      // oidc-provider serves its metadata for OpenID Connect; RFC 8414 has another name for the same document.
      if (path === '/.well-known/oauth-authorization-server') req.url = '/.well-known/openid-configuration';
      if (options.tokenEndpoint && req.url?.startsWith('/.well-known/'))
        renameTokenEndpoint(res, options.tokenEndpoint);
      await authorizationServer(req, res);
    } catch {
      res.destroy();
    }
  });

  return {
    url: resource,
    issuer,
    faults,
    tokenRequests,
    callers,
    authorizations,
    requests,
    addClient: (client) => rows.adapter('Client').upsert(client.client_id, client),
    forgetAccessTokens: () => rows.forget('AccessToken'),
    forgetGrants() {
      for (const model of ['AccessToken', 'RefreshToken', 'Grant']) rows.forget(model);
    },
    async close() {
      await handler.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
