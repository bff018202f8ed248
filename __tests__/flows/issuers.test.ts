import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import express, { type Express } from 'express';
import { type McpOAuth, type McpOAuthEvent, type McpOAuthOptions, mcpOAuth, memoryStorage } from '../../lib/index.ts';
import { createBrowser } from '../helpers/browser.ts';
import { startGateway } from '../helpers/gateway.ts';
import { createSdkV2McpHandler } from '../helpers/mcp-servers.ts';
import { createOAuthClient, postForm, send } from '../helpers/oauth-client.ts';
import { connectV2 } from '../helpers/sdk-clients.ts';

const secret = 'a secret of the tests, long enough for everyone';
const handler = createSdkV2McpHandler();
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});
afterAll(() => handler.close());

/** A listening app whose middleware is made once the port is known. */
async function listen(
  setUp: (app: Express, port: number, auth: (options: Partial<McpOAuthOptions>) => McpOAuth) => void,
): Promise<{ port: number; events: McpOAuthEvent[] }> {
  const app = express();
  const events: McpOAuthEvent[] = [];
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  setUp(app, port, (options) => {
    const auth = mcpOAuth({
      browserLogin: { url: `http://127.0.0.1:${port}/oauth/dev-login` },
      storage: memoryStorage(),
      secret,
      ...options,
    });
    auth.events.on('*', (event) => void events.push(event));
    closing.push(() => void auth.close());
    return auth;
  });
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port, events };
}

describe('an issuer with a path', () => {
  const options = (port: number) => {
    const issuer = `http://127.0.0.1:${port}/gw`;
    return { issuer, browserLogin: { url: `${issuer}/oauth/dev-login` } };
  };

  it.each(['a prefix', 'a sub-app'])(
    'serves a client from discovery to a call, mounted under %s (RFC 8414 section 3.1)',
    async (mount) => {
      const { port, events } = await listen((app, number, create) => {
        const auth = create(options(number));
        app.use(auth.wellKnown());
        const inner = mount === 'a prefix' ? app : express();
        inner.use(mount === 'a prefix' ? '/gw' : '/', auth);
        inner.all(mount === 'a prefix' ? '/gw/mcp' : '/mcp', auth.authenticate('/gw/mcp'), handler);
        if (inner !== app) app.use('/gw', inner);
      });
      const issuer = `http://127.0.0.1:${port}/gw`;
      for (const path of ['/.well-known/oauth-authorization-server/gw', '/gw/.well-known/openid-configuration']) {
        expect((await send(`http://127.0.0.1:${port}${path}`)).json).toMatchObject({
          issuer,
          token_endpoint: `${issuer}/oauth/token`,
        });
      }
      const connection = await connectV2({ url: `${issuer}/mcp` });
      expect(await connection.callTool('echo', { text: 'hello' })).toBe('hello');
      await connection.close();
      expect(events.filter(({ type }) => type === 'configuration.warning')).toEqual([]);
    },
  );

  it('warns once where nothing serves the well-known paths of the origin', async () => {
    const { port, events } = await listen((app, number, create) => void app.use('/gw', create(options(number))));
    await send(`http://127.0.0.1:${port}/gw/oauth/jwks`);
    await send(`http://127.0.0.1:${port}/gw/oauth/jwks`);
    const codes = events.flatMap((event) => (event.type === 'configuration.warning' ? [event.code] : []));
    expect(codes).toEqual(['MCP_OAUTH_WELL_KNOWN_UNREACHABLE']);
  });
});

describe('several origins', () => {
  it('are issuers of their own: tokens and clients of one mean nothing at the other, and other hosts get 421', async () => {
    let auth!: McpOAuth;
    const { port } = await listen((app, number, create) => {
      auth = create({ origins: [`http://127.0.0.1:${number}`, `http://localhost:${number}`] });
      app.use(auth);
      app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => void res.json({}));
    });
    const [one, other] = [`http://127.0.0.1:${port}`, `http://localhost:${port}`] as const;
    for (const issuer of [one, other]) {
      expect((await send(`${issuer}/.well-known/oauth-authorization-server`)).json?.issuer).toBe(issuer);
      expect((await send(`${issuer}/.well-known/oauth-protected-resource/mcp`)).json?.resource).toBe(`${issuer}/mcp`);
    }
    const client = await createOAuthClient(one);
    const { json } = await client.redeem(await client.login(createBrowser()));
    const headers = { authorization: `Bearer ${json?.access_token}` };
    expect((await send(`${one}/mcp`, { headers })).status).toBe(200);
    expect((await send(`${other}/mcp`, { headers })).status).toBe(401);
    const verify = (origin?: string) => auth.verify(String(json?.access_token), '/mcp', origin);
    expect((await verify(one)).auth).toMatchObject({ clientId: client.clientId, resource: new URL(`${one}/mcp`) });
    await expect(verify(other)).rejects.toMatchObject({ code: 'invalid_token', status: 401 });
    for (const origin of [undefined, 'http://evil.example', `http://127.0.0.2:${port}`, `${one}/`])
      await expect(verify(origin)).rejects.toThrow(TypeError);
    const elsewhere = await postForm(`${other}/oauth/token`, {
      grant_type: 'refresh_token',
      refresh_token: String(json?.refresh_token),
      client_id: client.clientId,
    });
    expect(elsewhere).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
    const foreign = await send(`${one}/.well-known/oauth-authorization-server`, { headers: { host: 'evil.example' } });
    expect(foreign.status).toBe(421);
    expect(foreign.text).not.toMatch(/evil|127\.0\.0\.1/);
  });

  it('by a predicate, with scheme and host from a trusted proxy only', async () => {
    const asked: string[] = [];
    const { port } = await listen((app, _number, create) => {
      app.set('trust proxy', 'loopback');
      app.use(
        create({
          oidc: { issuer: 'https://idp.example.com' },
          browserLogin: { clientId: 'x', clientSecret: 'y' },
          origins: (origin) => {
            asked.push(origin);
            return origin.endsWith('.example.com');
          },
        }),
      );
    });
    const metadata = (host: string, proto = 'https') =>
      send(`http://127.0.0.1:${port}/.well-known/oauth-authorization-server`, {
        headers: { 'x-forwarded-host': host, 'x-forwarded-proto': proto },
      });
    expect((await metadata('a.example.com')).json?.issuer).toBe('https://a.example.com');
    expect((await metadata('b.example.com')).json?.token_endpoint).toBe('https://b.example.com/oauth/token');
    expect((await metadata('evil.example')).status).toBe(421);
    expect((await metadata('a.example.com', 'http')).status).toBe(421);
    expect(asked).toContain('https://evil.example');
  });
});

describe('behind a TLS-terminating proxy', () => {
  it('the fixed issuer stands in every URL, and cookies are __Host- and Secure', async () => {
    const issuer = 'https://mcp.example.com';
    const { port } = await listen((app, _number, create) => {
      app.set('trust proxy', 'loopback');
      const auth = create({
        issuer,
        oidc: { issuer: 'https://idp.example.com' },
        browserLogin: { clientId: 'x', clientSecret: 'y' },
      });
      app.use(auth);
      app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => void res.json({}));
    });
    const headers = { 'x-forwarded-host': 'mcp.example.com', 'x-forwarded-proto': 'https' };
    const url = `http://127.0.0.1:${port}`;
    const challenge = (await send(`${url}/mcp`, { headers })).headers.get('www-authenticate');
    expect(challenge).toContain(`resource_metadata="${issuer}/.well-known/oauth-protected-resource/mcp"`);
    const registered = await send(`${url}/oauth/register`, {
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: ['https://client.example/cb'] }),
    });
    const query = new URLSearchParams({
      client_id: String(registered.json?.client_id),
      redirect_uri: 'https://client.example/cb',
      response_type: 'code',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    });
    const authorized = await send(`${url}/oauth/authorize?${query}`, { headers });
    expect(authorized.status).toBe(303);
    expect(authorized.headers.get('location')).toMatch(/^\/oauth\/interaction\//);
    for (const cookie of authorized.headers.getSetCookie())
      expect(cookie).toMatch(/^__(?:Host|Secure)-mcp_.*; secure/i);
  });
});

describe('endpoints for clients of MCP 2025-03-26', () => {
  let gateway: Awaited<ReturnType<typeof startGateway>>;
  beforeAll(async () => {
    gateway = await startGateway({
      options: () => ({ gateway: { endpointAliases: true } }),
      routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => void res.json({})),
    });
  });
  afterAll(() => gateway.close());

  it('carry a client that reads no metadata and names no resource from registration to a call', async () => {
    const { url } = gateway;
    const redirectUri = 'http://127.0.0.1:1/callback';
    const registered = await send(`${url}/register`, {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: [redirectUri] }),
    });
    expect(registered.status).toBe(201);
    const client = await createOAuthClient(url);
    const authorizeUrl = client.authorizeUrl({ resource: undefined }).replace('/oauth/authorize', '/authorize');
    const browser = createBrowser();
    const stopAt = (target: string) => target.startsWith(redirectUri);
    const approval = await browser.get(authorizeUrl, { stopAt });
    const signIn = await browser.submit(approval, 'csrf', { decision: 'approve' }, { stopAt });
    const page = await browser.submit(signIn, 'name', { name: 'alice' }, { stopAt });
    const tokens = await postForm(`${url}/token`, {
      grant_type: 'authorization_code',
      code: new URL(page.location ?? '').searchParams.get('code') ?? '',
      redirect_uri: redirectUri,
      client_id: client.clientId,
      code_verifier: client.verifier,
    });
    const headers = { authorization: `Bearer ${tokens.json?.access_token}` };
    expect((await send(`${url}/mcp`, { headers })).status).toBe(200);
  });

  it('are the app’s own where the option is off', async () => {
    const plain = await startGateway({
      routes: (app) => void app.post('/token', (_req, res) => void res.json({ mine: true })),
    });
    expect((await postForm(`${plain.url}/token`, {})).json).toEqual({ mine: true });
    await plain.close();
  });
});

describe('pushed authorization requests', () => {
  it('start a login by reference, once (RFC 9126)', async () => {
    const gateway = await startGateway({
      routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => void res.json({})),
    });
    const client = await createOAuthClient(gateway.url);
    const pushed = await postForm(
      `${gateway.url}/oauth/par`,
      Object.fromEntries(new URL(client.authorizeUrl()).searchParams),
    );
    expect(pushed).toMatchObject({ status: 201, json: { request_uri: expect.stringMatching(/^urn:/) } });
    const reference = { client_id: client.clientId, request_uri: String(pushed.json?.request_uri) };
    const url = `${gateway.url}/oauth/authorize?${new URLSearchParams(reference)}`;
    const browser = createBrowser({ stopAt: (target) => !target.startsWith(gateway.url) });
    const approval = await browser.get(url);
    const signIn = await browser.submit(approval, 'csrf', { decision: 'approve' });
    const page = await browser.submit(signIn, 'name', { name: 'alice' });
    const code = new URL(page.location ?? '').searchParams.get('code') ?? '';
    expect((await client.redeem(code)).status).toBe(200);
    expect((await createBrowser().get(url)).status).toBe(400);
    await gateway.close();
  });
});
