import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { listen } from './listen.ts';

/** An MCP server with one tool, which answers with a text about its caller. */
export function createToolHandler(name: string, tool: string, answer: (subject: unknown) => string) {
  const handler = toNodeHandler(
    createMcpHandler(() => {
      const server = new McpServer({ name, version: '1.0.0' });
      server.registerTool(tool, { description: `One tool of ${name}` }, async (ctx) => ({
        content: [{ type: 'text', text: answer(ctx.http?.authInfo?.extra?.sub) }],
      }));
      return server;
    }),
  );
  return (req: IncomingMessage, res: ServerResponse) => handler(req as Parameters<typeof handler>[0], res);
}

export interface UpstreamServer {
  readonly url: string;
  close(): void;
}

/** On a loopback port of its own; `admit` decides who may call. */
export async function startMcpServer(
  handler: ReturnType<typeof createToolHandler>,
  admit: (req: IncomingMessage) => boolean = () => true,
): Promise<UpstreamServer> {
  const server = createServer((req, res) => {
    if (admit(req)) handler(req, res).catch(() => res.destroy());
    else res.writeHead(401).end();
  });
  const origin = await listen(server);
  return {
    url: `${origin}/mcp`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
