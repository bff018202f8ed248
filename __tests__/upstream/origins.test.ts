import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import express from 'express';
import { type McpOAuth, mcpOAuth, memoryStorage, userOAuth } from '../../lib/index.ts';
import { type Browser, createBrowser } from '../helpers/browser.ts';
import { createOAuthClient } from '../helpers/oauth-client.ts';
import { type OAuthUpstream, startOAuthUpstream } from '../helpers/oauth-upstream.ts';
import { connect, linkIn, rpc, whoAmI } from './support.ts';

let upstream: OAuthUpstream;
let auth: McpOAuth;
const server = createServer();
/** Two issuers of one instance, over one store. */
let origins: readonly [string, string];

/** One person, whom the app knows at both. */
const browser: Browser = createBrowser({ headers: { 'x-user': 'alice' } });

beforeAll(async () => {
  upstream = await startOAuthUpstream();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  origins = [`http://127.0.0.1:${port}`, `http://localhost:${port}`];
  auth = mcpOAuth({
    origins,
    login: { url: '/login', authenticate: async (req) => ({ sub: String(req.headers['x-user']) }) },
    storage: memoryStorage(),
    secret: 'a secret of the tests, long enough for everyone',
  });
  const app = express();
  app.use(auth);
  const files = userOAuth({ id: 'files', displayName: 'Files', connect: 'on-demand' });
  app.use(auth.proxy('/files', { target: upstream.url, upstream: files }));
  server.on('request', app);
});

afterAll(async () => {
  await auth?.close();
  server.closeAllConnections();
  server.close();
  await upstream?.close();
});

/** A call of alice's client at an origin. */
async function callerAt(origin: string) {
  const url = `${origin}/files`;
  const client = await createOAuthClient(origin, {}, url);
  const { json } = await client.redeem(await client.login(browser));
  return () => rpc(url, { accessToken: String(json?.access_token) }, 'tools/call', { name: 'whoami', arguments: {} });
}

test('what a person connects at one origin is neither used, shown nor ended at another, though the person is the same', async () => {
  const [one, other] = origins;
  const [callOne, callOther] = [await callerAt(one), await callerAt(other)];
  await connect(browser, linkIn((await callOne()).text), 'alice-by-one');
  expect(whoAmI(await callOne()).extra?.sub).toBe('alice-by-one');

  const asked = linkIn((await callOther()).text);
  expect(asked.startsWith(`${other}/oauth/connect/`)).toBe(true);
  const list = (origin: string) => browser.get(`${origin}/oauth/connections`);
  expect([(await list(one)).text, (await list(other)).text]).toEqual([
    expect.stringContaining('Files Connected'),
    expect.not.stringContaining('Files Connected'),
  ]);
  const form = (await list(one)).forms.find(({ fields }) => fields.decision === 'disconnect');
  await browser.post(`${other}/oauth/connections`, { ...form?.fields }, { from: await list(other) });
  expect(whoAmI(await callOne()).extra?.sub).toBe('alice-by-one');

  // To the upstream they are two clients, each with its own redirect URI.
  upstream.requests.length = 0;
  // In another browser, which is signed in nowhere else.
  await connect(createBrowser({ headers: { 'x-user': 'alice' } }), asked, 'alice-by-other');
  const [request] = upstream.requests.filter(({ url }) => url.startsWith('/auth?'));
  const parameters = new URL(request?.url ?? '', upstream.issuer).searchParams;
  expect(parameters.get('redirect_uri')).toBe(`${other}/oauth/connect/callback/files`);
  expect(upstream.requests.filter(({ url }) => url === '/reg').length).toBe(1);
  expect(whoAmI(await callOther()).extra?.sub).toBe('alice-by-other');
  expect(whoAmI(await callOne()).extra?.sub).toBe('alice-by-one');
});

test('a link of one origin opens nothing at another, and is not used up by the attempt', async () => {
  const [one, other] = origins;
  const bob = createBrowser({ headers: { 'x-user': 'bob' } });
  const client = await createOAuthClient(one, {}, `${one}/files`);
  const { json } = await client.redeem(await client.login(bob));
  const user = { accessToken: String(json?.access_token) };
  const call = () => rpc(`${one}/files`, user, 'tools/call', { name: 'whoami', arguments: {} });
  const link = linkIn((await call()).text);
  const elsewhere = await bob.get(link.replace(one, other));
  expect([elsewhere.status, elsewhere.text]).toEqual([400, expect.stringContaining('This link has expired')]);
  const page = await bob.get(link);
  const foreign = await bob.post(link.replace(one, other), { ...page.forms[0]?.fields, decision: 'connect' });
  expect(foreign.status).toBe(400);
  expect((await connect(bob, link, 'bob-by-one')).text).toContain('Files is connected');
});

test('a connection that was begun at one origin is not ended at another', async () => {
  const [one, other] = origins;
  const carol = createBrowser({ headers: { 'x-user': 'carol' } });
  for (const origin of origins) {
    const client = await createOAuthClient(origin, {}, `${origin}/files`);
    const { json } = await client.redeem(await client.login(carol));
    if (origin !== one) continue;
    const user = { accessToken: String(json?.access_token) };
    const link = linkIn((await rpc(`${one}/files`, user, 'tools/call', { name: 'whoami', arguments: {} })).text);
    const away = await carol.submit(await carol.get(link), 'decision', { decision: 'connect' });
    const stopAt = (url: string) => url.startsWith(`${one}/oauth/connect/callback`);
    const back = await carol.submit(away, 'upstreamLogin', { upstreamLogin: 'carol-by-one' }, { stopAt });
    const redeemed = upstream.tokenRequests.length;
    const astray = await carol.get(String(back.location).replace(one, other));
    expect([astray.status, upstream.tokenRequests.length]).toEqual([400, redeemed]);
    expect((await carol.get(String(back.location))).text).toContain('Files is connected');
  }
});
