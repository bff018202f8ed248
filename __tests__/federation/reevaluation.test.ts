import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { decodeJwt } from 'jose';
import type { McpOAuthOptions } from '../../lib/index.ts';
import { startGateway } from '../helpers/gateway.ts';
import { type Answer, createOAuthClient, postForm, send } from '../helpers/oauth-client.ts';
import { moveClock } from './clock.ts';
import { type Federation, requestsTo, startFederation } from './support.ts';

let federation: Federation;
afterEach(async () => {
  jest.useRealTimers();
  await federation.close();
});

const start = async (options: Partial<McpOAuthOptions> = {}) => {
  const { browserLogin, ...rest } = options;
  federation = await startFederation({
    provider: { refreshTokens: true },
    options: () => ({ browserLogin: { offlineAccess: true, ...browserLogin }, ...rest }),
  });
};

/** Signs in. @returns the answer of the token endpoint */
async function signIn(user = 'alice'): Promise<Answer> {
  return federation.client.redeem(String((await federation.login(undefined, user)).code));
}

const refresh = (answer: Answer) => federation.client.refresh(String(answer.json?.refresh_token));

async function rolesOf({ json }: Answer): Promise<unknown> {
  const headers = { authorization: `Bearer ${String(json?.access_token)}` };
  const { status, json: user } = await send(`${federation.gateway.url}/mcp`, { headers });
  return status === 200 ? (user?.data as { roles?: unknown } | undefined)?.roles : status;
}

/** Refresh requests that the identity provider got. */
const questions = () =>
  requestsTo(federation, '/token').filter(({ form }) => form.get('grant_type') === 'refresh_token').length;

const down = () =>
  Object.assign(federation.idp.misbehave, { token: 'refuse', jwks: 'refuse', discovery: 'refuse', userinfo: 'refuse' });

describe('with offlineAccess, every refresh asks the identity provider again', () => {
  it('so that changed roles hold from the next refresh on', async () => {
    await start();
    const first = await signIn();
    expect(await rolesOf(first)).toEqual(['admin', 'user', 'engineering']);
    Object.assign(federation.idp.users.alice as object, { roles: ['user'] });
    const second = await refresh(first);

    expect(await rolesOf(second)).toEqual(['user', 'engineering']);
    expect(questions()).toBe(1);
    // The provider rotates its refresh token: the next question is asked with the new one.
    expect((await refresh(second)).status).toBe(200);
    expect(questions()).toBe(2);
  });

  it('and a JWT carries them as well (RFC 9068 section 2.2.3.1)', async () => {
    await start({ gateway: { accessTokenFormat: 'jwt', tokenCacheSeconds: 0 } });
    const first = await signIn();
    Object.assign(federation.idp.users.alice as object, { roles: ['user'] });

    expect(decodeJwt(String((await refresh(first)).json?.access_token)).roles).toEqual(['user', 'engineering']);
  });

  it('and a user who is gone there gets nothing more, here and in the browser (DESIGN 4.3)', async () => {
    await start();
    const browser = federation.browser();
    const first = await federation.client.redeem(String((await federation.login(browser)).code));
    delete federation.idp.users.alice;
    const { answer, events } = await federation.gateway.observe(() => refresh(first));

    expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
    expect(answer.text).not.toContain('provider');
    expect(events).toContain('identity.ended: provider_refused_refresh: invalid_grant');
    expect(await rolesOf(first)).toBe(401);
    const page = await browser.get(federation.client.authorizeUrl());
    expect(page.text).toContain('You will sign in next.');
  });

  it('which ends nobody else’s login', async () => {
    await start();
    const [alice, bob] = [await signIn('alice'), await signIn('bob')];
    delete federation.idp.users.alice;

    expect((await refresh(alice)).status).toBe(400);
    expect((await refresh(bob)).status).toBe(200);
  });

  it('while it is down nothing changes, and nobody is signed out (DESIGN 4.10)', async () => {
    await start();
    const first = await signIn();
    Object.assign(federation.idp.users.alice as object, { roles: ['user'] });
    down();
    const { answer: second, events } = await federation.gateway.observe(() => refresh(first));
    expect(await rolesOf(second)).toEqual(['admin', 'user', 'engineering']);
    expect(events.filter((event) => event.startsWith('identity.'))).toEqual([
      'identity.unconfirmed: provider_unreachable: response_invalid',
    ]);

    // Known to be down, it is not waited for again.
    federation.idp.misbehave.token = 'hang';
    const asked = questions();
    const third = await refresh(second);
    expect(third.status).toBe(200);
    expect(questions()).toBe(asked);

    federation.idp.behave();
    moveClock(60);
    expect(await rolesOf(await refresh(third))).toEqual(['user', 'engineering']);
  });

  it.each([
    ['a wrong client secret', (body: Record<string, unknown>) => ({ ...body, error: 'invalid_client' })],
    ['an answer without a token', () => ({})],
  ])('an answer that says nothing of the user changes nothing either: %s', async (_name, body) => {
    await start();
    const first = await signIn();
    federation.idp.misbehave.token = ({ error: _, access_token: __, ...rest }) => body(rest);
    const { answer, events } = await federation.gateway.observe(() => refresh(first));

    expect(await rolesOf(answer)).toEqual(['admin', 'user', 'engineering']);
    expect(events.some((event) => event.startsWith('identity.unconfirmed: provider_'))).toBe(true);
  });

  it('whose word counts for that user only: a token of another one ends the login (OpenID Connect Core section 12.2)', async () => {
    await start();
    const first = await signIn();
    federation.idp.misbehave.idToken = (claims, sign) => sign({ ...claims, sub: 'bob' });
    const { answer, events } = await federation.gateway.observe(() => refresh(first));

    expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
    expect(events).toContain('identity.ended: the refresh token is another user’s now');
  });

  it('which keeps a family alive for as long as the user is confirmed, and not longer (DESIGN 4.3)', async () => {
    moveClock(0);
    await start({ gateway: { refreshTokenTtlSeconds: 1_000, tokenCacheSeconds: 0 } });
    const first = await signIn();
    moveClock(700);
    const second = await refresh(first);
    moveClock(700);
    const third = await refresh(second);
    expect(await rolesOf(third)).toEqual(['admin', 'user', 'engineering']);
    down();
    moveClock(700);
    const fourth = await refresh(third);
    expect(fourth.status).toBe(200);
    moveClock(700);
    expect((await refresh(fourth)).status).toBe(400);
  });

  it('with tokens of which the store sees nothing (DESIGN 5)', async () => {
    await start();
    const given: string[] = [];
    federation.idp.misbehave.token = (body) => {
      given.push(String(body.refresh_token), String(body.access_token));
      return body;
    };
    expect((await refresh(await signIn())).status).toBe(200);

    const written = federation.gateway.written('ProviderTokens');
    expect(given).toHaveLength(4);
    expect(written).toContain('sealed');
    for (const token of given) expect(written).not.toContain(token);
  });

  it('once for all refreshes that come together, on every replica, of all clients of a login', async () => {
    await start();
    const { gateway, idp } = federation;
    const other = await createOAuthClient(gateway.url);
    const browser = federation.browser();
    const first = await federation.client.redeem(String((await federation.login(browser)).code));
    const page = await browser.get(other.authorizeUrl());
    const { location } = await browser.submit(page, 'csrf', { decision: 'approve' });
    const second = await other.redeem(String(new URL(String(location)).searchParams.get('code')));
    const replica = await startGateway({
      options: () => ({
        issuer: gateway.url,
        oidc: { issuer: idp.issuer },
        browserLogin: { clientId: idp.clientId, clientSecret: idp.clientSecret, offlineAccess: true },
        storage: gateway.storage,
      }),
      routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp')),
    });
    try {
      let release = () => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      idp.misbehave.idToken = async (claims, sign) => {
        await released;
        return sign(claims);
      };
      // Each request has read what is kept; the one that asks reads it once more.
      let reads = 0;
      const get = gateway.storage.get;
      gateway.storage.get = (kind, id) => {
        if (kind === 'ProviderTokens' && ++reads === 5) release();
        return get(kind, id);
      };
      const at = (url: string, client: typeof other, { json }: Answer) =>
        postForm(
          `${url}/oauth/token`,
          { grant_type: 'refresh_token', client_id: client.clientId, refresh_token: String(json?.refresh_token) },
          { host: new URL(gateway.url).host },
        );
      const answers = await Promise.all([
        at(gateway.url, federation.client, first),
        at(replica.url, federation.client, first),
        at(gateway.url, other, second),
        at(replica.url, other, second),
      ]);

      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      expect(questions()).toBe(1);
    } finally {
      await replica.close();
    }
  });
});

describe('without offlineAccess', () => {
  it('nothing of the identity provider is kept, and no refresh asks it', async () => {
    federation = await startFederation({ provider: { refreshTokens: true } });
    const { writes } = await federation.gateway.observe(async () => refresh(await signIn()));

    expect(writes.filter((write) => write.includes('ProviderTokens'))).toEqual([]);
    expect(questions()).toBe(0);
  });

  it('a family ends a fixed time after the login, unless refreshTokenSliding says otherwise (DESIGN 4.3)', async () => {
    for (const refreshTokenSliding of [false, true]) {
      moveClock(0);
      federation = await startFederation({
        options: () => ({ gateway: { refreshTokenTtlSeconds: 1_000, refreshTokenSliding, tokenCacheSeconds: 0 } }),
      });
      const first = await signIn();
      moveClock(700);
      const second = await refresh(first);
      expect(second.status).toBe(200);
      moveClock(700);
      expect((await refresh(second)).status).toBe(refreshTokenSliding ? 200 : 400);
      if (!refreshTokenSliding) await federation.close();
      jest.useRealTimers();
    }
  });
});
