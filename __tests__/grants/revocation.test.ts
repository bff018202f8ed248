import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createGrants } from '../../lib/grants/grants.ts';
import { type McpOAuth, mcpOAuth } from '../../lib/index.ts';
import { accountIdOf } from '../../lib/shared/identity.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { moveClock } from '../federation/clock.ts';
import { type Browser, createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { callbackOf, createOAuthClient, type OAuthClient } from '../helpers/oauth-client.ts';
import { allStores, type OpenedStore } from '../helpers/stores.ts';

const cacheSeconds = 5;
const secret = 'a secret of the tests, long enough for everyone';

describe.each(allStores)('grants in %s', (_name, open) => {
  let store: OpenedStore;
  let gateway: Gateway;
  let elsewhere: McpOAuth;
  let clients: readonly [OAuthClient, OAuthClient];

  beforeAll(async () => {
    store = await open();
    gateway = await startGateway({
      options: () => ({ storage: store.replicas[0], secret, gateway: { tokenCacheSeconds: cacheSeconds } }),
      routes: (app, auth) => void app.use(auth.authenticate('/mcp')),
    });
    elsewhere = mcpOAuth({
      issuer: gateway.url,
      browserLogin: { url: `${gateway.url}/oauth/dev-login` },
      storage: store.replicas[1],
      secret,
      gateway: { tokenCacheSeconds: cacheSeconds },
    });
    elsewhere.authenticate('/mcp');
    clients = [await createOAuthClient(gateway.url), await createOAuthClient(gateway.url)];
  });
  afterEach(() => void jest.useRealTimers());
  afterAll(async () => {
    await elsewhere?.close();
    await gateway?.close();
    await store?.close();
  });

  const idp = () => `${gateway.url}/oauth/dev-login`;

  async function tokensOf(name: string, client = clients[0]): Promise<{ access: string; refresh: string }> {
    const answer = await client.redeem(await client.login(createBrowser(), {}, { name }));
    return { access: String(answer.json?.access_token), refresh: String(answer.json?.refresh_token) };
  }

  const works = (token: string, at: McpOAuth = gateway.auth) =>
    at.verify(token, '/mcp').then(
      () => true,
      () => false,
    );

  it('of a user end, and no other’s; at once here, elsewhere within tokenCacheSeconds (RFC 7009 section 2.1)', async () => {
    const [alice, again, bob] = [await tokensOf('alice'), await tokensOf('alice', clients[1]), await tokensOf('bob')];
    expect([await works(alice.access), await works(alice.access, elsewhere)]).toEqual([true, true]);

    expect(await gateway.auth.revoke({ sub: 'alice' })).toEqual({ grants: 2 });
    expect([await works(alice.access), await works(again.access), await works(bob.access)]).toEqual([
      false,
      false,
      true,
    ]);
    expect((await clients[0].refresh(alice.refresh)).json?.error).toBe('invalid_grant');
    moveClock(cacheSeconds + 1);
    expect([await works(alice.access, elsewhere), await works(bob.access, elsewhere)]).toEqual([false, true]);
    expect(await gateway.auth.revoke({ sub: 'alice' })).toEqual({ grants: 0 });
    expect(await gateway.auth.revoke({ sub: 'bob' })).toEqual({ grants: 1 });
  });

  it('of a client, of a user at a client and of an identity provider end', async () => {
    const first = await tokensOf('carol');
    const second = await tokensOf('carol', clients[1]);
    const other = await tokensOf('dave');

    expect(await gateway.auth.revoke({ sub: 'carol', idp: idp(), clientId: clients[0].clientId })).toEqual({
      grants: 1,
    });
    expect([await works(first.access), await works(second.access), await works(other.access)]).toEqual([
      false,
      true,
      true,
    ]);
    expect(await gateway.auth.revoke({ clientId: clients[1].clientId })).toEqual({ grants: 1 });
    expect([await works(second.access), await works(other.access)]).toEqual([false, true]);
    expect(await gateway.auth.revoke({ sub: 'dave', idp: 'https://another.example' })).toEqual({ grants: 0 });
    expect(await gateway.auth.revoke({ idp: 'https://another.example' })).toEqual({ grants: 0 });
    expect(await gateway.auth.revoke({ idp: idp() })).toEqual({ grants: 1 });
    expect(await works(other.access)).toBe(false);
  });

  it('take the user’s browser sessions with them, but not those of others or where one client is named (CWE-613)', async () => {
    const [grace, heidi] = [createBrowser(), createBrowser()];
    await clients[0].login(grace, {}, { name: 'grace' });
    await clients[0].login(heidi, {}, { name: 'heidi' });
    const page = async (browser: Browser) => (await browser.get(clients[1].authorizeUrl())).text;
    expect(await gateway.auth.revoke({ sub: 'grace', clientId: clients[0].clientId })).toEqual({ grants: 1 });
    expect(await page(grace)).toContain('grace');
    const open = await grace.get(clients[1].authorizeUrl());

    expect(await gateway.auth.revoke({ sub: 'grace' })).toEqual({ grants: 0 });
    const decided = await grace.submit(open, 'csrf', { decision: 'approve' }, { stopAt: (url) => url.includes(':1/') });
    expect(callbackOf(decided).code).toBeUndefined();
    expect(await page(grace)).not.toContain('grace');
    expect(await page(heidi)).toContain('heidi');
    await gateway.auth.revoke({ sub: 'heidi', idp: idp() });
    expect(await page(heidi)).not.toContain('heidi');
  });

  it('are listed page by page with client, resource, scopes and use, and ended one by one by their user only', async () => {
    const issuer = parseIssuer(gateway.url) as Issuer;
    const grants = createGrants({ storage: store.replicas[1], grantSeconds: 3600, onEnded: () => undefined });
    const accountOf = (sub: string) => accountIdOf({ iss: idp(), sub });
    const startedAt = Math.floor(Date.now() / 1000);
    const { refresh } = await tokensOf('erin');
    for (const client of [clients[1], clients[0]]) await tokensOf('erin', client);
    await tokensOf('frank');
    moveClock(1000);
    await clients[0].refresh(refresh);
    jest.useRealTimers();

    const first = await grants.list(issuer, accountOf('erin'), { limit: 2 });
    const rest = await grants.list(issuer, accountOf('erin'), { limit: 2, after: String(first.next) });
    expect([first.grants.length, rest.grants.length, rest.next]).toEqual([2, 1, undefined]);
    const all = [...first.grants, ...rest.grants];
    expect(all.map(({ clientId }) => clientId).sort()).toEqual(
      [clients[0].clientId, clients[0].clientId, clients[1].clientId].sort(),
    );
    for (const grant of all) {
      expect(grant).toMatchObject({ resource: `${gateway.url}/mcp`, scopes: ['mcp:tools'] });
      expect(grant.createdAt).toBeGreaterThanOrEqual(startedAt);
      expect(grant.expiresAt).toBeGreaterThan(grant.createdAt);
    }
    const used = all.filter(({ createdAt, lastUsedAt }) => lastUsedAt >= createdAt + 900);
    expect(used.map(({ clientId }) => clientId)).toEqual([clients[0].clientId]);

    const one = all[0]?.id as string;
    expect(await grants.end(issuer, accountOf('frank'), one)).toBe(false);
    expect(await grants.end(parseIssuer('http://127.0.0.1:9') as Issuer, accountOf('erin'), one)).toBe(false);
    expect((await grants.list(parseIssuer('http://127.0.0.1:9') as Issuer, accountOf('erin'))).grants).toEqual([]);
    expect(await grants.end(issuer, accountOf('erin'), one)).toBe(true);
    expect(await grants.end(issuer, accountOf('erin'), one)).toBe(false);
    expect((await grants.list(issuer, accountOf('erin'))).grants.map(({ id }) => id)).not.toContain(one);
    expect(await gateway.auth.revoke({ sub: 'erin' })).toEqual({ grants: 2 });
  });
});

describe('a selection', () => {
  it.each([
    [{}],
    [{ sub: '' }],
    [{ sub: undefined, clientId: 'a-client' }],
    [{ sub: 'alice', client: 'a-client' }],
    [undefined],
  ])('of nothing certain ends nothing: %j is refused', async (selection) => {
    const gateway = await startGateway();
    try {
      await expect(gateway.auth.revoke(selection as never)).rejects.toThrow(TypeError);
    } finally {
      await gateway.close();
    }
  });
});
