/** Auth0's express-oauth2-jwt-bearer, with a key set that it fetches once. */
import type { RequestHandler } from 'express';
import express from 'express';
import type { JWK } from 'jose';
import { importPeer } from '../harness/install.ts';
import { serve } from '../harness/serve.ts';
import { createHandler, type HandlerSettings } from './handler.ts';

interface JwtBearerSettings extends HandlerSettings {
  readonly publicKey: JWK;
  readonly issuer: string;
  readonly audience: string;
}

interface Peer {
  auth(options: { issuer: string; audience: string; jwksUri: string; tokenSigningAlg: string }): RequestHandler;
  requiredScopes(scopes: string): RequestHandler;
}

await serve<JwtBearerSettings>(async ({ publicKey, issuer, audience, ...settings }, url) => {
  const { auth, requiredScopes } = await importPeer<Peer>('express-oauth2-jwt-bearer');
  const app = express();
  app.disable('x-powered-by');
  app.get('/jwks', (_req, res) => void res.json({ keys: [publicKey] }));
  const check = auth({ issuer, audience, jwksUri: `${url}/jwks`, tokenSigningAlg: 'ES256' });
  app.post('/mcp', check, requiredScopes('mcp:tools'), createHandler(settings));
  return { listener: app };
});
