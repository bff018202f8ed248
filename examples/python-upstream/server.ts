import { serve } from '../shared/story.ts';
import { startGateway } from './app.ts';

await serve(
  startGateway(Number(process.env.PORT ?? 3000)),
  (url) => `Connect an MCP client to ${url}/notes, a server in Python. Stop with Ctrl+C.`,
);
