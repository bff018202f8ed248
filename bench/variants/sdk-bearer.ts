/** What people assemble today: `requireBearerAuth` of the MCP SDK with a verifier on jose. */
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import express from 'express';
import { importJWK, type JWK, jwtVerify } from 'jose';
import { serve } from '../harness/serve.ts';
import { createHandler, type HandlerSettings } from './handler.ts';

interface SdkBearerSettings extends HandlerSettings {
  readonly publicKey: JWK;
  readonly issuer: string;
  readonly audience: string;
}

await serve<SdkBearerSettings>(async ({ publicKey, issuer, audience, ...settings }) => {
  const key = await importJWK(publicKey, 'ES256');
  const rules = { issuer, audience, algorithms: ['ES256'], typ: 'at+jwt' };
  const verifier = {
    async verifyAccessToken(token: string) {
      const { payload } = await jwtVerify(token, key, rules);
      return {
        token,
        clientId: String(payload.client_id),
        scopes: String(payload.scope).split(' '),
        expiresAt: Number(payload.exp),
        resource: new URL(audience),
        extra: { sub: payload.sub },
      };
    },
  };
  const app = express();
  app.disable('x-powered-by');
  app.post('/mcp', requireBearerAuth({ verifier, requiredScopes: ['mcp:tools'] }), createHandler(settings));
  return { listener: app };
});
