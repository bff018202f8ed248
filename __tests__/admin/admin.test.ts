import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ConfigurationError, type McpOAuthEvent, memoryStorage, type Storage, userOAuth } from '../../lib/index.ts';
import { createBlocks } from '../../lib/shared/blocks.ts';
import type { Issuer } from '../../lib/shared/issuer.ts';
import { createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type Answer, createOAuthClient, postJson, send } from '../helpers/oauth-client.ts';
import { type OAuthUpstream, startOAuthUpstream } from '../helpers/oauth-upstream.ts';
import { bearer } from '../helpers/protected-server.ts';

const secret = 'a secret of the tests, long enough for everyone';
const storage: Storage = memoryStorage();
let gateway: Gateway;
/** Another replica on the same store. */
let replica: Gateway;
let upstream: OAuthUpstream;
let actor: string | undefined = 'ada';

beforeAll(async () => {
  upstream = await startOAuthUpstream();
  gateway = await startGateway({
    options: () => ({
      storage,
      secret,
      gateway: { tokenCacheSeconds: 0 },
      clients: [
        {
          client_id: 'fixed',
          client_name: 'The fixed one',
          client_secret: 'x'.repeat(32),
          redirect_uris: ['https://a.example/cb'],
        },
      ],
    }),
    routes(app, auth) {
      app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({ ok: true }));
      app.use(
        auth.proxy('/files', { target: upstream.url, upstream: userOAuth({ id: 'files', displayName: 'Files' }) }),
      );
      const offered = userOAuth({ id: 'offered', displayName: 'Offered', connect: 'offered' });
      app.use(auth.proxy('/offered', { target: upstream.url, upstream: offered }));
      app.use('/admin', auth.admin({ guard: async () => actor }));
    },
  });
  replica = await startGateway({
    options: () => ({ issuer: gateway.url, browserLogin: { url: `${gateway.url}/oauth/dev-login` }, storage, secret }),
    routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({ ok: true })),
  });
});
beforeEach(() => {
  actor = 'ada';
});
afterAll(async () => {
  await replica.close();
  await gateway.close();
  await upstream.close();
});

const get = (path: string) => send(`${gateway.url}/admin${path}`);
const remove = (path: string) => send(`${gateway.url}/admin${path}`, { method: 'DELETE' });
const post = (path: string, body: unknown = {}) => postJson(`${gateway.url}/admin${path}`, body);
const itemsOf = ({ json }: Answer) => json?.items as Record<string, unknown>[];
const acted = (act: string) =>
  gateway.events.filter(
    (event): event is Extract<McpOAuthEvent, { type: 'admin.acted' }> =>
      event.type === 'admin.acted' && event.act === act,
  );

async function signIn(name: string) {
  const client = await createOAuthClient(gateway.url, { client_name: `Editor of ${name}` }, `${gateway.url}/mcp`);
  const { json } = await client.redeem(await client.login(createBrowser(), {}, { name }));
  const headers = bearer(String(json?.access_token));
  const call = () => send(`${gateway.url}/mcp`, { headers });
  return { client, call, headers, refreshToken: String(json?.refresh_token) };
}

const userId = async (name: string) => String(itemsOf(await get(`/users?search=${name}`))[0]?.id);

describe('auth.admin()', () => {
  it('is not mounted without a guard', () => {
    for (const options of [undefined, {}, { guard: true }]) {
      expect(() => gateway.auth.admin(options as never)).toThrow(ConfigurationError);
      expect(() => gateway.auth.admin(options as never)).toThrow(/guard|options/);
    }
    expect(() => gateway.auth.admin({ guard: () => 'x', page: false } as never)).toThrow('page: is not an option');
  });

  it('asks the guard for everything, and refuses whom it does not name', async () => {
    for (const name of [undefined, '', ' ', 'x'.repeat(300)]) {
      actor = name;
      for (const path of ['/', '/clients', '/openapi.json', '/nothing']) expect((await get(path)).status).toBe(403);
      expect((await post('/keys/rotate')).status).toBe(403);
    }
    expect(gateway.events.at(-1)).toMatchObject({ type: 'admin.refused', reason: 'guard' });
    expect(acted('keys.rotated')).toEqual([]);
  });

  it('describes itself with OpenAPI, every operation once', async () => {
    const { json } = await get('/openapi.json');
    expect(json).toMatchObject({ openapi: '3.1.0', servers: [{ url: '/admin' }] });
    const paths = json?.paths as Record<
      string,
      Record<string, { operationId: string; parameters?: { name: string }[] }>
    >;
    const operations = Object.values(paths).flatMap((path) => Object.values(path));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const [path, methods] of Object.entries(paths)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const { parameters = [] } of Object.values(methods))
        expect(parameters.map(({ name }) => name)).toEqual(expect.arrayContaining(named));
      const concrete = path.replace(/\{\w+\}/g, 'none');
      if (methods.get) expect((await get(concrete)).status).toBe(200);
    }
  });

  it('answers what it does not know with 404, other methods with 405, wrong parameters with 400', async () => {
    expect((await get('/nothing')).status).toBe(404);
    expect((await remove('/grants/none')).status).toBe(404);
    expect((await remove('/blocks/none')).status).toBe(404);
    expect((await post('/users/none/revoke')).status).toBe(404);
    const wrong = await remove('/clients');
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET']);
    for (const query of ['limit=0', 'limit=101', 'cursor=%00', `search=${'x'.repeat(201)}`])
      expect((await get(`/clients?${query}`)).status).toBe(400);
    for (const body of [{}, { type: 'planet', value: 'x' }, { type: 'cimd-host', value: 'a.example/path' }, '[1]', '{'])
      expect((await post('/blocks', body)).status).toBe(400);
    expect((await get('/%ff')).status).toBe(400);
    expect((await remove('/grants/%00')).status).toBe(400);
  });
});

describe('the lists', () => {
  it('go page by page with a cursor, each item once, and find by text', async () => {
    const names = ['carol', 'dave', 'erin', 'frank'];
    for (const name of names) await signIn(name);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { json } = await get(`/users?limit=2${cursor && `&cursor=${cursor}`}`);
      const items = json?.items as { sub: string }[];
      expect(items.length).toBeLessThanOrEqual(2);
      seen.push(...items.map(({ sub }) => sub));
      cursor = String(json?.next ?? '');
    } while (cursor);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(names));
    expect(itemsOf(await get('/users?search=FRANK')).map(({ sub }) => sub)).toEqual(['frank']);
    const clients = itemsOf(await get('/clients?search=Editor of erin'.replaceAll(' ', '%20')));
    expect(clients.map(({ name }) => name)).toEqual(['Editor of erin']);
    expect(itemsOf(await get('/clients'))[0]).toMatchObject({ id: 'fixed', kind: 'configured' });
  });

  it('hold no secret and no token', async () => {
    const { refreshToken, headers } = await signIn('grace');
    for (const path of ['/clients', '/users', '/grants', '/connections', '/keys', '/blocks', '/counters', '/']) {
      const { text } = await get(path);
      for (const value of [refreshToken, headers.authorization.slice(7), 'x'.repeat(32)])
        expect(text).not.toContain(value);
      expect(text).not.toContain('"d":');
    }
  });

  it('show grants by user and by client, and signing keys with their state', async () => {
    const { client } = await signIn('heidi');
    const user = await userId('heidi');
    const expected = { user, clientId: client.clientId, resource: `${gateway.url}/mcp`, scopes: ['mcp:tools'] };
    for (const query of [`user=${user}`, `client=${client.clientId}`, `search=${client.clientId}`])
      expect(itemsOf(await get(`/grants?${query}`))).toEqual([expect.objectContaining(expected)]);
    expect(itemsOf(await get('/keys'))).toEqual([expect.objectContaining({ state: 'signs', alg: 'ES256' })]);
  });

  it('count the events of this process', async () => {
    const { events } = (await get('/counters')).json as { events: Record<string, number> };
    expect(events['token.issued']).toBeGreaterThan(0);
  });
});

describe('acts', () => {
  it('end a grant at once, with the actor in the event', async () => {
    const { client, call } = await signIn('ivan');
    expect((await call()).status).toBe(200);
    const [grant] = itemsOf(await get(`/grants?client=${client.clientId}`));
    actor = 'bob';
    expect((await remove(`/grants/${encodeURIComponent(String(grant?.id))}`)).json).toEqual({ done: true });
    expect((await call()).status).toBe(401);
    expect(acted('grant.ended').at(-1)).toMatchObject({ actor: 'bob', target: grant?.id, outcome: 'allowed' });
  });

  it('revoke a user: calls, refreshes and the browser session', async () => {
    const { client, call, refreshToken } = await signIn('judy');
    const user = await userId('judy');
    expect((await post(`/users/${user}/revoke`)).json).toEqual({ grants: 1 });
    expect((await call()).status).toBe(401);
    expect((await client.refresh(refreshToken)).status).toBe(400);
    expect(acted('user.revoked').at(-1)).toMatchObject({ actor: 'ada', target: user });
  });

  it('remove a registration: its tokens end, and it is unknown at the authorization endpoint', async () => {
    const { client, call } = await signIn('kim');
    expect((await remove(`/clients/${client.clientId}`)).json).toEqual({ grants: 1 });
    expect((await call()).status).toBe(401);
    const page = await createBrowser().get(client.authorizeUrl());
    expect(page.status).toBe(400);
    expect(itemsOf(await get(`/clients?search=${client.clientId}`))).toEqual([]);
  });

  it('end a connection to an upstream', async () => {
    const { json } = await get('/connections');
    expect(json).toEqual({ items: [], next: null });
    const user = await userId('carol');
    expect((await remove(`/connections/${user}/files`)).status).toBe(404);
  });

  it('rotate the signing key once: the next one is on its way', async () => {
    expect((await post('/keys/rotate')).json).toEqual({ rotated: true });
    expect((await post('/keys/rotate')).json).toEqual({ rotated: false });
    const states = itemsOf(await get('/keys')).map(({ state }) => state);
    expect(states).toEqual(['next', 'signs']);
    expect(acted('keys.rotated')).toHaveLength(2);
  });
});

describe('a block', () => {
  const unblockAll = async () => {
    for (const { id } of itemsOf(await get('/blocks'))) await remove(`/blocks/${encodeURIComponent(String(id))}`);
  };

  it('of a client ends its tokens, on another replica too, and refuses it at authorize and token', async () => {
    const { client, call, headers, refreshToken } = await signIn('leo');
    const elsewhere = () => send(`${replica.url}/mcp`, { headers: { ...headers, host: new URL(gateway.url).host } });
    expect((await elsewhere()).status).toBe(200);
    const blocked = await post('/blocks', { type: 'client', value: client.clientId, reason: 'spam' });
    expect(blocked.json).toMatchObject({
      type: 'client',
      value: client.clientId,
      actor: 'ada',
      reason: 'spam',
      grants: 1,
    });
    expect((await call()).status).toBe(401);
    for (let tries = 0; (await elsewhere()).status === 200; tries += 1) {
      expect(tries).toBeLessThan(1000); // tokenCacheSeconds is 5.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const page = await createBrowser().get(client.authorizeUrl());
    expect(page.status).toBe(403);
    expect(page.text).toContain('unauthorized_client');
    const refused = await client.refresh(refreshToken);
    expect([refused.status, refused.json?.error]).toEqual([400, 'unauthorized_client']);
    expect(acted('block.added').at(-1)).toMatchObject({
      actor: 'ada',
      target: `client ${client.clientId}`,
      reason: 'spam',
    });
    expect(itemsOf(await get('/blocks'))).toHaveLength(1);

    await unblockAll();
    expect(acted('block.removed')).toHaveLength(1);
    expect((await createBrowser().get(client.authorizeUrl())).status).toBe(200);
  });

  it('of a user refuses the login, and says so to nobody else', async () => {
    await signIn('mallory');
    const value = await userId('mallory');
    await post('/blocks', { type: 'user', value });
    const client = await createOAuthClient(gateway.url, {}, `${gateway.url}/mcp`);
    const page = await client.authorize(createBrowser(), {}, { name: 'mallory' });
    expect([page.status, page.location]).toEqual([403, undefined]);
    expect(gateway.events.findLast(({ type }) => type === 'user.refused')).toMatchObject({ reason: 'blocked' });
    const other = await signIn('niaj');
    expect((await other.call()).status).toBe(200);
    await unblockAll();
    expect((await (await signIn('mallory')).call()).status).toBe(200);
  });

  it('of a host refuses every client with a metadata document there, without fetching it', async () => {
    await post('/blocks', { type: 'cimd-host', value: 'Evil.example' });
    const query = new URLSearchParams({ client_id: 'https://evil.example/client.json', response_type: 'code' });
    const page = await createBrowser().get(`${gateway.url}/oauth/authorize?${query}`);
    expect([page.status, page.text]).toEqual([403, expect.stringContaining('unauthorized_client')]);
    expect(gateway.events.filter(({ type }) => type === 'cimd.refused' || type === 'cimd.fetched')).toEqual([]);
    await unblockAll();
  });

  it.each(['https://evil.example:8443/client.json', 'https://evil.example./client.json'])(
    'of a host holds for each spelling and port of it: %s',
    async (clientId) => {
      await post('/blocks', { type: 'cimd-host', value: 'Evil.example' });
      const query = new URLSearchParams({ client_id: clientId, response_type: 'code' });
      const page = await createBrowser().get(`${gateway.url}/oauth/authorize?${query}`);
      expect([page.status, page.text]).toEqual([403, expect.stringContaining('unauthorized_client')]);
      await unblockAll();
    },
  );

  it('of a host with a port holds for that port alone', async () => {
    const blocks = createBlocks(memoryStorage(), 0);
    const issuer = { tag: 'tag' } as Issuer;
    await blocks.add(issuer, { type: 'cimd-host', value: 'evil.example:8443', at: 0, actor: 'ada' });
    expect(await blocks.hasClient(issuer, 'https://evil.example:8443/client.json')).toBe(true);
    expect(await blocks.hasClient(issuer, 'https://evil.example/client.json')).toBe(false);
  });

  it('of a user ends a login that waits for a service to be connected', async () => {
    const browser = createBrowser();
    const client = await createOAuthClient(gateway.url, {}, `${gateway.url}/offered`);
    const waiting = await client.authorize(browser, {}, { name: 'olivia' });
    expect(waiting.text).toContain('Connect your accounts');
    await post('/blocks', { type: 'user', value: await userId('olivia') });
    const page = await browser.submit(
      waiting,
      waiting.forms.length - 1,
      { decision: 'continue' },
      { stopAt: () => false },
    );
    expect([page.status, page.location]).toEqual([400, undefined]);
    await unblockAll();
  });

  it('stops a token whose grant nobody looks up', async () => {
    const jwt = await startGateway({
      options: () => ({
        secret,
        gateway: { accessTokenFormat: 'jwt', jwtRevocationCheck: false, tokenCacheSeconds: 0 },
      }),
      routes(app, auth) {
        app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({ ok: true }));
        app.use('/admin', auth.admin({ guard: () => 'ada' }));
      },
    });
    const client = await createOAuthClient(jwt.url, {}, `${jwt.url}/mcp`);
    const { json } = await client.redeem(await client.login(createBrowser()));
    const call = () => send(`${jwt.url}/mcp`, { headers: bearer(String(json?.access_token)) });
    expect((await call()).status).toBe(200);
    await postJson(`${jwt.url}/admin/blocks`, { type: 'client', value: client.clientId });
    expect((await call()).status).toBe(401);
    expect(jwt.events.findLast(({ type }) => type === 'resource.refused')).toMatchObject({ reason: 'blocked' });
    await jwt.close();
  });
});

describe('a request that a page elsewhere may have sent', () => {
  it.each([
    ['a foreign Origin', { origin: 'https://evil.example' }],
    ['the opaque Origin', { origin: 'null' }],
    ['another site’s fetch', { 'sec-fetch-site': 'cross-site' }],
    ['a sibling site’s fetch', { 'sec-fetch-site': 'same-site' }],
    ['a cookie without Origin', { cookie: 'session=1' }],
  ])('changes nothing: %s (CSRF)', async (_what, headers) => {
    const before = acted('keys.rotated').length;
    const answer = await postJson(`${gateway.url}/admin/keys/rotate`, {}, headers);
    expect(answer.status).toBe(403);
    expect(acted('keys.rotated')).toHaveLength(before);
    expect(gateway.events.at(-1)).toMatchObject({ type: 'admin.refused', actor: 'ada' });
  });

  it('is told from one of the same origin, and from one of a program', async () => {
    const { origin } = new URL(gateway.url);
    for (const headers of [{ origin, cookie: 'session=1', 'sec-fetch-site': 'same-origin' }, {}] as Record<
      string,
      string
    >[])
      expect((await postJson(`${gateway.url}/admin/keys/rotate`, {}, headers)).status).toBe(200);
  });

  it('is not taken for a fault where its form names a path that is none', async () => {
    const page = await get('/?view=keys');
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(gateway.url).origin };
    const body = new URLSearchParams({ method: 'POST', path: '/keys/%ff', csrf }).toString();
    expect((await send(`${gateway.url}/admin/?view=keys`, { headers, body })).status).toBe(400);
  });

  it('is a form without the token of its page', async () => {
    const body = new URLSearchParams({ method: 'POST', path: '/keys/rotate', csrf: 'guessed' }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(gateway.url).origin };
    expect((await send(`${gateway.url}/admin/?view=keys`, { headers, body })).status).toBe(403);
  });
});

it('answers 503 while the store does not answer', async () => {
  const { find } = storage;
  Object.assign(storage, {
    find: async () => {
      const { StorageUnavailableError } = await import('../../lib/index.ts');
      throw new StorageUnavailableError('down');
    },
  });
  const answer = await get('/users');
  Object.assign(storage, { find });
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
});
