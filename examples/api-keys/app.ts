import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import express, { type RequestHandler } from 'express';
import { mcpOAuth, memoryStorage } from '../../lib/index.ts';
import { greeterHandler } from '../quickstart/mcp-servers.ts';
import { close, listen, type Running } from '../shared/story.ts';

interface KeyOwner {
  readonly id: string;
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
}

const digest = (key: string) => createHash('sha256').update(key).digest('hex');

/** Keys by their SHA-256, as a database would have them: whoever reads it cannot use them. */
export type Keys = ReadonlyMap<string, KeyOwner>;

/**
 * Lets a request with a key through as `authenticate` would one with a token; every other one goes there. A page of another
 * site cannot send this header without asking first (CORS), and that question is answered by `authenticate`.
 */
function apiKeys(keys: Keys, authenticate: RequestHandler, issuer: string): RequestHandler {
  return (req, res, next) => {
    const key = req.get('x-api-key');
    if (key === undefined) return authenticate(req, res, next);
    const owner = keys.get(digest(key));
    if (!owner) return void res.status(401).json({ error: 'invalid_token', error_description: 'the key is not valid' });
    delete req.headers['x-api-key'];
    const { id, roles, scopes } = owner;
    const extra = { sub: id, iss: issuer, roles };
    Object.assign(req, {
      auth: { token: `key:${id}`, clientId: `key:${id}`, scopes, extra },
      user: { sub: id, iss: issuer, data: { roles, clientId: `key:${id}` } },
    });
    next();
  };
}

/** People come by OAuth, programs by a key, to one MCP server. @param port 0 takes a free one */
export async function startApp(keys: Readonly<Record<string, KeyOwner>>, port = 0): Promise<Running> {
  const app = express();
  const server = createServer(app);
  const url = await listen(server, port);
  const auth = mcpOAuth({
    issuer: url,
    browserLogin: { url: `${url}/oauth/dev-login` }, // Your identity provider, outside of loopback.
    storage: memoryStorage(),
    secret: process.env.MCP_OAUTH_SECRET ?? 'a secret of this example, and not of yours',
  });
  const known: Keys = new Map(Object.entries(keys).map(([key, owner]) => [digest(key), owner]));
  app.use(auth);
  app.all('/mcp', apiKeys(known, auth.authenticate('/mcp'), url), greeterHandler());
  return {
    url,
    async close() {
      await auth.close();
      await close(server);
    },
  };
}
