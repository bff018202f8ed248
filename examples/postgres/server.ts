import { serve } from '../shared/story.ts';
import { startApp } from './app.ts';

const databaseUrl = process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres';
await serve(
  startApp(databaseUrl, Number(process.env.PORT ?? 3000)),
  (url) => `Connect an MCP client to ${url}/mcp. Stop with Ctrl+C.`,
);
