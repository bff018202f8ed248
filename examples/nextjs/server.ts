import { serve } from '../shared/story.ts';
import { startGateway } from './gateway.ts';

await serve(
  startGateway(Number(process.env.PORT ?? 3000)),
  (url) => `Pages at ${url}, an MCP server at ${url}/mcp. Stop with Ctrl+C.`,
);
