import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, exportJWK, generateKeyPair, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { createOutbound } from '../../lib/shared/outbound.ts';
import { type FakeIdentityProvider, idTokenFaults, startIdentityProvider } from '../../lib/testing.ts';
import { createBrowser } from '../helpers/browser.ts';
import { basic, send } from '../helpers/oauth-client.ts';
import { authorizationUrl, redeem, redirectUri, requestTokens, signIn } from './client.ts';

const afterLogout = 'http://127.0.0.1:1/';

describe('the fake identity provider', () => {
  let idp: FakeIdentityProvider;
  beforeAll(async () => {
    idp = await startIdentityProvider({ redirectUris: [redirectUri], postLogoutRedirectUris: [afterLogout] });
  });
  afterEach(() => {
    idp.behave();
    idp.signInAs = undefined;
  });
  afterAll(() => idp.close());

  const verified = async (token: unknown): Promise<JWTPayload> => {
    const keys = createRemoteJWKSet(new URL(String(idp.metadata.jwks_uri)));
    return (await jwtVerify(String(token), keys, { issuer: idp.issuer, audience: idp.clientId })).payload;
  };

  it('is discovered below its loopback issuer (OpenID Connect Discovery section 4)', async () => {
    const { json } = await send(`${idp.issuer}/.well-known/openid-configuration`);

    expect(json).toEqual(idp.metadata);
    expect(json?.issuer).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(json?.token_endpoint).toBe(`${idp.issuer}/token`);
  });

  it('asks a browser for a name, remembers it, and forgets it at its logout', async () => {
    const browser = createBrowser({ stopAt: (url) => url.startsWith(redirectUri), now: () => Date.now() });
    const page = await browser.get(authorizationUrl(idp));
    const first = await browser.submit(page, 'login', { login: 'alice' });
    const second = await browser.get(authorizationUrl(idp));
    const again = await browser.get(authorizationUrl(idp, { prompt: 'login' }));

    expect([first, second].map(({ location }) => location)).toEqual([
      expect.stringContaining('code='),
      expect.stringContaining('code='),
    ]);
    expect([again.location, again.forms.length]).toEqual([undefined, 1]);

    const logout = new URL(String(idp.metadata.end_session_endpoint));
    logout.search = new URLSearchParams({
      client_id: idp.clientId,
      post_logout_redirect_uri: afterLogout,
      state: 'bye',
    }).toString();
    const left = await browser.get(logout.href, { stopAt: (url) => url.startsWith(`${afterLogout}?`) });
    expect(left.location).toBe(`${afterLogout}?state=bye`);
    expect((await browser.get(authorizationUrl(idp, { prompt: 'none' }))).location).toContain('login_required');
  });

  it('sends nobody to an unknown redirect URI, at login and at logout', async () => {
    expect((await send(authorizationUrl(idp, { redirect_uri: 'http://127.0.0.1:2/' }))).status).toBe(400);
    const target = `?client_id=${idp.clientId}&post_logout_redirect_uri=http://127.0.0.1:2/`;
    expect((await send(`${idp.metadata.end_session_endpoint}${target}`)).status).toBe(400);
  });

  it('issues tokens with the claims that the scopes release, and userinfo', async () => {
    const { code, state, iss } = signIn(idp, { scope: 'openid email' });
    const { json } = await redeem(idp, code);
    const claims = await verified(json?.id_token);
    const userinfo = await send(String(idp.metadata.userinfo_endpoint), {
      headers: { authorization: `Bearer ${json?.access_token}` },
    });

    expect([state, iss]).toEqual(['the state', idp.issuer]);
    expect(claims).toMatchObject({ sub: 'alice', nonce: 'the nonce', email: 'alice@acme.example' });
    expect([claims.name, claims.sid]).toEqual([undefined, idp.logins.at(-1)?.sid]);
    expect(userinfo.json).toMatchObject({ sub: 'alice', email: 'alice@acme.example' });
    expect(json?.refresh_token).toBeUndefined();
    expect((await send(String(idp.metadata.userinfo_endpoint))).status).toBe(401);
  });

  it('takes a code once, with its verifier and its redirect URI, and ends its tokens at the second use', async () => {
    const refused = { status: 400, json: expect.objectContaining({ error: 'invalid_grant' }) };
    expect(await redeem(idp, signIn(idp).code, { code_verifier: 'another' })).toMatchObject(refused);
    expect(await redeem(idp, signIn(idp).code, { code_verifier: undefined })).toMatchObject(refused);
    expect(await redeem(idp, signIn(idp).code, { redirect_uri: 'http://127.0.0.1:2/' })).toMatchObject(refused);

    const { code } = signIn(idp);
    const { json } = await redeem(idp, code);
    expect(await redeem(idp, code)).toMatchObject(refused);
    const headers = { authorization: `Bearer ${json?.access_token}` };
    expect((await send(String(idp.metadata.userinfo_endpoint), { headers })).status).toBe(401);
  });

  it('rotates refresh tokens, and refuses those of a person who is gone', async () => {
    const { json } = await redeem(idp, signIn(idp, { scope: 'openid offline_access' }, 'bob').code);
    const refresh = (token: unknown) =>
      requestTokens(idp, { grant_type: 'refresh_token', refresh_token: String(token) });
    const next = await refresh(json?.refresh_token);

    expect((await verified(next.json?.id_token)).sub).toBe('bob');
    expect((await refresh(json?.refresh_token)).json?.error).toBe('invalid_grant');
    const { bob } = idp.users;
    delete idp.users.bob;
    expect((await refresh(next.json?.refresh_token)).json?.error).toBe('invalid_grant');
    if (bob) idp.users.bob = bob;
  });

  it('authenticates the client by one method of its document, and only one (RFC 6749 section 2.3)', async () => {
    const withBasic = basic(idp.clientId, idp.clientSecret);
    const none = { client_id: undefined, client_secret: undefined };

    expect((await redeem(idp, signIn(idp).code, none, withBasic)).status).toBe(200);
    expect((await redeem(idp, signIn(idp).code, none, basic(idp.clientId, 'wrong'))).status).toBe(401);
    expect((await redeem(idp, signIn(idp).code, { client_secret: 'wrong' })).status).toBe(401);
    expect((await redeem(idp, signIn(idp).code, {}, withBasic)).json?.error).toBe('invalid_request');
    expect((await redeem(idp, signIn(idp).code, { client_secret: undefined })).json?.error).toBe('invalid_client');
  });

  it('mints logout tokens for the latest login (OpenID Connect Back-Channel Logout section 2.4)', async () => {
    signIn(idp);
    const { sid } = idp.logins.at(-1) ?? {};

    expect(await verified(await idp.logoutToken('alice'))).toMatchObject({
      sub: 'alice',
      sid,
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    });
    expect(await verified(await idp.logoutToken('alice', { sub: undefined }))).not.toHaveProperty('sub');
  });

  it('rotates keys, with or without the old one (OpenID Connect Core section 10.1.1)', async () => {
    const kids = async () => {
      const { text } = await send(String(idp.metadata.jwks_uri));
      return (JSON.parse(text).keys as { kid: string }[]).map(({ kid }) => kid);
    };
    const [before] = await kids();
    await idp.rotateKeys();
    const [next, kept] = await kids();
    expect([kept, next === before]).toEqual([before, false]);
    await idp.rotateKeys(false);
    expect(await kids()).not.toContain(next);
    expect((await verified((await redeem(idp, signIn(idp).code)).json?.id_token)).sub).toBe('alice');
  });

  it.each(Object.entries(idTokenFaults))('issues on request an ID token that proves nothing: %s', async (_, fault) => {
    idp.misbehave.idToken = fault;
    const { status, json } = await redeem(idp, signIn(idp).code);
    idp.behave();
    const { json: good } = await redeem(idp, signIn(idp).code);

    expect(status).toBe(200);
    const now = Math.floor(Date.now() / 1000);
    const isGood = async (token: unknown) => {
      const claims = await verified(token).catch(() => undefined);
      const { aud, azp, nonce, sub, exp = 0 } = claims ?? {};
      return aud === idp.clientId && (azp ?? aud) === aud && nonce === 'the nonce' && sub === 'alice' && exp > now;
    };
    expect([await isGood(json?.id_token), await isGood(good?.id_token)]).toEqual([false, true]);
  });

  it('breaks each endpoint on request', async () => {
    const url = String(idp.metadata.jwks_uri);
    const bodyUnder = async (fault: NonNullable<typeof idp.misbehave.jwks>) => {
      idp.misbehave.jwks = fault;
      return send(url);
    };
    expect((await bodyUnder('http500')).status).toBe(500);
    expect((await bodyUnder('html')).text).toContain('<h1>');
    expect((await bodyUnder('huge')).text.length).toBeGreaterThan(20_000_000);
    expect((await bodyUnder('redirect')).headers.get('location')).toBe('/redirected/jwks');
    expect((await send(`${idp.issuer}/redirected/jwks`)).json).toHaveProperty('keys');
    expect((await bodyUnder({ delayMs: 1 })).json).toHaveProperty('keys');
    expect((await bodyUnder(() => ({ keys: [] }))).json).toEqual({ keys: [] });
    await expect(bodyUnder('refuse')).rejects.toThrow();
    for (const fault of ['hang', 'stall'] as const) {
      idp.misbehave.jwks = fault;
      await expect(fetch(url, { signal: AbortSignal.timeout(300) }).then((answer) => answer.text())).rejects.toThrow();
    }
    idp.misbehave.authorize = { error: 'temporarily_unavailable' };
    expect(signIn(idp)).toMatchObject({ error: 'temporarily_unavailable', state: 'the state' });
  });
});

it('keeps its real https host names where it is asked to, for a gateway that uses its outbound', async () => {
  const idp = await startIdentityProvider({
    hosts: 'real',
    parameters: { issuer: 'https://id.acme.example/tenant' },
    redirectUris: [redirectUri],
  });
  try {
    const outbound = createOutbound({ ...idp.outbound, loopbackAddress: '127.0.0.1' });
    const limits = { timeoutMs: 5000, maxResponseBytes: 65_536, purpose: 'test' };
    const answer = await outbound.fetch(`${idp.issuer}/.well-known/openid-configuration`, limits);

    expect(idp.issuer).toBe('https://id.acme.example/tenant');
    expect(await answer.json()).toEqual(idp.metadata);
    expect(signIn(idp)).toMatchObject({ state: 'the state', iss: idp.issuer });
    const browser = createBrowser({
      reverseProxy: { 'https://id.acme.example': idp.url },
      stopAt: (url) => url.startsWith(redirectUri),
    });
    const page = await browser.submit(await browser.get(authorizationUrl(idp)), 'login', { login: 'alice' });
    expect(page.location).toContain('code=');
    expect(idp.requests.map(({ url }) => new URL(url).hostname)).not.toContain('127.0.0.1');
  } finally {
    await idp.close();
  }
});

it('takes a client assertion of its client once (RFC 7523 section 3)', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const clientJwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one' }] };
  const idp = await startIdentityProvider({ redirectUris: [redirectUri], clientJwks });
  try {
    const { clientId: iss, issuer } = idp;
    const client_assertion = await new SignJWT({ iss, sub: iss, jti: 'once' })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setAudience(issuer)
      .setExpirationTime('1m')
      .sign(privateKey);
    const assertion = { client_secret: undefined, client_assertion, client_assertion_type: 'jwt-bearer' };
    expect((await redeem(idp, signIn(idp).code, assertion)).status).toBe(200);
    expect((await redeem(idp, signIn(idp).code, assertion)).status).toBe(401);
  } finally {
    await idp.close();
  }
});
