import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { sqliteStorage } from '../../lib/index.ts';
import { type Browser, createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { createOAuthClient, type OAuthClient, postJson, send } from '../helpers/oauth-client.ts';
import { bearer } from '../helpers/protected-server.ts';

/** What a process leaves behind when it ends: the file, and what browser and client hold. */
describe.each([
  { secret: 'a secret of the app, the same at every start', keys: 'a secret of the app' },
  { secret: undefined, keys: 'a secret generated into the store' },
])('after a restart on the same file, with $keys', ({ secret }) => {
  let directory: string;
  let stop: () => Promise<void>;
  let gateway: Gateway;
  let browser: Browser;
  let client: OAuthClient;

  async function start(port = 0): Promise<void> {
    const storage = sqliteStorage(join(directory, 'oauth.sqlite'));
    gateway = await startGateway({
      port,
      // The helper has a secret of its own; here leaving it out is the case.
      options: () => ({ storage, secret }) as { storage: typeof storage; secret: string },
      routes: (app, auth) =>
        void app.all(
          '/mcp',
          auth.authenticate('/mcp'),
          (req, res) => void res.json((req as never as { user: unknown }).user),
        ),
    });
    stop = async () => {
      await gateway.close();
      await storage.close();
    };
  }

  async function restart(): Promise<void> {
    const port = Number(new URL(gateway.url).port);
    await stop();
    await start(port);
  }

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'restart-'));
    await start();
    client = await createOAuthClient(gateway.url);
    browser = createBrowser();
  });
  afterAll(async () => {
    await stop();
    await rm(directory, { recursive: true });
  });
  afterEach(() => {
    expect(gateway.events.filter(({ type }) => type === 'server.error')).toEqual([]);
  });

  async function signIn(inBrowser = createBrowser()) {
    const code = await client.login(inBrowser);
    const { json } = await client.redeem(code);
    return { code, accessToken: String(json?.access_token), refreshToken: String(json?.refresh_token) };
  }

  const jwks = async () => (await send(`${gateway.url}/oauth/jwks`)).json;
  const call = (token: string) => postJson(`${gateway.url}/mcp`, {}, bearer(token));

  it('keeps the signing keys', async () => {
    const before = await jwks();
    expect(before?.keys).toHaveLength(1);
    await restart();
    expect(await jwks()).toEqual(before);
  });

  it('knows the registered client and the browser: the second authorization asks for no sign-in', async () => {
    await signIn(browser);
    await restart();
    const stopAt = (url: string) => url.startsWith(client.redirectUri);
    const page = await browser.get(client.authorizeUrl(), { stopAt });
    expect(page.text).toContain('Signed in as alice');

    const answered = await browser.submit(page, 'decision', { decision: 'approve' }, { stopAt });
    expect([...answered.redirects, answered].filter(({ url }) => url.includes('/oauth/dev-login'))).toEqual([]);
    const { status } = await client.redeem(new URL(answered.location ?? '').searchParams.get('code') ?? '');
    expect(status).toBe(200);
  });

  it('accepts the access token and the refresh token, who they are for included', async () => {
    const { accessToken, refreshToken } = await signIn();
    await restart();
    expect((await call(accessToken)).json).toMatchObject({ sub: 'alice', data: { clientId: client.clientId } });

    const { status, json } = await client.refresh(refreshToken);
    expect(status).toBe(200);
    expect((await call(String(json?.access_token))).json).toMatchObject({ sub: 'alice' });
    expect(json?.refresh_token).not.toBe(refreshToken);
  });

  it('redeems a code that was given out before', async () => {
    const code = await client.login(createBrowser());
    await restart();
    expect((await client.redeem(code)).status).toBe(200);
  });

  it('refuses a code redeemed before and ends what it gave (RFC 6749 section 4.1.2)', async () => {
    const { code, accessToken } = await signIn();
    await restart();
    expect((await call(accessToken)).status).toBe(200);

    const { status, json } = await client.redeem(code);
    expect([status, json?.error]).toEqual([400, 'invalid_grant']);
    expect((await call(accessToken)).status).toBe(401);
  });

  it('refuses a refresh token rotated before (RFC 9700 section 4.14.2)', async () => {
    const { refreshToken } = await signIn();
    const successor = String((await client.refresh(refreshToken)).json?.refresh_token);
    const head = String((await client.refresh(successor)).json?.refresh_token);
    await restart();
    expect((await client.refresh(refreshToken)).json?.error).toBe('invalid_grant');
    expect((await client.refresh(head)).json?.error).toBe('invalid_grant');
  });

  it('goes on with a login that was under way', async () => {
    const stopAt = (url: string) => url.startsWith(client.redirectUri);
    const person = createBrowser();
    const approval = await person.get(client.authorizeUrl(), { stopAt });
    await restart();
    const devLogin = await person.submit(approval, 'decision', { decision: 'approve' }, { stopAt });
    await restart();
    const answered = await person.submit(devLogin, 'name', { name: 'carol' }, { stopAt });
    const code = new URL(answered.location ?? '').searchParams.get('code') ?? '';
    const { json } = await client.redeem(code);
    expect((await call(String(json?.access_token))).json).toMatchObject({ sub: 'carol' });
  });
});
