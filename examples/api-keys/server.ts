import { randomBytes } from 'node:crypto';
import { serve } from '../shared/story.ts';
import { startApp } from './app.ts';

const key = randomBytes(24).toString('base64url');
const owner = { id: 'nightly-report', roles: ['reader'], scopes: ['mcp:tools'] };
await serve(
  startApp({ [key]: owner }, Number(process.env.PORT ?? 3000)),
  (url) => `People: connect an MCP client to ${url}/mcp. Programs: the header x-api-key: ${key}. Stop with Ctrl+C.`,
);
