import { createServer } from 'node:http';
import express from 'express';
import { type Logger, type McpOAuth, mcpOAuth, sqliteStorage } from '../../lib/index.ts';
import { greeterHandler, listen, startAdder } from './mcp-servers.ts';

export interface Quickstart {
  readonly url: string;
  readonly auth: McpOAuth;
  close(): Promise<void>;
}

/**
 * One protected MCP server in process at `/mcp`, one behind the proxy at `/adder`, dev login, a SQLite file.
 * @param settings.port 0 takes a free one
 */
export async function startQuickstart(settings: {
  port: number;
  databasePath: string;
  logger?: Logger;
}): Promise<Quickstart> {
  const app = express();
  const server = createServer(app);
  const url = await listen(server, settings.port);
  const adder = await startAdder();
  const storage = sqliteStorage(settings.databasePath);

  const auth = mcpOAuth({
    issuer: url,
    browserLogin: { url: `${url}/oauth/dev-login` },
    storage,
    ...(settings.logger && { logger: settings.logger }),
  });
  app.use(auth);
  app.all('/mcp', auth.authenticate('/mcp', { displayName: 'Greeter', default: true }), greeterHandler());
  app.use(auth.proxy('/adder', { displayName: 'Adder', target: adder.url }));

  return {
    url,
    auth,
    async close() {
      await auth.close();
      await storage.close();
      adder.close();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
