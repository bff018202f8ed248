import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { mcpOAuth, memoryStorage } from '../../lib/index.ts';
import { close, listen, type Running } from '../shared/story.ts';

/** What arrived at the Python server with one request. */
export interface Arrived {
  readonly authorization: string | null;
  readonly identity: string | null;
}

export interface Gateway extends Running {
  readonly arrived: readonly Arrived[];
}

/** An MCP server in Python, which knows nothing of OAuth, gets a login. @param port 0 takes a free one */
export async function startGateway(port = 0): Promise<Gateway> {
  const script = fileURLToPath(new URL('./notes.py', import.meta.url));
  const python = spawn('python3', [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: python.stdout });
  const [pythonPort] = (await once(lines, 'line')) as [string];
  const arrived: Arrived[] = [];
  lines.on('line', (line) => void arrived.push(JSON.parse(line)));

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
  app.use(
    auth.proxy('/notes', {
      displayName: 'Notes',
      target: `http://127.0.0.1:${pythonPort}/mcp`,
      identity: { header: 'x-mcp-identity', format: 'jwt' },
    }),
  );
  return {
    url,
    arrived,
    async close() {
      await auth.close();
      await close(server);
      python.kill('SIGTERM');
      await once(python, 'exit');
    },
  };
}
