import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type McpOAuthOptions, type Storage, sqliteStorage, userOAuth } from '../../lib/index.ts';
import { createKeyRing } from '../../lib/shared/key-ring.ts';
import { type Browser, createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type IdentityProvider, startIdentityProvider } from '../helpers/identity-provider.ts';
import { callbackOf, createOAuthClient, type OAuthClient, postJson, send } from '../helpers/oauth-client.ts';
import { type OAuthUpstream, startOAuthUpstream } from '../helpers/oauth-upstream.ts';
import { bearer } from '../helpers/protected-server.ts';
import { connect, linkIn, rpc, whoAmI } from '../upstream/support.ts';
import { moduleUrl, openWorkplace, type Workplace } from './workplace.ts';

const oldSecret = 'the secret of before, long enough for everyone';
const newSecret = 'the secret from now on, long enough for everyone';
const [oldKey = ''] = createKeyRing([oldSecret]).keyIds;

let workplace: Workplace;
let idp: IdentityProvider;
let upstream: OAuthUpstream;
let gateway: Gateway;
let storage: Storage;
let stop = async () => {};
/** Latest value that was written, by kind and id. */
const written = new Map<string, string>();

/** Starts the app, at the same port from the second time on. */
async function start(secret: McpOAuthOptions['secret']): Promise<void> {
  const port = gateway ? Number(new URL(gateway.url).port) : 0;
  await stop();
  storage = sqliteStorage(join(workplace.folder, 'oauth.sqlite'));
  for (const method of ['put', 'create', 'replace'] as const) {
    const original = storage[method] as (...given: unknown[]) => Promise<unknown>;
    const recording = (kind: string, id: string, ...rest: unknown[]) => {
      written.set(`${kind} ${id}`, JSON.stringify(rest));
      return original(kind, id, ...rest);
    };
    Object.assign(storage, { [method]: recording });
  }
  const { commit } = storage;
  storage.commit = async (deciding, others) => {
    for (const { kind, id, ...rest } of [deciding, ...others]) written.set(`${kind} ${id}`, JSON.stringify(rest));
    return commit?.(deciding, others) ?? false;
  };
  gateway = await startGateway({
    port,
    options: () =>
      ({
        storage,
        secret,
        oidc: { issuer: idp.issuer },
        browserLogin: { url: undefined, clientId: idp.clientId, clientSecret: idp.clientSecret, offlineAccess: true },
        gateway: { accessTokenFormat: 'jwt' },
      }) as unknown as Partial<McpOAuthOptions>,
    routes(app, auth) {
      const credential = userOAuth({ id: 'files', displayName: 'Files', connect: 'on-demand' });
      app.use(auth.proxy('/files', { target: upstream.url, upstream: credential }));
      app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => void res.json({ ok: true }));
    },
  });
  idp.redirectUris[0] = `${gateway.url}/oauth/callback`;
  stop = async () => {
    await gateway.close();
    await storage.close();
  };
}

async function signIn(client: OAuthClient, browser: Browser, resource: string) {
  const stopAt = (url: string) => url.startsWith(client.redirectUri);
  const approval = await browser.get(client.authorizeUrl({ resource }), { stopAt });
  let page = await browser.submit(approval, 'csrf', { decision: 'approve' }, { stopAt });
  if (page.location === undefined) page = await browser.submit(page, 'login', { login: 'alice' }, { stopAt });
  const { json } = await client.redeem(String(callbackOf(page).code), { resource });
  return { accessToken: String(json?.access_token), refreshToken: String(json?.refresh_token) };
}

beforeAll(async () => {
  workplace = await openWorkplace();
  idp = await startIdentityProvider({ refreshTokens: true });
  upstream = await startOAuthUpstream();
  await start(oldSecret);
});
afterAll(async () => {
  await stop();
  await upstream?.close();
  await idp?.close();
  await workplace?.remove();
});
afterEach(() => {
  expect(gateway.events.filter(({ type }) => type === 'server.error')).toEqual([]);
});

const config = (name: string, secret: string) =>
  workplace.config(
    name,
    `import { sqliteStorage } from ${moduleUrl('lib/index.ts')};
export default { issuer: '${gateway.url}', oidc: { issuer: '${idp.issuer}' }, browserLogin: { clientId: 'c', clientSecret: 's' },
  secret: ${secret}, storage: sqliteStorage('oauth.sqlite') };`,
  );

describe('express-mcp-auth keys reencrypt', () => {
  it('has nothing to do where there is one secret', async () => {
    const file = await config('one.config.ts', JSON.stringify(oldSecret));
    expect(await workplace.command('keys', 'reencrypt', '--config', file)).toMatchObject({
      exitCode: 0,
      stderr: '',
      stdout: expect.stringContaining('Encrypted anew with the current secret: 0. Left under a previous secret: 0.'),
    });
  });

  it('makes the previous secret superfluous: clients, tokens, keys and upstream connections go on without it', async () => {
    const [mcp, files] = [`${gateway.url}/mcp`, `${gateway.url}/files`];
    const client = await createOAuthClient(gateway.url, { token_endpoint_auth_method: 'client_secret_basic' });
    const [visiting, absent] = [createBrowser(), createBrowser()];
    const kept = await signIn(client, visiting, mcp);
    const filesToken = await signIn(client, visiting, files);
    await signIn(client, absent, mcp);
    const call = (user = filesToken) => rpc(files, user, 'tools/call', { name: 'whoami', arguments: {} });
    expect((await send(`${gateway.url}/oauth/client-jwks`)).status).toBe(200);
    await connect(visiting, linkIn((await call()).text), 'alice-at-files');
    expect(whoAmI(await call()).extra?.sub).toBe('alice-at-files');

    await start([newSecret, oldSecret]);
    expect((await visiting.get(client.authorizeUrl())).text).toContain('Signed in as');
    const file = await config('both.config.ts', JSON.stringify([newSecret, oldSecret]));
    const command = await workplace.command('keys', 'reencrypt', '--config', file);
    const [, resealed] = /current secret: (\d+)\. Left under a previous secret: 0\./.exec(command.stdout) ?? [];
    expect([command.exitCode, command.stderr]).toEqual([0, '']);
    expect(command.stdout).toContain('the previous secrets can be dropped once');
    // The client's secret, the signing key, two or three sign-ins with their tokens, and at the upstream registration and tokens.
    expect(Number(resealed)).toBeGreaterThanOrEqual(8);

    await start(newSecret);
    expect((await postJson(mcp, {}, bearer(kept.accessToken))).status).toBe(200);
    expect(whoAmI(await call()).extra?.sub).toBe('alice-at-files');
    const asked = idp.requests.length;
    expect((await client.refresh(kept.refreshToken)).status).toBe(200);
    expect(idp.requests.slice(asked).map(({ path }) => path)).toContain('/token'); // With the kept refresh token.
    // A browser that came by meanwhile stays signed in; one that did not signs in again.
    expect((await visiting.get(client.authorizeUrl())).text).toContain('Signed in as');
    const again = await absent.get(client.authorizeUrl());
    expect([again.status, again.text.includes('Signed in as')]).toEqual([200, false]);
    expect((await signIn(client, absent, mcp)).accessToken).not.toBe('undefined');
  });

  it('leaves nothing sealed with a previous secret but what ends by itself soon', async () => {
    const sealed = new Set<string>();
    const stale = new Set<string>();
    const isOld = (text: string) => text.includes(`"1.${oldKey}.`);
    for (const [place, text] of written) {
      const [kind = '', id = ''] = place.split(' ');
      if (isOld(text)) sealed.add(kind);
      if (isOld(JSON.stringify((await storage.get(kind, id))?.value ?? {}))) stale.add(kind);
    }
    const lasting = [
      'Client',
      'ClientKey',
      'ProviderTokens',
      'SignIn',
      'SigningKeys',
      'UpstreamClient',
      'UpstreamToken',
    ];
    expect([...sealed]).toEqual(expect.arrayContaining([...lasting, 'LoginState']));
    // Whatever else is sealed one day, it must be found by the command or end by itself.
    const endsSoon = ['LoginState', 'ConnectState', 'ConnectProof', 'RefreshAnswer'];
    expect([...stale].filter((kind) => !endsSoon.includes(kind))).toEqual([]);
  });
});
