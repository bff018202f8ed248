import type { Logger } from '../../lib/index.ts';
import { startGateway } from './gateway.ts';

const tell = (type: string, details: object = {}) => console.log(type, JSON.stringify(details));
const logger: Logger = { debug: tell, info: tell, warn: tell, error: tell };

const { url, close } = await startGateway({ port: Number(process.env.PORT ?? 3000), logger });
console.log(`
  ${url}/notes     each user's own notes: connected after the login, or by a link
  ${url}/search    one key for everybody
  ${url}/weather   open, behind the login

Add one of them to your MCP client, such as: claude mcp add --transport http notes ${url}/notes
Sign in under any name. What happens is told below. Stop with Ctrl+C.
`);
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void close().then(() => process.exit(0)));
