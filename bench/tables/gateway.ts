import { spawnSync } from 'node:child_process';
import type { Table } from '../harness/table.ts';
import { accessTokens, calling } from './operations.ts';
import { createSignedTokens } from './signed-tokens.ts';
import { startUpstream } from './upstream.ts';

/** Undefined where there is no nginx here. */
function nginxVersion(): string | undefined {
  return /nginx\/(\S+)/.exec(spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr ?? '')?.[1];
}

/** An authenticated call that goes on to an MCP server behind the gateway. */
export async function gateway(): Promise<Table> {
  const upstream = await startUpstream();
  const { settings, sign } = await createSignedTokens();
  const { origin } = upstream;
  const nginx = nginxVersion();
  return {
    title: 'Gateway: authenticated and proxied MCP POST',
    notes: [
      '`POST /mcp` with a JSON-RPC body of 110 bytes, answered by an MCP server on the core of the load generator; twelve users with a keep-alive connection each.',
      'The first row is what people assemble today: `requireBearerAuth` of the MCP SDK with jose, ES256, in front of http-proxy-middleware with its defaults.',
      'Ours: `auth.proxy`, opaque tokens from real logins, remembered for `tokenCacheSeconds`; Host and Origin checks, header allow-lists and the first-byte timeout on. The peers have none of these.',
      ...(nginx ? [] : ['nginx is not among the peers: it was not on this machine.']),
    ],
    servers: {
      sdk: { variant: 'sdk-bearer', settings: { ...settings, upstream: origin } },
      auth0: { variant: 'jwt-bearer', settings: { ...settings, upstream: origin } },
      ...(nginx && { nginx: { variant: 'nginx', settings: { upstream: origin } } }),
      open: { variant: 'bare-route', settings: { upstream: origin } },
      ours: {
        variant: 'gateway',
        settings: { proxy: { target: `${origin}/mcp` }, gateway: { tokenCacheSeconds: 60 } },
      },
    },
    comparisons: [
      {
        operation: 'Against what is assembled today',
        subjects: [
          { name: 'MCP SDK requireBearerAuth + http-proxy-middleware', server: 'sdk', prepare: calling(sign) },
          { name: 'express-oauth2-jwt-bearer + http-proxy-middleware', server: 'auth0', prepare: calling(sign) },
          { name: 'ours', server: 'ours', prepare: calling(accessTokens), target: 0.25 },
        ],
      },
      {
        operation: 'Against a proxy without authentication',
        subjects: [
          { name: 'http-proxy-middleware', server: 'open', prepare: calling(async () => []) },
          { name: 'ours', server: 'ours', prepare: calling(accessTokens), target: 0.55 },
        ],
      },
      ...(nginx
        ? [
            {
              operation: 'Against nginx without authentication',
              subjects: [
                { name: 'nginx', server: 'nginx', prepare: calling(async () => []) },
                { name: 'ours', server: 'ours', prepare: calling(accessTokens) },
              ],
            },
          ]
        : []),
    ],
    ...(nginx && { versions: { nginx } }),
    close: upstream.close,
  };
}
