/** `mcpAuthRouter` of the MCP SDK, with as little behind it as it asks for: Maps, nobody signs in, everything is approved. */
import { randomUUID } from 'node:crypto';
import type { OAuthServerProvider } from '@modelcontextprotocol/sdk/server/auth/provider.js';
import { mcpAuthRouter } from '@modelcontextprotocol/sdk/server/auth/router.js';
import type { OAuthClientInformationFull } from '@modelcontextprotocol/sdk/shared/auth.js';
import express from 'express';
import { serve } from '../harness/serve.ts';

interface Code {
  readonly clientId: string;
  readonly challenge: string;
  readonly scopes: readonly string[];
}

function createProvider(): OAuthServerProvider {
  const clients = new Map<string, OAuthClientInformationFull>();
  const codes = new Map<string, Code>();
  const refreshTokens = new Map<string, Omit<Code, 'challenge'>>();
  const accessTokens = new Map<string, Omit<Code, 'challenge'>>();
  const issue = ({ clientId, scopes }: Omit<Code, 'challenge'>) => {
    const [accessToken, refreshToken] = [randomUUID(), randomUUID()];
    accessTokens.set(accessToken, { clientId, scopes });
    refreshTokens.set(refreshToken, { clientId, scopes });
    const common = { token_type: 'Bearer', expires_in: 900, scope: scopes.join(' ') };
    return { access_token: accessToken, refresh_token: refreshToken, ...common };
  };
  return {
    clientsStore: {
      getClient: (clientId) => clients.get(clientId),
      registerClient(client) {
        const full = client as OAuthClientInformationFull;
        clients.set(full.client_id, full);
        return full;
      },
    },
    async authorize(client, { codeChallenge, redirectUri, scopes = [], state }, res) {
      const code = randomUUID();
      codes.set(code, { clientId: client.client_id, challenge: codeChallenge, scopes });
      const target = new URL(redirectUri);
      target.searchParams.set('code', code);
      if (state !== undefined) target.searchParams.set('state', state);
      res.redirect(target.href);
    },
    challengeForAuthorizationCode: async (_client, code) => codes.get(code)?.challenge ?? '',
    async exchangeAuthorizationCode(_client, code) {
      const found = codes.get(code);
      if (!found) throw new Error('unknown code');
      codes.delete(code);
      return issue(found);
    },
    async exchangeRefreshToken(_client, token) {
      const found = refreshTokens.get(token);
      if (!found) throw new Error('unknown refresh token');
      refreshTokens.delete(token);
      return issue(found);
    },
    async verifyAccessToken(token) {
      const found = accessTokens.get(token);
      if (!found) throw new Error('unknown access token');
      return { token, clientId: found.clientId, scopes: [...found.scopes], expiresAt: Date.now() / 1000 + 900 };
    },
  };
}

await serve(async (_settings, url) => {
  const app = express();
  app.disable('x-powered-by');
  const unlimited = { rateLimit: false } as const;
  app.use(
    mcpAuthRouter({
      provider: createProvider(),
      issuerUrl: new URL(url),
      scopesSupported: ['mcp:tools'],
      authorizationOptions: unlimited,
      clientRegistrationOptions: unlimited,
      tokenOptions: unlimited,
    }),
  );
  return { listener: app };
});
