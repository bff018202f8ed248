/** A resource server that stands alone, and what it trusts: a real gateway in another listener, or an issuer that a test plays. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express } from 'express';
import type { McpOAuthOptions } from '../../lib/index.ts';
import { type McpOAuthEvent, type McpResource, type McpResourceOptions, mcpResource } from '../../lib/resource.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type Answer, type Sent, send } from '../helpers/oauth-client.ts';

export interface ResourceServer {
  /** Public origin, `http://127.0.0.1:<port>`. */
  readonly origin: string;
  /** The resource at `/mcp`: its URL and the audience of its tokens. */
  readonly url: string;
  readonly resource: McpResource;
  /** Every event so far, as `type: reason`. */
  readonly events: string[];
  /** The last request that a handler behind `authenticate` saw. */
  readonly seen: () => (IncomingMessage & { auth?: unknown; user?: unknown }) | undefined;
  /** A request to `/mcp`, with a bearer token where one is given. */
  call(token?: string, sent?: Sent): Promise<Answer>;
  close(): Promise<void>;
}

/** A request handler that can be put in place later. */
interface Site {
  readonly origin: string;
  readonly app: Express;
  close(): Promise<void>;
}

/** Listens before anything is mounted: issuer and resource name each other's origin. */
export async function openSite(): Promise<Site> {
  const app = express();
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    app,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

export type Routes = (
  app: Express,
  resource: McpResource,
  answer: (req: IncomingMessage, res: ServerResponse) => void,
) => void;

const oneRoute: Routes = (app, resource, answer) => void app.all('/mcp', resource.authenticate('/mcp'), answer);

/** Mounts `mcpResource` on a site. @param routes declares the resources; behind them everything is answered by 299 */
export function mountResource(
  site: Site,
  options: Omit<McpResourceOptions, 'origin'> & Partial<McpResourceOptions>,
  routes: Routes = oneRoute,
): ResourceServer {
  const resource = mcpResource({ origin: site.origin, ...options });
  const events: string[] = [];
  const note = ({ type, reason }: McpOAuthEvent) => events.push(reason === undefined ? type : `${type}: ${reason}`);
  // Those of sound requests aside.
  resource.events.on('*', (event) => void (event.type !== 'resource.admitted' && note(event)));
  let seen: IncomingMessage | undefined;
  site.app.use(resource);
  routes(site.app, resource, (req, res) => {
    seen = req;
    res.end(JSON.stringify({ ok: true }));
  });
  site.app.use((_req, res) => void res.status(299).end());
  const url = `${site.origin}/mcp`;
  return {
    origin: site.origin,
    url,
    resource,
    events,
    seen: () => seen,
    call(token, sent = {}) {
      const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return send(url, { ...sent, headers: { ...authorization, ...(sent.headers as Record<string, string>) } });
    },
    async close() {
      await resource.close();
      await site.close();
    },
  };
}

export interface Pair {
  readonly gateway: Gateway;
  readonly server: ResourceServer;
  close(): Promise<void>;
}

/** The client as which the resource server introspects. */
export const introspectionClient = {
  client_id: 'files',
  client_secret: 'the secret of the resource server',
  redirect_uris: ['https://files.example.com/unused'],
};

/** A gateway that knows `<origin>/mcp` of the resource server, and a resource server that trusts the gateway. */
export async function startPair(
  verification: 'jwt' | 'introspection',
  settings: {
    readonly gateway?: Partial<McpOAuthOptions>;
    readonly resource?: Partial<McpResourceOptions>;
    readonly routes?: Routes;
    readonly gatewayRoutes?: (app: Express, gateway: Gateway['auth']) => void;
  } = {},
): Promise<Pair> {
  const site = await openSite();
  const { gateway: groups = {}, gatewayRoutes } = settings;
  const gateway = await startGateway({
    options: () => ({
      resources: [{ url: `${site.origin}/mcp`, displayName: 'Files' }],
      clients: [introspectionClient],
      ...groups,
      gateway: {
        ...(verification === 'jwt' ? { accessTokenFormat: 'jwt' } : { introspectionClients: ['files'] }),
        ...groups.gateway,
      },
    }),
    ...(gatewayRoutes && { routes: gatewayRoutes }),
  });
  const { client_id: clientId, client_secret: clientSecret } = introspectionClient;
  const introspection = verification === 'introspection' ? { introspection: { clientId, clientSecret } } : {};
  const options = { issuer: gateway.url, verification, ...introspection, ...settings.resource };
  const server = mountResource(site, options, settings.routes);
  return {
    gateway,
    server,
    async close() {
      await server.close();
      await gateway.close();
    },
  };
}
