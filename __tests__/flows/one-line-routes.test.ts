import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RouteOptions } from '../../lib/index.ts';
import { createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import {
  createSdkV2McpHandler,
  type McpTestHandler,
  type McpTestServer,
  startMcpServer,
  type WhoAmI,
} from '../helpers/mcp-servers.ts';
import { callbackOf, createOAuthClient, postJson, send } from '../helpers/oauth-client.ts';
import { bearer, sdkClients, signInByHand } from '../helpers/protected-server.ts';

/** The app's own server at /mcp and another process behind /up: everything about them stands in `routes`. */
describe('routes by configuration', () => {
  let handler: McpTestHandler;
  let upstream: McpTestServer;
  let gateway: Gateway;
  const running: Gateway[] = [];

  async function start(extra: { mcp?: Partial<RouteOptions>; up?: Partial<RouteOptions> } = {}): Promise<Gateway> {
    const started = await startGateway({
      options: () => ({
        routes: [
          { path: '/mcp', ...extra.mcp },
          { path: '/up', target: upstream.url, ...extra.up },
        ],
      }),
      routes: (app) => {
        app.all('/mcp', (req, res) => handler(req, res));
        app.get('/health', (_req, res) => void res.json({ ok: true }));
      },
    });
    running.push(started);
    return started;
  }

  beforeAll(async () => {
    handler = createSdkV2McpHandler();
    upstream = await startMcpServer(createSdkV2McpHandler());
    gateway = await start();
  });
  afterAll(async () => {
    await handler.close();
    for (const { close } of running) await close();
    await upstream.close();
  });

  describe.each(sdkClients)('for an $client client', ({ connect }) => {
    it('hands an authenticated request on to the app’s own handler', async () => {
      const connection = await connect({ url: `${gateway.url}/mcp` });
      const who: WhoAmI = JSON.parse(await connection.callTool('whoami'));
      await connection.close();

      expect(who).toMatchObject({ isAuthenticated: true, resource: `${gateway.url}/mcp`, scopes: ['mcp:tools'] });
    });

    it('sends an authenticated request to the target, without the bearer (MCP 2026-07-28, Token Passthrough)', async () => {
      const seenBefore = upstream.requests.length;
      const connection = await connect({ url: `${gateway.url}/up` });
      expect(await connection.callTool('echo', { text: 'through' })).toBe('through');
      await connection.close();

      const seen = upstream.requests.slice(seenBefore);
      expect(seen.length).toBeGreaterThanOrEqual(2);
      expect(JSON.stringify(seen)).not.toContain(connection.memory.tokens?.access_token);
      expect(new Set(seen.map(({ url }) => url))).toEqual(new Set(['/mcp']));
    });
  });

  it('publishes each resource, and none at the root where there are two (RFC 9728 section 3.1)', async () => {
    const metadataAt = async (path: string) => {
      const { status, json } = await send(`${gateway.url}/.well-known/oauth-protected-resource${path}`);
      return [status, json?.resource, json?.authorization_servers];
    };

    expect(await metadataAt('/mcp')).toEqual([200, `${gateway.url}/mcp`, [gateway.url]]);
    expect(await metadataAt('/up')).toEqual([200, `${gateway.url}/up`, [gateway.url]]);
    expect((await metadataAt(''))[0]).toBe(404);
  });

  it('challenges each route with its own metadata, and lets everything else through (RFC 9728 section 5.1)', async () => {
    for (const path of ['/mcp', '/up']) {
      const answer = await postJson(`${gateway.url}${path}`, {});
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toContain(
        `resource_metadata="${gateway.url}/.well-known/oauth-protected-resource${path}"`,
      );
    }
    expect((await send(`${gateway.url}/health`)).json).toEqual({ ok: true });
  });

  it('takes each token at its own resource only (RFC 8707 section 2, MCP 2026-07-28, Token Audience)', async () => {
    const tokens = {
      '/mcp': (await signInByHand(gateway.url, `${gateway.url}/mcp`)).accessToken,
      '/up': (await signInByHand(gateway.url, `${gateway.url}/up`)).accessToken,
    };
    const statusAt = async (path: '/mcp' | '/up', token: string) => {
      const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
      const accept = 'application/json, text/event-stream';
      return (await postJson(`${gateway.url}${path}`, ping, { ...bearer(token), accept })).status;
    };

    expect(await statusAt('/mcp', tokens['/mcp'])).toBe(200);
    expect(await statusAt('/up', tokens['/up'])).toBe(200);
    const seenBefore = upstream.requests.length;
    expect(await statusAt('/mcp', tokens['/up'])).toBe(401);
    expect(await statusAt('/up', tokens['/mcp'])).toBe(401);
    expect(upstream.requests).toHaveLength(seenBefore);
  });

  it('tells the client that it must name one of two resources (RFC 8707 section 2)', async () => {
    const client = await createOAuthClient(gateway.url);
    const stopAt = (url: string) => url.startsWith(client.redirectUri);
    const page = await createBrowser().get(client.authorizeUrl({ resource: undefined }), { stopAt });

    expect(page.location?.startsWith(`${client.redirectUri}?`)).toBe(true);
    expect(callbackOf(page)).toMatchObject({ error: 'invalid_target', state: 'the state', iss: gateway.url });
  });

  it('tells the client that it may name only one resource (RFC 8707 section 2)', async () => {
    const client = await createOAuthClient(gateway.url);
    const both = [`${gateway.url}/mcp`, `${gateway.url}/up`];
    const stopAt = (url: string) => url.startsWith(client.redirectUri);

    expect(callbackOf(await createBrowser().get(client.authorizeUrl({ resource: both }), { stopAt }))).toMatchObject({
      error: 'invalid_target',
    });
  });

  it.each([
    { of: '/mcp', elsewhere: '/up', extra: { mcp: { default: true } } },
    { of: '/up', elsewhere: '/mcp', extra: { up: { default: true } } },
  ])('gives a client that names none a token for the default route $of alone (RFC 8707 section 2)', async (row) => {
    const { url } = await start(row.extra);
    const client = await createOAuthClient(url);
    const code = await client.login(createBrowser(), { resource: undefined });
    const { status, json } = await client.redeem(code, { resource: undefined });
    expect(status).toBe(200);

    const headers = bearer(String(json?.access_token));
    expect((await postJson(`${url}${row.of}`, {}, headers)).status).not.toBe(401);
    expect((await postJson(`${url}${row.elsewhere}`, {}, headers)).status).toBe(401);
  });
});
