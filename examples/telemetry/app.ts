import { createServer } from 'node:http';
import express from 'express';
import { mcpOAuth, memoryStorage } from '../../lib/index.ts';
import { greeterHandler } from '../quickstart/mcp-servers.ts';
import { close, listen, type Running } from '../shared/story.ts';
import { prometheus } from './sdk.ts';

/** An MCP server behind the proxy, measured. @param port 0 takes a free one */
export async function startApp(port = 0): Promise<Running> {
  const upstream = createServer(express().all('/mcp', greeterHandler()));
  const target = `${await listen(upstream)}/mcp`;
  const app = express();
  const server = createServer(app);
  const url = await listen(server, port);
  const auth = mcpOAuth({
    issuer: url,
    browserLogin: { url: `${url}/oauth/dev-login` }, // Your identity provider, outside of loopback.
    storage: memoryStorage(),
    secret: process.env.MCP_OAUTH_SECRET ?? 'a secret of this example, and not of yours',
    telemetry: true,
  });
  app.use(auth);
  app.use(auth.proxy('/mcp', { target }));
  // For Prometheus alone: let nobody else reach it.
  app.get('/metrics', (req, res) => prometheus.getMetricsRequestHandler(req, res));
  return {
    url,
    async close() {
      await auth.close({ graceMs: 1000 });
      await close(server);
      await close(upstream);
    },
  };
}
