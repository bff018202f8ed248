/** A server as MCP SDK v1 has them: `mcpAuthRouter` with a provider in memory, and `requireBearerAuth`. What is moved away from. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import type { OAuthServerProvider } from '@modelcontextprotocol/sdk/server/auth/provider.js';
import { mcpAuthRouter } from '@modelcontextprotocol/sdk/server/auth/router.js';
import type { OAuthClientInformationFull, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import express from 'express';
import type { McpTestHandler } from '../../helpers/mcp-servers.ts';

export interface SdkServer {
  readonly port: number;
  readonly url: string;
  /** What its operator exports. */
  readonly clients: Map<string, OAuthClientInformationFull>;
  close(): Promise<void>;
}

/** Signs everybody in as Ada. */
function createProvider(clients: SdkServer['clients']): OAuthServerProvider {
  const challenges = new Map<string, string>();
  const tokens = new Map<string, string>();
  function issue(clientId: string): OAuthTokens {
    const token = randomUUID();
    tokens.set(token, clientId);
    return {
      access_token: token,
      token_type: 'bearer',
      expires_in: 3600,
      refresh_token: randomUUID(),
      scope: 'mcp:tools',
    };
  }
  return {
    clientsStore: {
      getClient: (id) => clients.get(id),
      registerClient(metadata) {
        const client = metadata as OAuthClientInformationFull;
        clients.set(client.client_id, client);
        return client;
      },
    },
    async authorize(_client, { redirectUri, codeChallenge, state }, response) {
      const code = randomUUID();
      challenges.set(code, codeChallenge);
      const url = new URL(redirectUri);
      url.searchParams.set('code', code);
      if (state !== undefined) url.searchParams.set('state', state);
      response.redirect(url.href);
    },
    challengeForAuthorizationCode: async (_client, code) => challenges.get(code) ?? '',
    exchangeAuthorizationCode: async (client) => issue(client.client_id),
    exchangeRefreshToken: async (client) => issue(client.client_id),
    async verifyAccessToken(token) {
      const clientId = tokens.get(token);
      if (clientId === undefined) throw new Error('unknown token');
      return { token, clientId, scopes: ['mcp:tools'], expiresAt: Math.floor(Date.now() / 1000) + 3600 };
    },
  };
}

export async function startSdkServer(handler: McpTestHandler): Promise<SdkServer> {
  const clients: SdkServer['clients'] = new Map();
  const app = express();
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const provider = createProvider(clients);
  const resourceServerUrl = new URL(`${url}/mcp`);
  app.use(mcpAuthRouter({ provider, issuerUrl: new URL(url), resourceServerUrl, scopesSupported: ['mcp:tools'] }));
  const resourceMetadataUrl = `${url}/.well-known/oauth-protected-resource/mcp`;
  app.all('/mcp', requireBearerAuth({ verifier: provider, resourceMetadataUrl }), (req, res) => handler(req, res));
  return {
    port,
    url,
    clients,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
