import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { userOAuth } from '../../lib/index.ts';
import { startGateway } from '../helpers/gateway.ts';
import { startOAuthUpstream } from '../helpers/oauth-upstream.ts';
import { linkIn, rpc, signIn } from './support.ts';

const closing: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const part of closing.splice(0).reverse()) await part.close();
});

/** An upstream whose authorization server names itself in no answer, and collects the codes that it is given. */
async function startHostileUpstream() {
  const codes: (string | null)[] = [];
  const server = createServer(async (req, res) => {
    const issuer = `http://${req.headers.host}`;
    const json = (status: number, body: unknown) =>
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const body = Buffer.concat(await req.toArray()).toString();
    switch (req.url) {
      case '/.well-known/oauth-protected-resource/mcp':
        return json(200, { resource: `${issuer}/mcp`, authorization_servers: [issuer] });
      case '/.well-known/oauth-authorization-server':
        return json(200, {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          registration_endpoint: `${issuer}/register`,
          token_endpoint_auth_methods_supported: ['none'],
          code_challenge_methods_supported: ['S256'],
        });
      case '/register':
        return json(201, { client_id: 'of-the-hostile-one' });
      case '/token':
        codes.push(new URLSearchParams(body).get('code'));
        return json(200, { access_token: 'hostile', token_type: 'bearer' });
      default:
        return res.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  closing.push({
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return { url: `${origin}/mcp`, origin, codes };
}

test('a code of an honest upstream is never redeemed at the server of another (RFC 9700 section 4.4)', async () => {
  const hostile = await startHostileUpstream();
  const honest = await startOAuthUpstream();
  closing.push(honest);
  const gateway = await startGateway({
    routes(app, auth) {
      for (const [id, target] of Object.entries({ files: honest.url, hostile: hostile.url })) {
        const upstream = userOAuth({ id, displayName: id, connect: 'on-demand' });
        app.use(auth.proxy(`/${id}`, { target, upstream }));
      }
    },
  });
  closing.push(gateway);

  /** Where alice's browser is sent to connect an upstream. */
  const alice = await signIn(gateway.url, 'alice', '/files');
  async function authorizationUrl(id: string, server: string): Promise<URL> {
    const user = await signIn(gateway.url, 'alice', `/${id}`, alice.browser);
    const asked = await rpc(`${gateway.url}/${id}`, user, 'tools/call', { name: 'whoami', arguments: {} });
    const stopAt = (url: string) => url.startsWith(server);
    const page = await alice.browser.get(linkIn(asked.text), { stopAt });
    const away = await alice.browser.submit(page, 'decision', { decision: 'connect' }, { stopAt });
    return new URL(String(away.location));
  }
  const atHonest = await authorizationUrl('files', honest.issuer);
  const atHostile = await authorizationUrl('hostile', hostile.origin);
  const ownCallback = `${gateway.url}/oauth/connect/callback/hostile`;
  expect(atHonest.searchParams.get('redirect_uri')).toBe(`${gateway.url}/oauth/connect/callback/files`);
  expect(atHostile.searchParams.get('redirect_uri')).toBe(ownCallback);

  // The hostile server sends the browser on to the honest one, with its own state and challenge.
  const state = atHostile.searchParams.get('state') as string;
  const mixed = new URL(atHonest);
  mixed.searchParams.set('state', state);
  mixed.searchParams.set('code_challenge', atHostile.searchParams.get('code_challenge') as string);
  const stopAt = (url: string) => url.includes('/oauth/connect/callback');
  const login = await alice.browser.get(mixed.href, { stopAt });
  const back = await alice.browser.submit(login, 'upstreamLogin', { upstreamLogin: 'alice-at-files' }, { stopAt });
  const callback = new URL(String(back.location));
  expect(callback.searchParams.get('code')).toMatch(/./);
  callback.searchParams.delete('iss'); // As of a server without RFC 9207.
  expect((await alice.browser.get(callback.href)).status).toBe(400);
  expect(hostile.codes).toEqual([]);
  expect(gateway.events).toContainEqual(
    expect.objectContaining({ type: 'upstream.connect_refused', reason: 'callback: of another upstream' }),
  );
  // Nor does the honest server send its codes to the hostile one's redirect URI.
  mixed.searchParams.set('redirect_uri', ownCallback);
  expect((await alice.browser.get(mixed.href, { stopAt })).status).toBe(400);

  // What alice began is not used up by it, and no redirect URI is everybody's.
  const own = new URLSearchParams({ state, code: 'of-the-hostile-one' });
  expect((await alice.browser.get(`${gateway.url}/oauth/connect/callback?${own}`)).status).toBe(400);
  const done = await alice.browser.get(`${ownCallback}?${own}`);
  expect([done.status, hostile.codes]).toEqual([200, ['of-the-hostile-one']]);
});
