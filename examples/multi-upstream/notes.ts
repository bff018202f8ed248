/**
 * An MCP server that belongs to somebody else: it wants OAuth, and its own authorization server (oidc-provider) issues the
 * tokens. It has never heard of the gateway, which registers itself here.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Provider } from 'oidc-provider';
import { listen } from './listen.ts';
import { createToolHandler, type UpstreamServer } from './mcp-server.ts';

const scope = 'notes:read';

export async function startNotes(): Promise<UpstreamServer> {
  const server = createServer();
  const origin = await listen(server);
  const resource = `${origin}/mcp`;
  const metadataPath = '/.well-known/oauth-protected-resource/mcp';

  const provider = new Provider(origin, {
    scopes: ['openid', scope],
    responseTypes: ['code'],
    cookies: { keys: [randomUUID()], names: { session: 'notes', interaction: 'notes_in', resume: 'notes_on' } },
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({ scope, audience: resource, accessTokenFormat: 'opaque' }),
        useGrantedResource: () => true,
      },
    },
    rotateRefreshToken: () => true,
    issueRefreshToken: () => true,
    interactions: { url: (_ctx, { uid }) => `/sign-in/${uid}` },
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    ttl: { AccessToken: 600, Grant: 86_400, Interaction: 600, RefreshToken: 86_400, Session: 3600 },
  });

  /** Asks for a name, and takes that for consent. */
  async function signIn(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { prompt, params, session } = await provider.interactionDetails(req, res);
    if (prompt.name === 'consent') {
      const grant = new provider.Grant({ accountId: session?.accountId ?? '', clientId: String(params.client_id) });
      grant.addOIDCScope(String(params.scope));
      grant.addResourceScope(resource, scope);
      return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } });
    }
    if (req.method !== 'POST') {
      res.setHeader('content-type', 'text/html');
      res.end(
        `<form method="post" action="${req.url}"><label>Notes account <input name="notes"></label> <button>Allow</button></form>`,
      );
      return;
    }
    const account = new URLSearchParams(Buffer.concat(await req.toArray()).toString()).get('notes');
    return provider.interactionFinished(req, res, { login: { accountId: String(account) } });
  }

  const handler = createToolHandler('notes', 'list_notes', (subject) => `the notes of ${subject}`);

  async function serveMcp(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const presented = /^Bearer (\S+)$/.exec(req.headers.authorization ?? '')?.[1];
    const token = presented === undefined ? undefined : await provider.AccessToken.find(presented);
    if (token?.aud !== resource) {
      const challenge = `Bearer resource_metadata="${origin}${metadataPath}", scope="${scope}"`;
      res.writeHead(401, { 'www-authenticate': challenge }).end();
      return;
    }
    const auth = { token: presented, clientId: token.clientId, scopes: [scope], extra: { sub: token.accountId } };
    await handler(Object.assign(req, { auth }), res);
  }

  const authorizationServer = provider.callback();
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    const failed = () => void res.writeHead(400).end();
    if (req.url === '/mcp') return void serveMcp(req, res).catch(failed);
    if (req.url?.startsWith('/sign-in/')) return void signIn(req, res).catch(failed);
    if (req.url !== metadataPath) return void authorizationServer(req, res);
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify({ resource, authorization_servers: [origin], scopes_supported: [scope] }));
  });
  return {
    url: resource,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
