import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { decodeProtectedHeader } from 'jose';
import type { AuthenticatedRequest } from '../../lib/resource.ts';
import { createBrowser } from '../helpers/browser.ts';
import { createSdkV2McpHandler, type WhoAmI } from '../helpers/mcp-servers.ts';
import { send } from '../helpers/oauth-client.ts';
import { signInByHand } from '../helpers/protected-server.ts';
import { atDevLogin, connectV2, type SdkConnection } from '../helpers/sdk-clients.ts';
import { type Pair, startPair } from './support.ts';

describe.each([['jwt'], ['introspection']] as const)('a resource server with verification %s', (verification) => {
  const handler = createSdkV2McpHandler();
  /** What the handler could see of each request. */
  const arrived: string[] = [];
  let pair: Pair;
  let connection: SdkConnection;
  beforeAll(async () => {
    pair = await startPair(verification, {
      routes: (app, resource) =>
        void app.all('/mcp', resource.authenticate('/mcp'), (req, res) => {
          const { auth, user } = req as unknown as AuthenticatedRequest;
          arrived.push(JSON.stringify([req.headers, req.rawHeaders, auth, user]));
          return handler(req, res);
        }),
      gatewayRoutes: (app, auth) => void app.all('/own', auth.authenticate('/own'), (_req, res) => void res.end()),
    });
    connection = await connectV2({ url: pair.server.url, signIn: atDevLogin('bob', 'admin dev') });
  });
  afterAll(async () => {
    await connection.close();
    await handler.close();
    await pair.close();
  });

  it('sends a client that knows its URL alone to the issuer, and accepts the token of there (RFC 9728 section 5)', async () => {
    const { server, gateway } = pair;
    const sent = connection.requests.slice(0, 5).map(({ method, url, status }) => `${method} ${url} ${status}`);

    expect(sent).toEqual([
      `POST ${server.url} 401`,
      `GET ${server.origin}/.well-known/oauth-protected-resource/mcp 200`,
      `GET ${gateway.url}/.well-known/oauth-authorization-server 200`,
      `POST ${gateway.url}/oauth/register 201`,
      `POST ${gateway.url}/oauth/token 200`,
    ]);
    expect(connection.requests[0]?.challenge).toBe(
      `Bearer scope="mcp:tools", resource_metadata="${server.origin}/.well-known/oauth-protected-resource/mcp"`,
    );
    expect(await connection.listTools()).toEqual(['echo', 'whoami', 'count', 'wait']);
    expect(await connection.callTool('echo', { text: 'grüße' })).toBe('grüße');
  });

  it('tells the tool who calls as the gateway itself would, and never the bearer (MCP 2026-07-28, Token Passthrough)', async () => {
    const who: WhoAmI = JSON.parse(await connection.callTool('whoami'));

    expect(who).toMatchObject({
      isAuthenticated: true,
      isAuthorizationHeaderVisible: false,
      clientId: connection.memory.clientInformation?.client_id,
      scopes: ['mcp:tools'],
      resource: pair.server.url,
      extra: { sub: 'bob', iss: `${pair.gateway.url}/oauth/dev-login`, roles: ['admin', 'dev'] },
    });
    expect(arrived.length).toBeGreaterThan(0);
    const token = String(connection.memory.tokens?.access_token);
    expect(arrived.filter((text) => text.includes(token) || /authorization/i.test(text))).toEqual([]);
  });

  it('gets its tokens in the form that it can check', () => {
    expect(connection.memory.tokens?.access_token.split('.')).toHaveLength(verification === 'jwt' ? 3 : 1);
  });

  it('does not accept the token of a resource of the gateway, nor the gateway one of it (RFC 8707 section 2)', async () => {
    const { server, gateway } = pair;
    const own = await signInByHand(gateway.url, `${gateway.url}/own`);
    const files = await signInByHand(gateway.url, server.url);
    const statuses = async (token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      const answers = await Promise.all([send(`${gateway.url}/own`, { headers }), server.call(token)]);
      return answers.map(({ status }) => status);
    };

    expect(await statuses(own.accessToken)).toEqual([200, 401]);
    const [atGateway, atResource] = await statuses(files.accessToken);
    expect(atGateway).toBe(401);
    expect(atResource).not.toBe(401);
    expect(server.events.at(-1)).toBe('resource.refused: audience is another resource');
  });

  it('takes a refreshed token', async () => {
    const { server, gateway } = pair;
    const { client, refreshToken } = await signInByHand(gateway.url, server.url, createBrowser());
    const { json } = await client.refresh(refreshToken);

    expect((await server.call(String(json?.access_token), { method: 'GET' })).status).not.toBe(401);
  });
});

describe('with a gateway that issues JWTs', () => {
  let start: number;
  /** Stops all clocks of this process at a moment of the test. */
  const at = (seconds: number) => void jest.spyOn(Date, 'now').mockImplementation(() => start + seconds * 1000);
  beforeEach(() => {
    start = Date.now();
    at(0);
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('a revoked token works on until it expires, and no longer, as docs/resource.md says', async () => {
    const pair = await startPair('jwt', { gateway: { gateway: { accessTokenTtlSeconds: 60 } } });
    try {
      const { client, accessToken, refreshToken } = await signInByHand(pair.gateway.url, pair.server.url);
      await client.revoke(refreshToken);

      expect((await pair.server.call(accessToken)).status).toBe(200);
      at(61);
      expect((await pair.server.call(accessToken)).status).toBe(401);
      expect(pair.server.events).toEqual(['resource.refused: expired']);
    } finally {
      await pair.close();
    }
  });

  it('a rotation of its keys disturbs no request, neither with old tokens nor with new ones (OpenID Connect Core section 10.1.1)', async () => {
    const pair = await startPair('jwt', {
      gateway: { gateway: { accessTokenTtlSeconds: 7200 }, signingKeys: { rotateAfterSeconds: 3600 } },
    });
    try {
      const kids = new Set<unknown>();
      const tokens: string[] = [];
      for (const second of [0, 3601, 4300, 4900]) {
        at(second);
        const { accessToken } = await signInByHand(pair.gateway.url, pair.server.url);
        kids.add(decodeProtectedHeader(accessToken).kid);
        tokens.push(accessToken);
        for (const token of tokens) expect((await pair.server.call(token)).status).toBe(200);
      }
      expect([...kids]).toEqual([expect.any(String), expect.any(String)]);
    } finally {
      await pair.close();
    }
  });
});
