import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { McpOAuthEvent } from '../../lib/index.ts';
import { createCallerFlow } from '../../lib/shared/flow-id.ts';
import { createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { createOAuthClient, postForm, postJson, send } from '../helpers/oauth-client.ts';
import { bearer } from '../helpers/protected-server.ts';

const agent = { 'user-agent': 'a client of the tests/1.0' };
const logged: { message: string; details: { flowId?: string } }[] = [];
const log = (message: string, details: object = {}) => void logged.push({ message, details });

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway({
    options: () => ({ logger: { debug: log, info: log, warn: log, error: log } }),
    routes: (app, auth) =>
      void app.all('/mcp', auth.authenticate('/mcp', { scopes: ['mcp:tools'] }), (_req, res) => res.json({ ok: true })),
  });
});
afterAll(() => gateway.close());

const flowOf = ({ headers }: { headers: Headers }) => headers.get('x-flow-id');
const lastOf = (type: McpOAuthEvent['type']) => gateway.events.findLast((event) => event.type === type);

describe('a flow id', () => {
  it('joins the first challenge, the registration, the authorization, the token and the first call', async () => {
    const { url } = gateway;
    const challenge = await send(`${url}/mcp`, { headers: agent });
    const discoveryId = flowOf(challenge);
    expect(lastOf('resource.refused')).toMatchObject({ flowId: discoveryId, status: 401 });

    const client = await createOAuthClient(url, {}, `${url}/mcp`);
    const registered = await postJson(`${url}/oauth/register`, { redirect_uris: ['http://127.0.0.1/cb'] }, agent);
    expect(flowOf(registered)).toBe(discoveryId);
    expect(lastOf('client.registered')).toMatchObject({ flowId: discoveryId });

    const page = await createBrowser().get(client.authorizeUrl());
    const flowId = lastOf('authorization.started')?.flowId;
    expect(lastOf('authorization.started')).toMatchObject({ clientId: client.clientId, resource: `${url}/mcp` });
    expect(page.redirects.concat(page).map(flowOf)).toContain(flowId);

    const code = await client.login(createBrowser());
    const login = lastOf('authorization.started')?.flowId;
    expect(lastOf('consent.granted')).toMatchObject({ flowId: login });
    const token = await client.redeem(code, {}, agent);
    expect(flowOf(token)).toBe(login);
    expect(lastOf('token.issued')).toMatchObject({ flowId: login, discoveryId, clientId: client.clientId });

    const headers = { ...agent, ...bearer(String(token.json?.access_token)) };
    expect((await send(`${url}/mcp`, { headers })).status).toBe(200);
    expect(lastOf('resource.admitted')).toMatchObject({ flowId: login, discoveryId, clientId: client.clientId });
    const admitted = () => gateway.events.filter(({ type }) => type === 'resource.admitted').length;
    const before = admitted();
    await send(`${url}/mcp`, { headers });
    expect(admitted()).toBe(before);
  });

  it('is the same on an error page, on its answer, in its event and in the log', async () => {
    const page = await createBrowser().get(`${gateway.url}/oauth/authorize?client_id=nobody&response_type=code`);
    const flowId = flowOf(page);
    expect(page.status).toBe(400);
    expect(page.text).toContain(String(flowId));
    expect(lastOf('authorization.refused')).toMatchObject({ flowId });
    expect(logged.at(-1)).toMatchObject({ message: 'authorization.refused', details: { flowId } });
  });

  it('stands on a refused token request and in its event', async () => {
    const answer = await postForm(`${gateway.url}/oauth/token`, { grant_type: 'refresh_token', client_id: 'nobody' });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(lastOf('token.refused')).toMatchObject({ flowId: flowOf(answer) });
  });

  it('of a refused call is that of its token', async () => {
    const client = await createOAuthClient(gateway.url, {}, `${gateway.url}/mcp`);
    const { json } = await client.redeem(await client.login(createBrowser()));
    await gateway.auth.revoke({ clientId: client.clientId });
    const headers = { ...agent, ...bearer(String(json?.access_token)) };
    const answer = await send(`${gateway.url}/mcp`, { headers });
    expect(answer.status).toBe(401);
    expect(lastOf('resource.refused')).toMatchObject({ flowId: flowOf(answer) });
  });

  it('may be read by browser clients (Fetch, CORS)', async () => {
    const answer = await postForm(
      `${gateway.url}/oauth/token`,
      { grant_type: 'none' },
      { origin: 'https://a.example' },
    );
    expect(answer.headers.get('access-control-expose-headers')?.toLowerCase()).toContain('x-flow-id');
  });

  it('is not on public documents, which are the same for everybody', async () => {
    for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/oauth-protected-resource/mcp'])
      expect(flowOf(await send(`${gateway.url}${path}`))).toBeNull();
  });
});

describe('the flow id of a caller', () => {
  const request = (address: string, userAgent: string) =>
    ({ ip: address, headers: { 'user-agent': userAgent }, socket: {} }) as never;

  it('is the same for one client on every replica, and another for another client, hour or secret', () => {
    let now = 0;
    const flow = createCallerFlow('a secret of the tests', () => now);
    const first = flow(request('192.0.2.1', 'a'));
    expect(createCallerFlow('a secret of the tests', () => now)(request('192.0.2.1', 'a'))).toBe(first);
    const others = [request('192.0.2.2', 'a'), request('192.0.2.1', 'b')].map(flow);
    others.push(createCallerFlow('another secret', () => now)(request('192.0.2.1', 'a')));
    now = 3_600_000;
    others.push(flow(request('192.0.2.1', 'a')));
    expect(new Set([first, ...others]).size).toBe(5);
  });
});
