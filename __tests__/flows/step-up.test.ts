import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { createSdkV2McpHandler } from '../helpers/mcp-servers.ts';
import { connectV1, connectV2 } from '../helpers/sdk-clients.ts';

describe('step-up', () => {
  let gateway: Gateway;
  const handler = createSdkV2McpHandler();
  beforeAll(async () => {
    gateway = await startGateway({
      routes: (app, auth) => {
        const operationScopes = { 'tools/call': { whoami: ['who:read'] } };
        app.all('/mcp', auth.authenticate('/mcp', { operationScopes }), handler);
        app.all('/all', auth.authenticate('/all', { scopes: ['mcp:tools', 'who:read'], operationScopes }), handler);
      },
    });
  });
  afterAll(async () => {
    await handler.close();
    await gateway.close();
  });

  it('by SDK v2: the call is refused, the person approves more, and the same call goes through (MCP 2026-07-28, Step-Up)', async () => {
    const connection = await connectV2({ url: `${gateway.url}/mcp` });
    expect(connection.memory.tokens?.scope).toBe('mcp:tools');
    await expect(connection.callTool('whoami')).rejects.toThrow('Unauthorized');

    await connection.finishAuthorization();

    expect(JSON.parse(await connection.callTool('whoami')).scopes).toEqual(['mcp:tools', 'who:read']);
    expect(connection.memory.tokens?.scope).toBe('mcp:tools who:read');
    await connection.close();
  });

  it('is not needed by SDK v1 where the route names all scopes in its first challenge', async () => {
    const connection = await connectV1({ url: `${gateway.url}/all` });
    expect(JSON.parse(await connection.callTool('whoami')).scopes).toEqual(['mcp:tools', 'who:read']);
    await connection.close();
  });
});
