import type { IncomingMessage } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type AuthenticatedRequest, StorageUnavailableError } from '../../lib/index.ts';
import { createBrowser } from '../helpers/browser.ts';
import { createOAuthClient, type OAuthClient, send } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

let gateway: ObservedGateway;
let client: OAuthClient;
let accessToken: string;
let refreshToken: string;
/** Every request that reached the handler. */
const seen: AuthenticatedRequest[] = [];

beforeAll(async () => {
  gateway = await startObservedGateway({
    options: () => ({ gateway: { tokenCacheSeconds: 60 } }),
    routes: (app, auth) =>
      void app.all('/mcp', auth.authenticate('/mcp'), (req, res) => {
        seen.push(req as IncomingMessage as AuthenticatedRequest);
        res.json({ ok: true });
      }),
  });
  client = await createOAuthClient(gateway.url);
});
afterAll(() => gateway.close());
beforeEach(async () => {
  const { json } = await client.redeem(await client.login(createBrowser(), {}, { name: 'Ann', roles: 'admin, ops' }));
  accessToken = String(json?.access_token);
  refreshToken = String(json?.refresh_token);
  seen.length = 0;
});
afterEach(() => {
  jest.restoreAllMocks();
});

const call = (headers: Record<string, string> = {}, token = accessToken) =>
  gateway.observe(() => send(`${gateway.url}/mcp`, { headers: { authorization: `Bearer ${token}`, ...headers } }));

describe('what a handler sees', () => {
  it('is req.auth with exactly the members of AuthInfo, and no usable token (MCP TypeScript SDK)', async () => {
    await call();

    expect(seen[0]?.auth).toEqual({
      token: expect.stringMatching(/^grant:[\w-]+$/),
      clientId: client.clientId,
      scopes: ['mcp:tools'],
      expiresAt: expect.any(Number),
      resource: new URL(`${gateway.url}/mcp`),
      extra: { sub: 'Ann', iss: `${gateway.url}/oauth/dev-login`, roles: ['admin', 'ops'] },
    });
    expect(seen[0]?.auth.expiresAt).toBeGreaterThan(Date.now() / 1000 + 800);
    expect(seen[0]?.auth.expiresAt).toBeLessThanOrEqual(Date.now() / 1000 + 900);
  });

  it('is req.user with the identity and its roles', async () => {
    await call();

    expect(seen[0]?.user).toEqual({
      sub: 'Ann',
      iss: `${gateway.url}/oauth/dev-login`,
      data: { name: 'Ann', roles: ['admin', 'ops'], clientId: client.clientId },
    });
  });

  it('holds the bearer nowhere: not in headers, nor in rawHeaders, nor in req.auth (MCP 2026-07-28, Token Passthrough)', async () => {
    await call({ 'x-other': 'stays' });

    const [req] = seen as [AuthenticatedRequest];
    expect(req.headers).not.toHaveProperty('authorization');
    expect(req.headers['x-other']).toBe('stays');
    expect(req.rawHeaders).toContain('x-other');
    expect(JSON.stringify([req.headers, req.rawHeaders, req.auth, req.user])).not.toContain(accessToken);
  });

  it('holds none of the cookies of this library, and all others as they came', async () => {
    const browser = createBrowser();
    await client.login(browser);
    const ours = browser.cookies(gateway.url).map(({ name, value }) => `${name}=${value}`);
    expect(ours.length).toBeGreaterThan(0);

    await call({
      cookie: ['theirs=1', ...ours, 'sid=a=b', 'mcp_session=x', '__Host-mcp_login_tag_x=y', 'mcp=z'].join('; '),
    });

    const [req] = seen as [AuthenticatedRequest];
    expect(req.headers.cookie).toBe('theirs=1; sid=a=b; mcp=z');
    expect(req.rawHeaders[req.rawHeaders.indexOf('cookie') + 1]).toBe('theirs=1; sid=a=b; mcp=z');
  });

  it('holds no Cookie header where all cookies were this library’s', async () => {
    await call({ cookie: 'mcp_session_tag=x; mcp_session_tag.sig=y' });

    const [req] = seen as [AuthenticatedRequest];
    expect(req.headers).not.toHaveProperty('cookie');
    expect(req.rawHeaders.map((text) => text.toLowerCase())).not.toContain('cookie');
  });

  it('is a copy of its own: a handler that changes it changes nothing for the next request', async () => {
    await call();
    const [{ auth, user }] = seen as [AuthenticatedRequest];
    auth.scopes.push('mcp:admin');
    (user.data.roles as string[]).push('root');
    Object.assign(user.data, { name: 'Eve' });

    await call();

    expect(seen[1]?.auth.scopes).toEqual(['mcp:tools']);
    expect(seen[1]?.user.data).toMatchObject({ name: 'Ann', roles: ['admin', 'ops'] });
  });
});

describe('a remembered token', () => {
  it('is checked against the store once, however many requests bring it', async () => {
    const read = jest.spyOn(gateway.storage, 'get');

    for (let index = 0; index < 5; index += 1) expect((await call()).answer.status).toBe(200);

    expect(read.mock.calls.filter(([kind]) => kind === 'AccessToken')).toHaveLength(1);
  });

  it('is checked once for requests that arrive together', async () => {
    const read = jest.spyOn(gateway.storage, 'get');

    const answers = await Promise.all(Array.from({ length: 10 }, () => call()));

    expect(answers.map(({ answer }) => answer.status)).toEqual(Array(10).fill(200));
    expect(read.mock.calls.filter(([kind]) => kind === 'AccessToken')).toHaveLength(1);
  });

  it.each([
    ['refresh token', () => refreshToken],
    ['access token', () => accessToken],
  ])('ends at once where its %s is revoked in this process (RFC 7009 section 2.1)', async (_which, token) => {
    expect((await call()).answer.status).toBe(200);

    await client.revoke(token());

    const { answer, events } = await call();
    expect([answer.status, answer.json?.error, events]).toEqual([401, 'invalid_token', ['resource.refused: unknown']]);
    expect(seen).toHaveLength(1);
  });

  it('is not brought back by a check that was under way during the revocation (CWE-367)', async () => {
    const { get } = gateway.storage;
    let arrived = () => {};
    let release = () => {};
    const reading = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const revoked = new Promise<void>((resolve) => {
      release = resolve;
    });
    // The token's record is read, and its grant's; then, before the check ends, the revocation.
    jest.spyOn(gateway.storage, 'get').mockImplementation(async (kind, id) => {
      const record = await get(kind, id);
      if (kind !== 'Identity') return record;
      arrived();
      await revoked;
      return record;
    });

    const early = call();
    await reading;
    await client.revoke(accessToken);
    release();
    await early;

    expect((await call()).answer.status).toBe(401);
  });

  it('ends with its lifetime, though it would be remembered longer', async () => {
    expect((await call()).answer.status).toBe(200);
    const now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now + 901_000);

    expect((await call()).answer.status).toBe(401);
  });

  it('is read anew after tokenCacheSeconds: a revocation elsewhere takes no longer', async () => {
    expect((await call()).answer.status).toBe(200);
    const read = jest.spyOn(gateway.storage, 'get');
    const now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now + 61_000);

    expect((await call()).answer.status).toBe(200);
    expect(read.mock.calls.filter(([kind]) => kind === 'AccessToken')).toHaveLength(1);
  });
});

it.each([
  ['Grant', 'grant_ended'],
  ['Identity', 'user_unknown'],
])('a token whose %s is gone from the store is answered 401: no check passes a dead grant', async (gone, reason) => {
  const { get } = gateway.storage;
  jest
    .spyOn(gateway.storage, 'get')
    .mockImplementation(async (kind, id) => (kind === gone ? undefined : get(kind, id)));

  const { answer, events } = await call();

  expect([answer.status, answer.json?.error]).toEqual([401, 'invalid_token']);
  expect(events).toEqual([`resource.refused: ${reason}`]);
  expect(seen).toEqual([]);
});

describe('while the store does not answer', () => {
  it.each(['AccessToken', 'Grant', 'Identity'])(
    'a token whose %s cannot be read gets 503 with Retry-After, never 401 (F-15)',
    async (broken) => {
      const { get } = gateway.storage;
      jest.spyOn(gateway.storage, 'get').mockImplementation(async (kind, id) => {
        if (kind === broken) throw new StorageUnavailableError('the store is gone');
        return get(kind, id);
      });

      const { answer, events } = await call();

      expect(answer).toMatchObject({ status: 503, json: { error: 'temporarily_unavailable' } });
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(answer.headers.get('www-authenticate')).toBeNull();
      expect(answer.headers.get('content-type')).toMatch(/^application\/json\b/);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.text).not.toContain('gone');
      expect(events).toEqual([expect.stringMatching(/^storage\.unavailable: .*the store is gone$/)]);
      expect(seen).toEqual([]);
    },
  );

  it('works again with the first request after it is back, and nothing of the outage is remembered (F-17)', async () => {
    const outage = jest.spyOn(gateway.storage, 'get').mockRejectedValue(new StorageUnavailableError('gone'));
    expect((await call()).answer.status).toBe(503);

    outage.mockRestore();

    expect((await call()).answer.status).toBe(200);
  });

  it('a malformed token is still answered 401: no store is needed for that', async () => {
    jest.spyOn(gateway.storage, 'get').mockRejectedValue(new StorageUnavailableError('gone'));

    expect((await call({}, 'a b')).answer.status).toBe(401);
    expect((await gateway.observe(() => send(`${gateway.url}/mcp`))).answer.status).toBe(401);
  });

  it('auth.verify rejects with the outage, not with invalid_token', async () => {
    jest.spyOn(gateway.storage, 'get').mockRejectedValue(new StorageUnavailableError('gone'));

    await expect(gateway.auth.verify(accessToken, '/mcp')).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});
