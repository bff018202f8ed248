import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { createMcpHandler, fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
import { createControls, createTools, type Gate, type Tool, type ToolCall } from './mcp-servers/tools.ts';

export type { Gate, WhoAmI } from './mcp-servers/tools.ts';

/** A request handler for `app.all('/mcp', handler)` or startMcpServer(), with the controls of its tools. */
export interface McpTestHandler {
  (req: IncomingMessage, res: ServerResponse): Promise<void>;
  readonly gate: Gate;
  /** Resolves when the tool `wait` was called for the first time. */
  readonly waiting: Promise<void>;
  /** Resolves when that call was cancelled, or when its response was closed before it had ended. */
  readonly aborted: Promise<void>;
  /** Ends all sessions and open streams. */
  close(): Promise<void>;
}

/**
 * Aborts when the HTTP response of the running call is closed. The SDKs cancel a call on disconnect in some modes only
 * (never in a 2025 session), and a test of a proxy needs to see the disconnect itself.
 */
const responseClosed = new AsyncLocalStorage<AbortSignal>();

function runWithCloseSignal<T>(res: ServerResponse, run: () => Promise<T>): Promise<T> {
  const controller = new AbortController();
  res.once('close', () => controller.abort());
  return responseClosed.run(controller.signal, run);
}

function withCloseSignal(signal: AbortSignal): AbortSignal {
  const closed = responseClosed.getStore();
  return closed === undefined ? signal : AbortSignal.any([signal, closed]);
}

/** `express.json()` in front has consumed the body already. */
function parsedBody(req: IncomingMessage): unknown {
  return (req as { body?: unknown }).body;
}

function progressSender(
  progressToken: string | number | undefined,
  send: (notification: {
    method: 'notifications/progress';
    params: { progressToken: string | number; progress: number; total: number };
  }) => Promise<void>,
): ToolCall['sendProgress'] {
  return progressToken === undefined
    ? undefined
    : (progress, total) => send({ method: 'notifications/progress', params: { progressToken, progress, total } });
}

const serverInfo = { name: 'test-server', version: '1.0.0' };

function createV1Server(tools: readonly Tool[]): Server {
  const server = new Server(serverInfo, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema })),
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const tool = tools.find(({ name }) => name === params.name);
    if (tool === undefined) {
      return { isError: true, content: [{ type: 'text', text: `no tool ${params.name}` }] };
    }
    const text = await tool.run(params.arguments ?? {}, {
      authInfo: extra.authInfo,
      headerNames: Object.keys(extra.requestInfo?.headers ?? {}).sort(),
      signal: withCloseSignal(extra.signal),
      sendProgress: progressSender(extra._meta?.progressToken, extra.sendNotification),
    });
    return { content: [{ type: 'text', text }] };
  });
  return server;
}

/**
 * An MCP server on `@modelcontextprotocol/sdk` 1.x: a session for each `initialize` with GET streams and DELETE
 * ('stateful'), or a fresh server for every POST and 405 for everything else ('stateless').
 */
export function createSdkV1McpHandler(mode: 'stateless' | 'stateful' = 'stateless'): McpTestHandler {
  const controls = createControls();
  const tools = createTools(controls);
  const open = new Set<StreamableHTTPServerTransport>();
  const sessions = new Map<string, StreamableHTTPServerTransport>();

  async function connect(transport: StreamableHTTPServerTransport): Promise<void> {
    open.add(transport);
    transport.onclose = () => open.delete(transport);
    // The class has optional accessors where its interface has optional properties, which the compiler tells apart.
    await createV1Server(tools).connect(transport as Parameters<Server['connect']>[0]);
  }

  async function transportFor(req: IncomingMessage, res: ServerResponse) {
    if (mode === 'stateful') {
      const sessionId = req.headers['mcp-session-id'];
      if (sessionId !== undefined) {
        return sessions.get(String(sessionId));
      }
      const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => void sessions.set(id, transport),
        onsessionclosed: (id) => void sessions.delete(id),
      });
      await connect(transport);
      return transport;
    }
    const transport = new StreamableHTTPServerTransport({});
    await connect(transport);
    res.once('close', () => void transport.close());
    return transport;
  }

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (mode === 'stateless' && req.method !== 'POST') {
      res.writeHead(405, { allow: 'POST' }).end();
      return;
    }
    const transport = await transportFor(req, res);
    if (transport === undefined) {
      res.writeHead(404, { 'content-type': 'application/json' });
      res.end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32001, message: 'Session not found' }, id: null }));
      return;
    }
    await runWithCloseSignal(res, () => transport.handleRequest(req, res, parsedBody(req)));
  }

  async function close(): Promise<void> {
    await Promise.all([...open].map((transport) => transport.close()));
  }

  const { gate, waiting, aborted } = controls;
  return Object.assign(handle, { gate, waiting, aborted, close });
}

/**
 * An MCP server on `@modelcontextprotocol/server` 2.x and `@modelcontextprotocol/node`: 2026-07-28, and the earlier
 * revisions without sessions.
 */
export function createSdkV2McpHandler(): McpTestHandler {
  const controls = createControls();
  const tools = createTools(controls);
  const mcp = createMcpHandler(() => {
    const server = new McpServer(serverInfo);
    for (const { name, description, inputSchema, run } of tools) {
      server.registerTool(
        name,
        { description, inputSchema: fromJsonSchema<Record<string, unknown>>(inputSchema) },
        async (args, ctx) => {
          const text = await run(args, {
            authInfo: ctx.http?.authInfo,
            headerNames: [...(ctx.http?.req?.headers.keys() ?? [])].sort(),
            signal: withCloseSignal(ctx.mcpReq.signal),
            sendProgress: progressSender(ctx.mcpReq._meta?.progressToken, ctx.mcpReq.notify),
          });
          return { content: [{ type: 'text', text }] };
        },
      );
    }
    return server;
  });
  const nodeHandler = toNodeHandler(mcp);
  const handle = (req: IncomingMessage, res: ServerResponse) =>
    // Its parameter type has `method?: string` without undefined, which is stricter than node:http.
    runWithCloseSignal(res, () => nodeHandler(req as Parameters<typeof nodeHandler>[0], res, parsedBody(req)));
  const { gate, waiting, aborted } = controls;
  return Object.assign(handle, { gate, waiting, aborted, close: () => mcp.close() });
}

export interface RecordedRequest {
  readonly method: string;
  /** Path and query as they were on the request line, not normalised. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
}

export interface McpTestServer {
  readonly url: string;
  /** Every request that arrived, also those to other paths, in order. */
  readonly requests: readonly RecordedRequest[];
  close(): Promise<void>;
}

/** Serves the handler at `/mcp` on a free 127.0.0.1 port, and 404 elsewhere. */
export async function startMcpServer(
  handler: ((req: IncomingMessage, res: ServerResponse) => unknown) & { close?: () => Promise<void> },
): Promise<McpTestServer> {
  const requests: RecordedRequest[] = [];
  const server = createServer((req, res) => {
    const { method = '', url = '' } = req;
    // Copies: a handler may change them in place.
    requests.push({ method, url, headers: { ...req.headers }, rawHeaders: [...req.rawHeaders] });
    if (url.split('?')[0] === '/mcp') {
      Promise.resolve(handler(req, res)).catch(() => res.destroy());
    } else {
      res.writeHead(404).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    requests,
    close: async () => {
      await handler.close?.();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
