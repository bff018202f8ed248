import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { entra } from '../../adapters/identity.ts';
import { connectClient, type FakeIdentityProvider, startIdentityProvider } from '../../lib/testing.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { postForm, send } from '../helpers/oauth-client.ts';

let idp: FakeIdentityProvider;
let gateway: Gateway;
beforeAll(async () => {
  idp = await startIdentityProvider({ profile: 'entra', hosts: 'real' });
  const { clientId, clientSecret } = idp;
  gateway = await startGateway({
    options: () => ({
      ...entra({ tenantId: String(idp.profile.parameters.tenantId), clientId, clientSecret }),
      authorizeUser: ({ roles }) => roles.includes('user'),
      outbound: idp.outbound,
    }),
    routes: (app, auth) => {
      const check = auth.authenticate('/mcp', { optionalScopes: ['files:read'] });
      app.all('/mcp', check, (req, res) => {
        const { user, auth: token } = req as unknown as { user: unknown; auth: { scopes: string[] } };
        res.json({ user, scopes: token.scopes });
      });
    },
  });
  idp.redirectUris.push(`${gateway.url}/oauth/callback`);
});
afterAll(async () => {
  await gateway.close();
  await idp.close();
});

describe('connectClient', () => {
  const route = () => `${gateway.url}/mcp`;
  const callAs = async (accessToken: string) =>
    (await send(route(), { headers: { authorization: `Bearer ${accessToken}` } })).json;

  it('brings a token of the person, for the route', async () => {
    const { accessToken } = await connectClient(idp, { url: route(), user: 'alice' });
    expect(await callAs(accessToken)).toMatchObject({
      user: { data: { name: 'Alice Adams', roles: ['admin', 'user'] } },
      scopes: ['mcp:tools'],
    });
  });

  it('is another client each time, with the scopes that were asked for and a refresh token', async () => {
    const clients = [
      await connectClient(idp, { url: route(), user: 'bob', scope: 'mcp:tools files:read' }),
      await connectClient(idp, { url: route(), user: 'bob' }),
    ];
    const [first] = clients;
    expect(new Set(clients.map(({ clientId }) => clientId)).size).toBe(2);
    expect(await callAs(String(first?.accessToken))).toMatchObject({ scopes: ['mcp:tools', 'files:read'] });
    const refreshed = await postForm(String(first?.tokenEndpoint), {
      grant_type: 'refresh_token',
      refresh_token: first?.refreshToken,
      client_id: first?.clientId,
    });
    expect(refreshed.status).toBe(200);
  });

  it('says what was refused, and where', async () => {
    const { alice } = idp.users;
    idp.users.stranger = { idToken: { ...alice?.idToken, oid: 'another', roles: [] } };
    await expect(connectClient(idp, { url: route(), user: 'stranger' })).rejects.toThrow(
      '403: You have no access here',
    );
    await expect(connectClient(idp, { url: `${gateway.url}/nothing`, user: 'alice' })).rejects.toThrow(
      'does not challenge',
    );
    idp.misbehave.token = 'http500';
    await expect(connectClient(idp, { url: route(), user: 'alice' })).rejects.toThrow(
      'refused: temporarily_unavailable',
    );
    idp.behave();
  });
});
