import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express from 'express';
import { mcpOAuth, memoryStorage } from '../../lib/index.ts';
import { close, listen, type Running } from '../shared/story.ts';

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

/** The tools know nothing of scopes. */
function createDocuments(): McpServer {
  const server = new McpServer({ name: 'documents', version: '1.0.0' });
  server.registerTool('list', { description: 'Lists the documents' }, async () => text('a, b'));
  server.registerTool('remove', { description: 'Removes all documents' }, async () => text('removed'));
  return server;
}

/** Every client may list; removing needs a scope of its own, asked for when it is needed. @param port 0 takes a free one */
export async function startApp(port = 0): Promise<Running> {
  const app = express();
  const server = createServer(app);
  const url = await listen(server, port);
  const auth = mcpOAuth({
    issuer: url,
    browserLogin: { url: `${url}/oauth/dev-login` }, // Your identity provider, outside of loopback.
    storage: memoryStorage(),
    secret: process.env.MCP_OAUTH_SECRET ?? 'a secret of this example, and not of yours',
  });
  app.use(auth);
  const authenticate = auth.authenticate('/mcp', {
    scopes: ['documents:read'],
    operationScopes: { 'tools/call': { remove: ['documents:write'] } },
    implies: { 'documents:write': ['documents:read'] },
  });
  const mcp = toNodeHandler(createMcpHandler(createDocuments));
  app.all('/mcp', authenticate, (req, res) => void mcp(req as Parameters<typeof mcp>[0], res));
  return {
    url,
    async close() {
      await auth.close();
      await close(server);
    },
  };
}
