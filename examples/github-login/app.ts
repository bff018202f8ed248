import { createServer } from 'node:http';
import express from 'express';
import { github } from '../../adapters/identity.ts';
import { type McpOAuthOptions, mcpOAuth, memoryStorage } from '../../lib/index.ts';
import { greeterHandler } from '../quickstart/mcp-servers.ts';
import { close, listen, type Running } from '../shared/story.ts';

export interface GitHubLogin {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Names of those who are editors, by their GitHub login. */
  readonly editors: readonly string[];
  /** 0 takes a free one. */
  readonly port?: number;
  /** Where host names point; the self-check has a GitHub of its own. */
  readonly outbound?: NonNullable<McpOAuthOptions['outbound']>;
}

/** People sign in with GitHub; who they are is their numeric id there, and what they may is decided here. */
export async function startApp({ clientId, clientSecret, editors, port = 0, outbound }: GitHubLogin): Promise<Running> {
  const app = express();
  const server = createServer(app);
  const url = await listen(server, port);
  const auth = mcpOAuth({
    issuer: url,
    ...github({
      clientId,
      clientSecret,
      identity: { mapIdentity: (claims) => ({ roles: editors.includes(String(claims.login)) ? ['editor'] : [] }) },
    }),
    storage: memoryStorage(),
    secret: process.env.MCP_OAUTH_SECRET ?? 'a secret of this example, and not of yours',
    ...(outbound && { outbound }),
  });
  app.use(auth);
  app.all('/mcp', auth.authenticate('/mcp'), greeterHandler());
  return {
    url,
    async close() {
      await auth.close();
      await close(server);
    },
  };
}
