import { fileURLToPath } from 'node:url';
import { startApp } from './app.ts';

const databasePath = fileURLToPath(new URL('../../.data/own-login.sqlite', import.meta.url));
const { url, close } = await startApp({ port: Number(process.env.PORT ?? 3000), databasePath });
console.log(`An app with its own sign-in (ada / analytical, alan / enigma) and an MCP server: ${url}/mcp
Sign out at ${url}/oauth/logout. Stop with Ctrl+C.`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void close().then(() => process.exit(0)));
}
