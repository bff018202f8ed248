import { serve } from '../shared/story.ts';
import { startApp } from './app.ts';

await serve(
  startApp(Number(process.env.PORT ?? 3000)),
  (url) => `Connect an MCP client to ${url}/mcp, and look at ${url}/metrics. Stop with Ctrl+C.`,
);
