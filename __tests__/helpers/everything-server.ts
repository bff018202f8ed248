import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { localhostHostValidation, localhostOriginValidation, toNodeHandler } from '@modelcontextprotocol/node';
import { classifyInboundRequest, createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express from 'express';
import { registerClientInputTools } from './everything/client-input-tools.ts';
import { registerContentTools } from './everything/content-tools.ts';
import { createStateCodec, type EverythingContext } from './everything/context.ts';
import { registerInputRequiredTools, registerTriggerTools } from './everything/input-required-tools.ts';
import { registerPrompts } from './everything/prompts.ts';
import { registerResources } from './everything/resources.ts';
import { createSessionHandler } from './everything/sessions.ts';

function createEverythingMcpServer(context: EverythingContext): McpServer {
  const server = new McpServer(
    { name: 'everything-server', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        completions: {},
        logging: {},
      },
      requestState: { verify: context.stateCodec.verify },
    },
  );
  registerContentTools(server);
  registerClientInputTools(server);
  registerInputRequiredTools(server, context);
  registerTriggerTools(server, context);
  registerPrompts(server);
  registerResources(server);
  return server;
}

function firstValue(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/**
 * The MCP server under the official suite's `server` command, without any authorization. One endpoint serves
 * 2026-07-28 (a fresh instance for every request) and the session transport of 2025-06-18 and 2025-11-25.
 */
export function createEverythingApp() {
  const context: EverythingContext = {
    stateCodec: createStateCodec(),
    toolsChanged: () => modern.notify.toolsChanged(),
    promptsChanged: () => modern.notify.promptsChanged(),
  };
  const modern = createMcpHandler(() => createEverythingMcpServer(context));
  const handleModern = toNodeHandler(modern);
  const sessions = createSessionHandler(() => createEverythingMcpServer(context));
  const isLocalHost = localhostHostValidation();
  const isLocalOrigin = localhostOriginValidation();

  const app = express();
  app.use((req, res, next) => {
    // Both guards answer 403 themselves; without them the suite's dns-rebinding-protection fails.
    if (isLocalHost(req, res) && isLocalOrigin(req, res)) {
      next();
    }
  });
  app.use(express.json());
  app.all('/mcp', async (req, res) => {
    const { kind } = classifyInboundRequest({
      httpMethod: req.method,
      ...headerClaims(req.headers),
      body: req.body,
    });
    if (kind === 'legacy') {
      await sessions.handleRequest(req, res, req.body);
    } else {
      await handleModern(req, res, req.body);
    }
  });

  async function close(): Promise<void> {
    await Promise.all([modern.close(), sessions.close()]);
  }
  return { app, close };
}

/** A request that only claims 2026-07-28 must get that revision's errors, so the headers count as well as the body. */
function headerClaims(headers: Record<string, string | string[] | undefined>) {
  const protocolVersionHeader = firstValue(headers['mcp-protocol-version']);
  const mcpMethodHeader = firstValue(headers['mcp-method']);
  return {
    ...(protocolVersionHeader !== undefined && { protocolVersionHeader }),
    ...(mcpMethodHeader !== undefined && { mcpMethodHeader }),
  };
}

/** Starts the server on a free 127.0.0.1 port. */
export async function startEverythingServer(): Promise<{ url: string; close(): Promise<void> }> {
  const { app, close } = createEverythingApp();
  const listener = createServer(app);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    close: async () => {
      await close();
      listener.closeAllConnections();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
