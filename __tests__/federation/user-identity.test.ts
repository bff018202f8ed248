import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { decodeJwt } from 'jose';
import type { McpOAuthOptions, UserIdentity } from '../../lib/index.ts';
import { send } from '../helpers/oauth-client.ts';
import { moveClock } from './clock.ts';
import { type Federation, requestsTo, startFederation } from './support.ts';

let federation: Federation;
afterEach(async () => {
  jest.useRealTimers();
  await federation.close();
});

/** The app's route asks for the identity of its request; `/open` is not protected. */
async function start(options: Partial<McpOAuthOptions>): Promise<void> {
  federation = await startFederation({ provider: { refreshTokens: true }, options: () => options });
  const { app, auth } = federation.gateway;
  app.all('/open', (req, res) => {
    auth.identity(req).then(
      () => res.sendStatus(200),
      (error: Error) => res.status(500).send(error.message),
    );
  });
  app.all('/mcp/who', auth.authenticate('/mcp'), (req, res, next) => {
    auth.identity(req).then((identity) => res.json(identity ?? null), next);
  });
}

async function signIn(): Promise<{ refreshToken: string; whoAmI: () => Promise<UserIdentity> }> {
  const { json } = await federation.client.redeem(String((await federation.login()).code));
  const headers = { authorization: `Bearer ${String(json?.access_token)}` };
  const whoAmI = async () => {
    const answer = await send(`${federation.gateway.url}/mcp/who`, { headers });
    if (answer.status !== 200) throw new Error(answer.text);
    return answer.json as unknown as UserIdentity;
  };
  return { refreshToken: String(json?.refresh_token), whoAmI };
}

describe('auth.identity(req)', () => {
  it('gives the identity of now, without any token of the identity provider', async () => {
    await start({ browserLogin: { offlineAccess: true }, gateway: { tokenCacheSeconds: 60 } });
    const { refreshToken, whoAmI } = await signIn();
    expect(await whoAmI()).toMatchObject({ iss: federation.idp.issuer, sub: 'alice', claims: { name: 'Alice Adams' } });

    Object.assign(federation.idp.users.alice as object, { roles: ['user'] });
    await federation.client.refresh(refreshToken);
    const identity = await whoAmI();
    expect(identity.roles).toEqual(['user', 'engineering']);
    expect(identity).not.toHaveProperty('tokens');
  });

  it('throws for a request that nobody authenticated', async () => {
    await start({});
    const answer = await send(`${federation.gateway.url}/open`);

    expect(answer).toMatchObject({ status: 500, text: expect.stringContaining('authenticate') });
  });

  it('gives the provider’s tokens where identity.exposeTokens says so, the refresh token never (MCP 2026-07-28, Token Passthrough)', async () => {
    await start({ identity: { exposeTokens: true } });
    const { tokens } = await (await signIn()).whoAmI();

    expect(Object.keys(tokens ?? {}).sort()).toEqual([
      'accessToken',
      'accessTokenExpiresAt',
      'idToken',
      'idTokenExpiresAt',
    ]);
    expect(decodeJwt(String(tokens?.idToken)).sub).toBe('alice');
    const userinfo = { headers: { authorization: `Bearer ${String(tokens?.accessToken)}` } };
    expect((await send(federation.idp.endpoints.userinfo, userinfo)).json).toMatchObject({ sub: 'alice' });
  });

  it('renews an access token that has run out, and gives what there is while the provider is down', async () => {
    moveClock(0);
    await start({ identity: { exposeTokens: true }, gateway: { accessTokenTtlSeconds: 86_400 } });
    const { whoAmI } = await signIn();
    const first = (await whoAmI()).tokens;
    expect(requestsTo(federation, '/token')).toHaveLength(1);
    moveClock(3_600);
    federation.idp.misbehave.token = 'http500';
    expect((await whoAmI()).tokens).toEqual(first);
    federation.idp.behave();
    moveClock(60);
    const renewed = (await whoAmI()).tokens;

    expect(renewed?.accessToken).not.toBe(first?.accessToken);
    expect(Number(renewed?.accessTokenExpiresAt)).toBeGreaterThan(Number(first?.accessTokenExpiresAt));
  });
});
