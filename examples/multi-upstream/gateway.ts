/** One gateway in front of three MCP servers, each with another kind of credential. */
import { createServer } from 'node:http';
import express from 'express';
import { type Logger, type McpOAuth, mcpOAuth, memoryStorage, staticHeaders, userOAuth } from '../../lib/index.ts';
import { listen } from './listen.ts';
import { createToolHandler, startMcpServer } from './mcp-server.ts';
import { startNotes } from './notes.ts';

const searchKey = 'the key that the search company gave us';

export interface Gateway {
  readonly url: string;
  readonly auth: McpOAuth;
  close(): Promise<void>;
}

export async function startGateway({ port = 0, logger }: { port?: number; logger?: Logger } = {}): Promise<Gateway> {
  const notes = await startNotes();
  const search = await startMcpServer(
    createToolHandler('search', 'search', () => 'found it'),
    (req) => req.headers['x-api-key'] === searchKey,
  );
  const weather = await startMcpServer(createToolHandler('weather', 'forecast', () => 'sun'));

  const app = express();
  const server = createServer(app);
  const url = await listen(server, port);
  const auth = mcpOAuth({
    issuer: url,
    browserLogin: { url: `${url}/oauth/dev-login` },
    storage: memoryStorage(),
    routes: [
      // Each user's own account: asked for on a page after the login, or by a link when a call needs it.
      {
        path: '/notes',
        displayName: 'Notes',
        target: notes.url,
        upstream: userOAuth({ id: 'notes', displayName: 'Notes', summary: 'Reads your notes.' }),
      },
      // One key for everybody.
      {
        path: '/search',
        displayName: 'Search',
        target: search.url,
        upstream: staticHeaders({ 'x-api-key': searchKey }),
      },
      // Open; only whoever has signed in here gets through.
      { path: '/weather', displayName: 'Weather', target: weather.url },
    ],
    ...(logger && { logger }),
  });
  app.use(auth);

  return {
    url,
    auth,
    async close() {
      await auth.close();
      for (const upstream of [notes, search, weather]) upstream.close();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
