import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node';
import {
  type EventStore,
  isInitializeRequest,
  type JSONRPCMessage,
  type McpServer,
} from '@modelcontextprotocol/server';

/** What the server suggests in the SSE `retry` field. */
const RETRY_INTERVAL_MS = 200;

/** Keeps every event of one session, so that a GET with Last-Event-ID gets what it missed. */
function createEventStore(): EventStore {
  const events: { streamId: string; message: JSONRPCMessage }[] = [];
  return {
    storeEvent: async (streamId, message) => String(events.push({ streamId, message }) - 1),
    getStreamIdForEventId: async (eventId) => events[Number(eventId)]?.streamId,
    replayEventsAfter: async (lastEventId, { send }) => {
      const streamId = events[Number(lastEventId)]?.streamId ?? '';
      for (const [index, event] of events.entries()) {
        // A priming event is an empty message: it has an id but nothing to send again.
        if (index > Number(lastEventId) && event.streamId === streamId && 'jsonrpc' in event.message) {
          await send(String(index), event.message);
        }
      }
      return streamId;
    },
  };
}

function refuse(res: ServerResponse, status: number, code: number, message: string): void {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id: null }));
}

/** Serves the session transport of the 2025 revisions: POST, the GET stream and DELETE. */
export function createSessionHandler(createServer: () => McpServer) {
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>();

  async function openSession(): Promise<NodeStreamableHTTPServerTransport> {
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore: createEventStore(),
      retryInterval: RETRY_INTERVAL_MS,
      onsessioninitialized: (sessionId) => {
        sessions.set(sessionId, transport);
      },
      onsessionclosed: (sessionId) => {
        sessions.delete(sessionId);
      },
    });
    await createServer().connect(transport);
    return transport;
  }

  async function handleRequest(req: IncomingMessage, res: ServerResponse, body: unknown): Promise<void> {
    const sessionId = req.headers['mcp-session-id'];
    if (sessionId === undefined && !isInitializeRequest(body)) {
      refuse(res, 400, -32000, 'Bad Request: Mcp-Session-Id header is required');
      return;
    }
    const transport = sessionId === undefined ? await openSession() : sessions.get(String(sessionId));
    if (transport === undefined) {
      refuse(res, 404, -32001, 'Session not found');
      return;
    }
    await transport.handleRequest(req, res, body);
  }

  async function close(): Promise<void> {
    await Promise.all([...sessions.values()].map((transport) => transport.close()));
    sessions.clear();
  }

  return { handleRequest, close };
}
