/** A real MCP server behind a gateway: in the gateway's own process, or another server behind its proxy. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createBrowser } from './browser.ts';
import { type Gateway, type GatewaySettings, startGateway } from './gateway.ts';
import {
  createSdkV1McpHandler,
  createSdkV2McpHandler,
  type McpTestHandler,
  type RecordedRequest,
  startMcpServer,
} from './mcp-servers.ts';
import { createOAuthClient, type OAuthClient } from './oauth-client.ts';
import { connectV1, connectV2 } from './sdk-clients.ts';

export const sdkClients = [
  { client: 'SDK v1', connect: connectV1 },
  { client: 'SDK v2', connect: connectV2 },
];

export const sdkServers = [
  { server: 'SDK v1', createHandler: () => createSdkV1McpHandler('stateful') },
  { server: 'SDK v2', createHandler: createSdkV2McpHandler },
];

/** How a request comes to the MCP server. */
export const sdkRoutes = [{ route: 'authenticate' }, { route: 'proxy' }] as const;

/** Every client with every server over every route. */
export const sdkMatrix = sdkClients.flatMap((client) =>
  sdkServers.flatMap((server) => sdkRoutes.map((route) => ({ ...client, ...server, ...route }))),
);

/** A request as the MCP server got it. */
export interface ArrivedRequest extends RecordedRequest {
  /** `req.auth`, if there is any. */
  readonly auth: { readonly token: string } | undefined;
}

export interface ProtectedServer {
  readonly gateway: Gateway;
  /** The MCP endpoint at the gateway. */
  readonly url: string;
  readonly handler: McpTestHandler;
  readonly arrived: readonly ArrivedRequest[];
  /** Closes all of it. */
  close(): Promise<void>;
}

export async function startProtectedServer(
  { route, createHandler }: { route: 'authenticate' | 'proxy'; createHandler: () => McpTestHandler },
  settings: Omit<GatewaySettings, 'routes'> = {},
): Promise<ProtectedServer> {
  const handler = createHandler();
  const arrived: ArrivedRequest[] = [];
  const serve = (req: IncomingMessage, res: ServerResponse) => {
    const { method = '', url = '', auth } = req as IncomingMessage & { auth?: ArrivedRequest['auth'] };
    arrived.push({ method, url, auth, headers: { ...req.headers }, rawHeaders: [...req.rawHeaders] });
    return handler(req, res);
  };
  const upstream = await startMcpServer(serve);
  const gateway = await startGateway({
    ...settings,
    routes: (app, auth) => {
      if (route === 'proxy') app.use(auth.proxy('/mcp', { target: upstream.url }));
      else app.all('/mcp', auth.authenticate('/mcp'), serve);
    },
  });
  return {
    gateway,
    url: `${gateway.url}/mcp`,
    handler,
    arrived,
    async close() {
      await handler.close();
      await gateway.close();
      await upstream.close();
    },
  };
}

export interface SignedIn {
  readonly client: OAuthClient;
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** Signs in without any SDK. @param resource as in `createOAuthClient` */
export async function signInByHand(
  issuer: string,
  resource = `${issuer}/mcp`,
  browser = createBrowser(),
): Promise<SignedIn> {
  const client = await createOAuthClient(issuer, {}, resource);
  const { json } = await client.redeem(await client.login(browser));
  return { client, accessToken: String(json?.access_token), refreshToken: String(json?.refresh_token) };
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
