import { afterEach, describe, expect, test } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import type { ProxyOptions } from '../../lib/index.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type McpTestServer, startMcpServer } from '../helpers/mcp-servers.ts';
import { sdkClients, sdkServers, signInByHand } from '../helpers/protected-server.ts';
import { atDevLogin, type Connect } from '../helpers/sdk-clients.ts';

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close();
});

interface Running {
  readonly gateway: Gateway;
  readonly upstream: McpTestServer;
  readonly url: string;
}

async function start(handler: Parameters<typeof startMcpServer>[0], proxy: Partial<ProxyOptions>): Promise<Running> {
  const upstream = await startMcpServer(handler);
  cleanUp.push(upstream.close);
  const gateway = await startGateway({
    routes: (app, auth) => app.use(auth.proxy('/mcp', { target: upstream.url, ...proxy })),
  });
  cleanUp.push(gateway.close);
  return { gateway, upstream, url: `${gateway.url}/mcp` };
}

const capabilities = { tools: ['echo', { name: 'who*', roles: ['admin'] }] };

describe.each(sdkClients.flatMap((client) => sdkServers.map((server) => ({ ...client, ...server }))))(
  'an $client client sees of an $server server',
  ({ connect, createHandler }: { connect: Connect; createHandler: (typeof sdkServers)[number]['createHandler'] }) => {
    async function connectAs(url: string, name: string, roles: string) {
      const connection = await connect({ url, signIn: atDevLogin(name, roles) });
      cleanUp.push(connection.close);
      return connection;
    }

    test('what its user may, by role, and can call nothing else', async () => {
      const { gateway, upstream, url } = await start(createHandler(), { capabilities });
      const alice = await connectAs(url, 'alice', '');
      const root = await connectAs(url, 'root', 'admin');

      expect(await alice.listTools()).toEqual(['echo']);
      expect((await root.listTools()).sort()).toEqual(['echo', 'whoami']);
      expect(await alice.callTool('echo', { text: 'hello' })).toBe('hello');
      expect(JSON.parse(await root.callTool('whoami'))).toMatchObject({ headerNames: expect.any(Array) });

      const before = upstream.requests.length;
      await expect(alice.callTool('whoami')).rejects.toThrow('not found');
      await expect(root.callTool('count', { to: 1 })).rejects.toMatchObject({ code: -32601 });
      expect(upstream.requests).toHaveLength(before);
      const refused = gateway.events.filter((event) => event.type === 'call.refused');
      expect(refused).toMatchObject([
        { method: 'tools/call', name: 'whoami', reason: 'hidden' },
        { method: 'tools/call', name: 'count', reason: 'hidden' },
      ]);
      const people = gateway.events.filter((event) => event.type === 'login.succeeded');
      const nameOf = (account?: string) => people.find(({ subject }) => subject === account)?.sub;
      expect(refused.map(({ subject }) => nameOf(subject))).toEqual(['alice', 'root']);
    });
  },
);

test('a hook decides on the arguments of a real call', async () => {
  const [{ connect } = { connect: undefined }] = sdkClients;
  const [server] = sdkServers;
  if (!connect || !server) throw new Error('no SDK');
  const { url } = await start(server.createHandler(), {
    authorize: (call) => call.name !== 'echo' || call.arguments?.text !== 'forbidden',
  });
  const connection = await connect({ url });
  cleanUp.push(connection.close);
  expect(await connection.callTool('echo', { text: 'fine' })).toBe('fine');
  await expect(connection.callTool('echo', { text: 'forbidden' })).rejects.toThrow('this call is not allowed');
});

describe('the identity header', () => {
  const header = 'X-Mcp-Identity';

  test('is signed by the issuer for this upstream, and none of the client reaches it', async () => {
    const { gateway, upstream, url } = await start((_req, res) => void res.end('{}'), {
      identity: { header, format: 'jwt' },
    });
    const { accessToken, client } = await signInByHand(gateway.url);
    const call = () =>
      fetch(url, {
        method: 'POST',
        body: '{}',
        headers: { authorization: `Bearer ${accessToken}`, [header]: 'forged', 'x-mcp-identity': 'forged' },
      });
    expect([(await call()).status, (await call()).status]).toEqual([200, 200]);

    const [assertion, again] = upstream.requests.map(({ headers }) => String(headers[header.toLowerCase()]));
    expect(again).toBe(assertion);
    const keys = createRemoteJWKSet(new URL(`${gateway.url}/oauth/jwks`));
    const audience = new URL(upstream.url).origin;
    const { payload, protectedHeader } = await jwtVerify(assertion ?? '', keys, {
      issuer: gateway.url,
      audience,
      typ: 'identity+jwt',
      algorithms: ['ES256'],
    });
    expect(protectedHeader.alg).toBe('ES256');
    expect(payload).toMatchObject({ sub: 'alice', client_id: client.clientId, roles: [], idp: expect.any(String) });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
    // It opens nothing here.
    const misused = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${assertion}` } });
    expect(misused.status).toBe(401);
  });
});

test('a heartbeat comes into a silent stream', async () => {
  const { gateway, url } = await start(
    (_req, res) => void res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders(),
    { heartbeatSeconds: 1 },
  );
  const { accessToken } = await signInByHand(gateway.url);
  const controller = new AbortController();
  const headers = { authorization: `Bearer ${accessToken}` };
  const { body } = await fetch(url, { headers, signal: controller.signal });
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe(':\n');
  controller.abort();
  await reader.closed.catch((error: Error) => expect(error.name).toBe('AbortError'));
});
