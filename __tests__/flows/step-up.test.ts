import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { createSdkV2McpHandler, type McpTestServer, startMcpServer } from '../helpers/mcp-servers.ts';
import { sdkClients, sdkRoutes } from '../helpers/protected-server.ts';
import { connectV2, type SdkConnection } from '../helpers/sdk-clients.ts';

const formats = [{ format: 'opaque' }, { format: 'jwt' }] as const;
const setUps = sdkRoutes.flatMap((route) => formats.map((format) => ({ ...route, ...format })));

describe.each(setUps)('step-up through $route with $format tokens', ({ route, format }) => {
  let gateway: Gateway;
  let upstream: McpTestServer;
  const handler = createSdkV2McpHandler();

  beforeAll(async () => {
    upstream = await startMcpServer(handler);
    gateway = await startGateway({
      options: () => ({ gateway: { accessTokenFormat: format } }),
      routes: (app, auth) => {
        const operationScopes = { 'tools/call': { whoami: ['who:read'] } };
        const rules = {
          '/narrow': { operationScopes },
          '/wide': { operationScopes, scopes: ['mcp:tools', 'who:read'] },
        };
        for (const [path, options] of Object.entries(rules)) {
          if (route === 'proxy') app.use(auth.proxy(path, { ...options, target: upstream.url }));
          else app.all(path, auth.authenticate(path, options), handler);
        }
      },
    });
  });
  afterAll(async () => {
    await handler.close();
    await gateway.close();
    await upstream.close();
  });

  /** Scopes of the client's token, by its own word where it is a JWT. */
  function scopesOf({ memory: { tokens } }: SdkConnection): unknown {
    if (format === 'jwt') expect(decodeJwt(tokens?.access_token ?? '').scope).toBe(tokens?.scope);
    return tokens?.scope;
  }

  it('by SDK v2: the call is refused, the person approves more, and the same call goes through (MCP 2026-07-28, Step-Up)', async () => {
    const connection = await connectV2({ url: `${gateway.url}/narrow` });
    expect(scopesOf(connection)).toBe('mcp:tools');
    await expect(connection.callTool('whoami')).rejects.toThrow('Unauthorized');
    const refused = connection.requests.find(({ status }) => status === 403);
    expect(refused?.challenge).toMatch(/error="insufficient_scope".* scope="mcp:tools who:read"/);

    await connection.finishAuthorization();

    expect(await connection.callTool('whoami')).toContain('isAuthenticated');
    expect(scopesOf(connection)).toBe('mcp:tools who:read');
    await connection.close();
  });

  it.each(sdkClients)(
    'is not needed by $client where the route names all scopes in its first challenge',
    async ({ connect }) => {
      const connection = await connect({ url: `${gateway.url}/wide` });
      expect(connection.requests[0]).toMatchObject({ status: 401 });
      expect(connection.requests[0]?.challenge).toContain('scope="mcp:tools who:read"');
      expect(scopesOf(connection)).toBe('mcp:tools who:read');
      expect(await connection.callTool('whoami')).toContain('isAuthenticated');
      expect(connection.requests.filter(({ status }) => status === 403)).toEqual([]);
      await connection.close();
    },
  );
});
