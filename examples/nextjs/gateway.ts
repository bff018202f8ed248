import { createServer } from 'node:http';
import express from 'express';
import { mcpOAuth, memoryStorage } from '../../lib/index.ts';
import { greeterHandler } from '../quickstart/mcp-servers.ts';
import { close, listen, type Running } from '../shared/story.ts';
import { startPages } from './pages.ts';

export interface Gateway extends Running {
  readonly isNext: boolean;
}

/** Next.js behind an Express server that keeps a few paths for itself. @param port 0 takes a free one */
export async function startGateway(port = 0): Promise<Gateway> {
  const app = express();
  const server = createServer(app);
  const url = await listen(server, port);
  const auth = mcpOAuth({
    issuer: url,
    browserLogin: { url: `${url}/oauth/dev-login` }, // Your identity provider, outside of loopback.
    storage: memoryStorage(),
    secret: process.env.MCP_OAUTH_SECRET ?? 'a secret of this example, and not of yours',
  });
  // Afterwards: Next.js sets NODE_ENV to production, where neither the dev login nor memory storage starts.
  const pages = await startPages(server);
  app.use(auth); // /.well-known/*, /oauth/*: only paths it owns
  app.all('/mcp', auth.authenticate('/mcp'), greeterHandler());
  app.use((req, res) => pages.handle(req, res)); // Everything else is Next.js.
  return {
    url,
    isNext: pages.isNext,
    async close() {
      await auth.close();
      await pages.close();
      await close(server);
    },
  };
}
