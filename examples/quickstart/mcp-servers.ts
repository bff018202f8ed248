import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, fromJsonSchema, McpServer } from '@modelcontextprotocol/server';

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

/** The MCP server in this process: it sees who calls, never a token. */
function createGreeter(): McpServer {
  const server = new McpServer({ name: 'greeter', version: '1.0.0' });
  server.registerTool('whoami', { description: 'Says who you are' }, async (ctx) => {
    const { clientId, scopes, extra } = ctx.http?.authInfo ?? {};
    return text(JSON.stringify({ subject: extra?.sub, roles: extra?.roles, clientId, scopes }));
  });
  server.registerTool(
    'count',
    {
      description: 'Counts, one progress message for each number',
      inputSchema: fromJsonSchema<{ to: number }>({
        type: 'object',
        properties: { to: { type: 'integer', minimum: 1, maximum: 100 } },
        required: ['to'],
      }),
    },
    async ({ to }, ctx) => {
      const progressToken = ctx.mcpReq._meta?.progressToken;
      for (let progress = 1; progress <= to && progressToken !== undefined; progress += 1) {
        await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: to } });
      }
      return text(`counted to ${to}`);
    },
  );
  return server;
}

/** The MCP server behind the proxy: it knows nothing of OAuth and must not be reachable from outside. */
function createAdder(): McpServer {
  const server = new McpServer({ name: 'adder', version: '1.0.0' });
  server.registerTool(
    'add',
    {
      description: 'Adds two numbers',
      inputSchema: fromJsonSchema<{ a: number; b: number }>({
        type: 'object',
        properties: { a: { type: 'number' }, b: { type: 'number' } },
        required: ['a', 'b'],
      }),
    },
    async ({ a, b }) => text(String(a + b)),
  );
  return server;
}

type NodeHandler = ReturnType<typeof toNodeHandler>;

/** As an Express handler; a body that a parser before it has read is taken over. */
export function greeterHandler(): RequestListener {
  const handle = toNodeHandler(createMcpHandler(createGreeter));
  return (req, res) => void handle(req as Parameters<NodeHandler>[0], res, (req as { body?: unknown }).body);
}

export async function listen(server: Server, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The upstream on a loopback port of its own. */
export async function startAdder(): Promise<{ url: string; close(): void }> {
  const handle = toNodeHandler(createMcpHandler(createAdder));
  const server = createServer((req, res) => void handle(req as Parameters<NodeHandler>[0], res));
  const origin = await listen(server, 0);
  return {
    url: `${origin}/mcp`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
