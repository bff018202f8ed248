import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startIdentityProvider } from '../helpers/identity-provider.ts';
import type { WhoAmI } from '../helpers/mcp-servers.ts';
import { postForm, send } from '../helpers/oauth-client.ts';
import {
  bearer,
  type ProtectedServer,
  sdkClients,
  sdkMatrix,
  sdkServers,
  startProtectedServer,
} from '../helpers/protected-server.ts';
import { atDevLogin, atIdentityProvider, type ConnectOptions, type SdkConnection } from '../helpers/sdk-clients.ts';

const whoAmI = async (connection: SdkConnection): Promise<WhoAmI> => JSON.parse(await connection.callTool('whoami'));

describe.each(sdkMatrix)('$client client with an $server server through $route', ({ client, connect, ...setUp }) => {
  let running: ProtectedServer;
  const open: SdkConnection[] = [];
  beforeAll(async () => {
    running = await startProtectedServer(setUp);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((connection) => connection.close()));
  });
  afterAll(() => running.close());

  async function openConnection(options: Partial<ConnectOptions> = {}): Promise<SdkConnection> {
    const connection = await connect({ url: running.url, ...options });
    open.push(connection);
    return connection;
  }

  const refresh = ({ memory }: SdkConnection, refreshToken: string | undefined) =>
    postForm(`${running.gateway.url}/oauth/token`, {
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: memory.clientInformation?.client_id,
    });

  /** Makes the next request fail with 401, as an expired token does. */
  async function callWithExpiredToken({ memory, callTool }: SdkConnection): Promise<string> {
    if (memory.tokens) memory.tokens = { ...memory.tokens, access_token: 'expired' };
    return callTool('echo', { text: 'refreshed' });
  }

  it('needs nothing but the URL: discovery from the 401, registration, approval before sign-in (MCP 2026-07-28, Authorization Flow Steps)', async () => {
    const connection = await openConnection();
    const { url: issuer } = running.gateway;

    const [refused, found] = connection.requests;
    expect(refused?.challenge).toContain(`resource_metadata="${found?.url}"`);
    const sent = connection.requests.map(
      ({ method, url, status }) => `${method} ${url.slice(issuer.length)} ${status}`,
    );
    expect(sent.slice(0, 5)).toEqual([
      'POST /mcp 401',
      'GET /.well-known/oauth-protected-resource/mcp 200',
      'GET /.well-known/oauth-authorization-server 200',
      'POST /oauth/register 201',
      'POST /oauth/token 200',
    ]);
    expect(connection.trail.map((url) => url.slice(issuer.length).replace(/[\w-]{30,}$/, ':uid'))).toEqual([
      '/oauth/authorize',
      '/oauth/interaction/:uid',
      '/oauth/interaction/:uid',
      '/oauth/dev-login',
      '/oauth/dev-login',
      '/oauth/authorize/:uid',
    ]);
    expect(connection.memory.tokens).toMatchObject({ token_type: 'Bearer', expires_in: 900, scope: 'mcp:tools' });
    expect(connection.protocolVersion).toBe(
      client === 'SDK v2' && setUp.server === 'SDK v2' ? '2026-07-28' : '2025-11-25',
    );
  });

  it('lists and calls tools, also later with the saved tokens and no browser', async () => {
    const first = await openConnection();
    const later = await openConnection({ memory: first.memory });

    expect(later.trail).toEqual([]);
    expect(await later.listTools()).toEqual(['echo', 'whoami', 'count', 'wait']);
    expect(await later.callTool('echo', { text: 'grüße' })).toBe('grüße');
  });

  it('tells an in-process tool who calls, and nobody the bearer or our cookies (MCP 2026-07-28, Token Passthrough)', async () => {
    const cookies = 'app=1; mcp_session_0=2; __Host-mcp_login_0_1=3';
    const seenBefore = running.arrived.length;
    const connection = await openConnection({ signIn: atDevLogin('bob', 'admin dev'), headers: { cookie: cookies } });
    const { memory } = connection;
    const who = await whoAmI(connection);

    expect(who).toMatchObject(
      setUp.route === 'proxy'
        ? { isAuthenticated: false, isAuthorizationHeaderVisible: false }
        : {
            isAuthenticated: true,
            isAuthorizationHeaderVisible: false,
            clientId: memory.clientInformation?.client_id,
            scopes: ['mcp:tools'],
            resource: running.url,
            extra: { sub: 'bob', iss: `${running.gateway.url}/oauth/dev-login`, roles: ['admin', 'dev'] },
          },
    );
    const arrived = running.arrived.slice(seenBefore);
    expect(arrived.length).toBeGreaterThanOrEqual(2);
    for (const { headers, rawHeaders, auth } of arrived) {
      expect(headers.authorization).toBeUndefined();
      expect(headers.cookie).toBe(setUp.route === 'proxy' ? undefined : 'app=1');
      expect(rawHeaders.filter((name) => /^authorization$/i.test(name))).toEqual([]);
      expect(JSON.stringify([headers, rawHeaders, auth])).not.toContain(memory.tokens?.access_token);
      expect(JSON.stringify(rawHeaders)).not.toMatch(/mcp_session|mcp_login/);
    }
  });

  it('refreshes behind the SDK with a new refresh token each time (RFC 9700 section 4.14.2)', async () => {
    const connection = await openConnection();
    const first = connection.memory.tokens;
    expect(await callWithExpiredToken(connection)).toBe('refreshed');
    const second = connection.memory.tokens;
    expect(await callWithExpiredToken(connection)).toBe('refreshed');
    const third = connection.memory.tokens;

    const refreshTokens = [first, second, third].map((tokens) => tokens?.refresh_token);
    expect(new Set(refreshTokens.filter((token) => token !== undefined)).size).toBe(3);
    expect(third?.access_token).not.toBe(first?.access_token);
    expect(connection.trail).toHaveLength(6); // The browser was not asked again.
  });

  it('refuses a refresh token used twice and ends the family (RFC 9700 section 4.14.2)', async () => {
    const connection = await openConnection();
    const stolen = connection.memory.tokens?.refresh_token;
    await callWithExpiredToken(connection);
    await callWithExpiredToken(connection);
    const { tokens } = connection.memory;
    expect((await send(running.url, { headers: bearer(tokens?.access_token ?? '') })).status).not.toBe(401);

    const answer = await refresh(connection, stolen);
    expect([answer.status, answer.json?.error]).toEqual([400, 'invalid_grant']);
    const rightful = await refresh(connection, tokens?.refresh_token);
    expect([rightful.status, rightful.json?.error]).toEqual([400, 'invalid_grant']);
    expect((await send(running.url, { headers: bearer(tokens?.access_token ?? '') })).status).toBe(401);
    expect(running.gateway.events).toContainEqual(
      expect.objectContaining({
        type: 'token.reuse_detected',
        clientId: connection.memory.clientInformation?.client_id,
      }),
    );
  });

  it('refuses a revoked token at once, although it was just used (RFC 7009 section 2)', async () => {
    const connection = await openConnection();
    const { tokens, clientInformation } = connection.memory;
    expect(await connection.callTool('echo', { text: 'alive' })).toBe('alive');

    const revoked = await postForm(`${running.gateway.url}/oauth/revoke`, {
      token: tokens?.access_token,
      client_id: clientInformation?.client_id,
    });
    expect(revoked.status).toBe(200);
    const answer = await send(running.url, { headers: bearer(tokens?.access_token ?? ''), body: '{}' });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  it('ends its session and closes (MCP 2025-11-25, Session Management)', async () => {
    const connection = await openConnection();
    const sessionId = connection.sessionId();
    expect(sessionId !== undefined).toBe(setUp.server === 'SDK v1');

    await connection.terminateSession();
    expect(connection.sessionId()).toBeUndefined();
    await connection.close();
    await expect(connection.callTool('echo', { text: 'late' })).rejects.toThrow('Not connected');
    if (sessionId !== undefined) {
      const headers = { ...bearer(connection.memory.tokens?.access_token ?? ''), 'mcp-session-id': sessionId };
      expect((await send(running.url, { method: 'DELETE', headers })).status).toBe(404);
    }
  });
});

describe('a login at the company’s identity provider', () => {
  let identityProvider: Awaited<ReturnType<typeof startIdentityProvider>>;
  let running: ProtectedServer;
  beforeAll(async () => {
    identityProvider = await startIdentityProvider();
    const { issuer, clientId, clientSecret, redirectUris } = identityProvider;
    const { createHandler } = sdkServers[0] as (typeof sdkServers)[number];
    running = await startProtectedServer(
      { route: 'authenticate', createHandler },
      {
        options: (url) => {
          redirectUris.push(`${url}/oauth/callback`);
          return { oidc: { issuer }, browserLogin: { clientId, clientSecret } };
        },
      },
    );
  });
  afterAll(async () => {
    await running.close();
    await identityProvider.close();
  });

  it.each(sdkClients)(
    'signs the person of an $client client in (OpenID Connect Core section 3.1)',
    async ({ connect }) => {
      const connection = await connect({ url: running.url, signIn: atIdentityProvider('alice') });
      const { extra } = await whoAmI(connection);
      await connection.close();

      expect(extra).toMatchObject({ sub: 'alice', iss: identityProvider.issuer });
      expect(extra?.roles).toEqual(expect.arrayContaining(['admin', 'user']));
      const approval = connection.trail.findIndex((url) => url.includes('/oauth/interaction/'));
      expect(approval).toBeLessThan(connection.trail.indexOf(identityProvider.endpoints.authorization));
      expect(identityProvider.errors).toEqual([]);
    },
  );
});
