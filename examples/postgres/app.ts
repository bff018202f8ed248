import { createServer } from 'node:http';
import express from 'express';
import pg from 'pg';
import { postgresStorage } from '../../adapters/storage/postgres.ts';
import { mcpOAuth } from '../../lib/index.ts';
import { greeterHandler } from '../quickstart/mcp-servers.ts';
import { close, listen, type Running } from '../shared/story.ts';

export interface App extends Running {
  readonly pool: pg.Pool;
}

/** Everything that lasts is in Postgres: a new process goes on where the last one stopped. @param port 0 takes a free one */
export async function startApp(databaseUrl: string, port = 0): Promise<App> {
  const pool = new pg.Pool({ connectionString: databaseUrl, connectionTimeoutMillis: 3000, statement_timeout: 5000 });
  pool.on('error', () => {}); // An idle connection that the server closes must not end the process.
  const app = express();
  const server = createServer(app);
  const url = await listen(server, port);
  const auth = mcpOAuth({
    issuer: url,
    browserLogin: { url: `${url}/oauth/dev-login` }, // Your identity provider, outside of loopback.
    storage: postgresStorage(pool, { migrate: true }), // Or `npx express-mcp-auth migrate` before a release.
    secret: process.env.MCP_OAUTH_SECRET ?? 'a secret of this example, and not of yours',
  });
  app.use(auth);
  app.all('/mcp', auth.authenticate('/mcp'), greeterHandler());
  app.get('/ready', async (_req, res) => {
    const health = await auth.health();
    res.status(health.ok ? 200 : 503).json(health);
  });
  return {
    url,
    pool,
    async close() {
      await auth.close();
      await close(server);
      await pool.end(); // The pool is the app's: `auth.close()` leaves it open.
    },
  };
}
