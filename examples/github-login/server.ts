import { serve } from '../shared/story.ts';
import { startApp } from './app.ts';

const { GITHUB_CLIENT_ID: clientId, GITHUB_CLIENT_SECRET: clientSecret, EDITORS = '', PORT = '3000' } = process.env;
if (!clientId || !clientSecret) {
  console.error('Set GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET: the README says where they come from.');
  process.exit(1);
}
await serve(
  startApp({ clientId, clientSecret, editors: EDITORS.split(','), port: Number(PORT) }),
  (url) => `Connect an MCP client to ${url}/mcp; people sign in with GitHub. Stop with Ctrl+C.`,
);
