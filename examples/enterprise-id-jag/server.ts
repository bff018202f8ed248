import type { Logger } from '../../lib/index.ts';
import { agent, startStory } from './story.ts';

const tell = (type: string, details: object = {}) => console.log(type, JSON.stringify(details));
const logger: Logger = { debug: tell, info: tell, warn: tell, error: tell };

const { company, gateway, close } = await startStory({ port: Number(process.env.PORT ?? 3000), logger });
console.log(`
  identity provider   ${company.issuer}
  MCP server          ${gateway.url}/mcp
  client              ${agent.clientId}, secret '${agent.clientSecret}', at both

The company allows it for 'ada'. What the MCP server's authorization server does is told below. Stop with Ctrl+C.
`);
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void close().then(() => process.exit(0)));
