import { fileURLToPath } from 'node:url';
import type { Logger } from '../../lib/index.ts';
import { startQuickstart } from './quickstart.ts';

/** Events one by one, so that every refused login can be explained. */
const logger: Logger = Object.fromEntries(
  (['debug', 'info', 'warn', 'error'] as const).map((level) => [
    level,
    (type: string, details: object = {}) => {
      const members = Object.entries(details).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
      console.log(`${new Date().toISOString().slice(11, 19)} ${level.padEnd(5)} ${type} ${members.join(' ')}`);
    },
  ]),
) as unknown as Logger;

const databasePath = fileURLToPath(new URL('../../.data/quickstart.sqlite', import.meta.url));

const { url, auth, close } = await startQuickstart({
  port: Number(process.env.PORT ?? 3000),
  databasePath,
  logger,
}).catch((error: NodeJS.ErrnoException) => {
  if (error.code !== 'EADDRINUSE') throw error;
  console.error('The port is in use. Choose another: PORT=3100 npm start');
  process.exit(1);
});
await auth.ready();

console.log(`
Two MCP servers are protected here (sign in with any name):

  ${url}/mcp     in this process, tools whoami and count
  ${url}/adder   behind the proxy, tool add

Connect a client:

  Claude Code     claude mcp add --transport http greeter ${url}/mcp
  VS Code         code --add-mcp '{"name":"greeter","type":"http","url":"${url}/mcp"}'
  MCP Inspector   npx @modelcontextprotocol/inspector --transport http --server-url ${url}/mcp
  mcp-remote      npx mcp-remote ${url}/mcp
  Everything else: give it the URL; it finds the way to the sign-in by itself.

What happens is told below. Stop with Ctrl+C.
`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void close().then(() => process.exit(0)));
}
