import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { entra, github } from '../../adapters/identity.ts';
import { type FakeIdentityProvider, joinOutbound, startIdentityProvider } from '../../lib/testing.ts';
import { createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { callbackOf, createOAuthClient, send } from '../helpers/oauth-client.ts';

let staff: FakeIdentityProvider;
let community: FakeIdentityProvider;
let gateway: Gateway;
beforeAll(async () => {
  staff = await startIdentityProvider({ profile: 'entra', hosts: 'real' });
  community = await startIdentityProvider({ profile: 'github', hosts: 'real' });
  const { tenantId = '' } = staff.profile.parameters;
  gateway = await startGateway({
    options: () => ({
      browserLogin: {},
      identityProviders: [
        { id: 'staff', ...entra({ tenantId, clientId: staff.clientId, clientSecret: staff.clientSecret }) },
        { id: 'community', ...github({ clientId: community.clientId, clientSecret: community.clientSecret }) },
      ],
      outbound: joinOutbound(staff, community),
    }),
    routes: (app, auth) => {
      app.all('/mcp', auth.authenticate('/mcp'), (req, res) => res.json((req as { user?: unknown }).user));
    },
  });
  staff.redirectUris.push(`${gateway.url}/oauth/callback/staff`);
  community.redirectUris.push(`${gateway.url}/oauth/callback/community`);
});
afterAll(async () => {
  await gateway.close();
  await Promise.all([staff.close(), community.close()]);
});

it.each([
  ['staff', 'https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0'],
  ['community', 'https://github.com/login/oauth'],
])('two presets side by side: a person signs in at the one that is chosen (%s)', async (id, iss) => {
  const client = await createOAuthClient(gateway.url);
  const hosts = [
    ...staff.hosts.map((host) => [host, staff.url]),
    ...community.hosts.map((host) => [host, community.url]),
  ];
  const browser = createBrowser({
    reverseProxy: Object.fromEntries(hosts.map(([host, url]): [string, string] => [`https://${host}`, String(url)])),
    stopAt: (url) => url.startsWith(client.redirectUri),
  });
  const chooser = await browser.submit(await browser.get(client.authorizeUrl()), 'csrf', { decision: 'approve' });
  const button = chooser.forms.flatMap(({ controls }) => controls).find(({ value }) => value === id);
  const signIn = await browser.submit(chooser, 'csrf', { [String(button?.name)]: id });
  const { code } = callbackOf(await browser.submit(signIn, 'login', { login: 'alice' }));
  const tokens = await client.redeem(String(code));
  const headers = { authorization: `Bearer ${String(tokens.json?.access_token)}` };

  expect((await send(`${gateway.url}/mcp`, { headers })).json).toMatchObject({ iss, data: { name: 'Alice Adams' } });
});
