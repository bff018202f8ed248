import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Express } from 'express';
import { type McpOAuth, memoryStorage, staticHeaders } from '../../lib/index.ts';
import { createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { createSdkV1McpHandler, type McpTestServer, startMcpServer } from '../helpers/mcp-servers.ts';
import { type Answer, createOAuthClient, type OAuthClient, send } from '../helpers/oauth-client.ts';
import { rpc } from '../upstream/support.ts';

let upstream: McpTestServer;
/** Two replicas of one issuer, over one store. */
let gateway: Gateway;
let replica: Gateway;
let url: string;

beforeAll(async () => {
  upstream = await startMcpServer(createSdkV1McpHandler('stateful'));
  const storage = memoryStorage();
  const routes = (app: Express, auth: McpOAuth) => {
    // One key for everybody: to the upstream all callers are the same.
    const shared = staticHeaders({ authorization: 'Bearer shared' });
    for (const path of ['/tools', '/twin']) app.use(auth.proxy(path, { target: upstream.url, upstream: shared }));
  };
  gateway = await startGateway({ routes, options: () => ({ storage }) });
  replica = await startGateway({
    routes,
    options: () => ({ storage, issuer: gateway.url, browserLogin: { url: `${gateway.url}/oauth/dev-login` } }),
  });
  url = `${gateway.url}/tools`;
});

afterAll(async () => {
  await gateway?.close();
  await replica?.close();
  await upstream?.close();
});

interface Caller {
  readonly client: OAuthClient;
  readonly accessToken: string;
  readonly refreshToken: string;
}

async function signIn(name: string, resource = url): Promise<Caller> {
  const client = await createOAuthClient(gateway.url, {}, resource);
  const { json } = await client.redeem(await client.login(createBrowser(), {}, { name }));
  return { client, accessToken: String(json?.access_token), refreshToken: String(json?.refresh_token) };
}

const initialization = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'test', version: '1.0.0' },
};

/** Begins a session. @returns its id, as the client got it */
async function begin(caller: Caller, at = url): Promise<string> {
  const answer = await rpc(at, caller, 'initialize', initialization);
  expect(answer.status).toBe(200);
  return answer.headers.get('mcp-session-id') ?? '';
}

const call = (caller: Pick<Caller, 'accessToken'>, session: string, at = url, headers: Record<string, string> = {}) =>
  rpc(at, caller, 'tools/call', { name: 'whoami', arguments: {} }, { 'mcp-session-id': session, ...headers });

const ask = (method: string, { accessToken }: Caller, session: string) =>
  send(url, {
    method,
    headers: { authorization: `Bearer ${accessToken}`, accept: 'text/event-stream', 'mcp-session-id': session },
  });

function expectUnknown({ status, json, headers }: Answer): void {
  expect([status, json?.error]).toEqual([404, { code: -32001, message: 'Session not found' }]);
  expect(headers.get('mcp-session-id')).toBeNull();
}

const ofUpstream = (session: string) => session.slice(session.indexOf('.') + 1);

describe('a session of an upstream that everybody shares', () => {
  test('is its user’s and client’s, whatever their token, at every replica', async () => {
    const alice = await signIn('alice');
    const session = await begin(alice);
    expect(session).toMatch(/^[\w-]{43}\.[\x21-\x7e]+$/);
    expect((await call(alice, session)).status).toBe(200);
    expect(upstream.requests.at(-1)?.headers['mcp-session-id']).toBe(ofUpstream(session));

    const { json } = await alice.client.refresh(alice.refreshToken);
    const renewed = { accessToken: String(json?.access_token) };
    expect((await call(renewed, session)).status).toBe(200);
    const { host } = new URL(gateway.url);
    expect((await call(renewed, session, `${replica.url}/tools`, { host })).status).toBe(200);
  });

  test('is nobody else’s: not to call, to listen to or to end (MCP 2025-11-25, Session Hijacking)', async () => {
    const [alice, bob] = [await signIn('alice'), await signIn('bob')];
    const session = await begin(alice);
    const asked = upstream.requests.length;
    expectUnknown(await call(bob, session));
    for (const method of ['GET', 'DELETE']) expectUnknown(await ask(method, bob, session));
    expect(upstream.requests.length).toBe(asked);
    expect(gateway.events.at(-1)).toMatchObject({ type: 'proxy.failed', status: 404, reason: 'foreign_session' });
    expect((await call(alice, session)).status).toBe(200);
    expect((await ask('DELETE', alice, session)).status).toBe(200);
  });

  test('is not that of the same user’s other client, nor of another route to the same upstream', async () => {
    const [alice, elsewhere] = [await signIn('alice'), await signIn('alice')];
    const session = await begin(alice);
    expectUnknown(await call(elsewhere, session));
    const twin = `${gateway.url}/twin`;
    const there = await signIn('alice', twin);
    expectUnknown(await call(there, session, twin));
  });

  test.each<[string, (session: string) => string]>([
    ['the upstream’s own', ofUpstream],
    ['another one under the same signature', (session) => `${session}0`],
    ['one with a signature cut short', (session) => session.slice(1)],
    ['one without a signature', (session) => `.${ofUpstream(session)}`],
    ['two', (session) => `${session}, ${session}`],
    ['nothing', () => ''],
  ])('is not opened by an id that is %s', async (_what, forge) => {
    const alice = await signIn('alice');
    const forged = forge(await begin(alice));
    const asked = upstream.requests.length;
    expectUnknown(await call(alice, forged));
    expect(upstream.requests.length).toBe(asked);
  });
});
