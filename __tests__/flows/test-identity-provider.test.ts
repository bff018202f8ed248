import { execFile } from 'node:child_process';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { compactVerify, createRemoteJWKSet, decodeJwt, decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose';
import * as openid from 'openid-client';
import { type Browser, createBrowser, type Page } from '../helpers/browser.ts';
import { type IdentityProvider, startIdentityProvider } from '../helpers/identity-provider.ts';
import { idTokenFaults } from '../helpers/identity-provider-faults.ts';

const REDIRECT_URI = 'http://127.0.0.1:9/callback';

const printed = (['log', 'info', 'warn', 'error', 'debug'] as const).map((method) =>
  jest.spyOn(console, method).mockImplementation(() => undefined),
);

let idp: IdentityProvider;

beforeAll(async () => {
  idp = await startIdentityProvider({ redirectUris: [REDIRECT_URI], refreshTokens: true });
});

afterEach(() => {
  idp.behave();
  idp.requests.length = 0;
});

afterAll(async () => {
  expect(idp.errors).toEqual([]);
  await idp.close();
});

function newBrowser(): Browser {
  return createBrowser({ stopAt: (url) => url.startsWith(REDIRECT_URI) });
}

interface LoginOptions {
  readonly at?: IdentityProvider;
  readonly browser?: Browser;
  readonly user?: string;
  readonly scope?: string;
  readonly timeoutSeconds?: number;
  readonly clientAuth?: (secret: string) => openid.ClientAuth;
}

/** The login of a strict relying party. `finish` redeems the code. */
async function authorize({
  at = idp,
  browser = newBrowser(),
  user = 'alice',
  scope,
  timeoutSeconds,
  clientAuth = openid.ClientSecretPost,
}: LoginOptions = {}) {
  const { issuer, endpoints, clientId, clientSecret } = at;
  const configuration = new openid.Configuration(
    {
      issuer,
      authorization_endpoint: endpoints.authorization,
      token_endpoint: endpoints.token,
      jwks_uri: endpoints.jwks,
      userinfo_endpoint: endpoints.userinfo,
      end_session_endpoint: endpoints.endSession,
      id_token_signing_alg_values_supported: ['ES256', 'RS256'],
      authorization_response_iss_parameter_supported: true,
    },
    clientId,
    { client_secret: clientSecret },
    clientAuth(clientSecret),
  );
  openid.allowInsecureRequests(configuration);
  openid.enableNonRepudiationChecks(configuration);
  if (timeoutSeconds !== undefined) configuration.timeout = timeoutSeconds;

  const pkceCodeVerifier = openid.randomPKCECodeVerifier();
  const expectedNonce = openid.randomNonce();
  const expectedState = openid.randomState();
  const url = openid.buildAuthorizationUrl(configuration, {
    redirect_uri: REDIRECT_URI,
    scope: scope ?? 'openid profile email',
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    nonce: expectedNonce,
    state: expectedState,
  });
  let page = await browser.get(url.href);
  const asked = page.forms.length > 0;
  if (asked) page = await browser.submit(page, 'login', { login: user });
  const callback = new URL(page.location ?? 'about:blank');
  const checks = { pkceCodeVerifier, expectedNonce, expectedState, idTokenExpected: true };
  return {
    page,
    asked,
    callback,
    browser,
    configuration,
    expectedNonce,
    finish: () => openid.authorizationCodeGrant(configuration, callback, checks),
    /** The token answer as it is on the wire. */
    redeem: async () => {
      const response = await fetch(endpoints.token, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code: callback.searchParams.get('code') ?? '',
          redirect_uri: REDIRECT_URI,
          code_verifier: pkceCodeVerifier,
          client_id: clientId,
          client_secret: clientSecret,
        }),
      });
      return { response, body: (await response.json()) as Record<string, string> };
    },
  };
}

describe('a login', () => {
  it('gives a strict relying party the claims of the user', async () => {
    const { finish, asked, expectedNonce } = await authorize();
    const tokens = await finish();

    expect(asked).toBe(true);
    expect(tokens.claims()).toMatchObject({
      iss: idp.issuer,
      aud: 'gateway',
      sub: 'alice',
      nonce: expectedNonce,
      email: 'alice@acme.example',
      email_verified: true,
      name: 'Alice Adams',
      roles: ['admin', 'user'],
      groups: ['engineering'],
    });
    expect(decodeProtectedHeader(tokens.id_token ?? '')).toMatchObject({ alg: 'ES256', kid: expect.any(String) });
  });

  it('leaves out claims whose scope was not asked for', async () => {
    const { finish } = await authorize({ scope: 'openid' });
    const claims = (await finish()).claims();

    expect(claims).toMatchObject({ sub: 'alice', roles: ['admin', 'user'] });
    expect(claims).not.toHaveProperty('email');
    expect(claims).not.toHaveProperty('name');
  });

  it('records every request with query and form', async () => {
    const { finish, callback, expectedNonce } = await authorize();
    await finish();

    const [authorization] = idp.requests;
    expect(authorization).toMatchObject({ method: 'GET', path: '/authorize' });
    expect(authorization?.query.get('nonce')).toBe(expectedNonce);
    expect(authorization?.query.get('code_challenge_method')).toBe('S256');
    const token = idp.requests.find(({ path }) => path === '/token');
    expect(token?.form.get('code')).toBe(callback.searchParams.get('code'));
    expect(token?.form.get('client_secret')).toBe(idp.clientSecret);
    expect(idp.requests.at(-1)).toMatchObject({ method: 'GET', path: '/jwks' });
  });

  it('is silent while the session lives, and asked for again by another browser', async () => {
    const { browser } = await authorize({ user: 'bob' });
    const second = await authorize({ browser });

    expect(second.asked).toBe(false);
    expect((await second.finish()).claims()?.sub).toBe('bob');
    expect((await authorize()).asked).toBe(true);
  });

  it('stays at the login page for an unknown user, and lets the user cancel', async () => {
    const { page, browser } = await authorize({ user: 'mallory' });

    expect(page).toMatchObject({ status: 400, text: expect.stringContaining('Unknown user') });
    const cancelled = await browser.submit(page, 'login', { action: 'cancel' });
    expect(new URL(cancelled.location ?? '').searchParams.get('error')).toBe('access_denied');
  });

  it('does not take an inherited property for a user', async () => {
    expect((await authorize({ user: 'constructor' })).page.status).toBe(400);
  });

  it('serves a redirect URI and a user added while it runs', async () => {
    const added = 'http://127.0.0.1:10/added';
    const url = `${idp.endpoints.authorization}?${new URLSearchParams({ client_id: 'gateway', response_type: 'code', scope: 'openid', redirect_uri: added })}`;
    const browser = createBrowser({ stopAt: (target) => target.startsWith(added) });
    expect(await browser.get(url)).toMatchObject({
      status: 400,
      text: expect.stringContaining('invalid_redirect_uri'),
    });

    idp.redirectUris.push(added);
    idp.users.carol = { sub: 'employee-7' };
    const page = await browser.submit(await browser.get(url), 'login', { login: 'carol' });
    expect(page.location).toMatch(/^http:\/\/127\.0\.0\.1:10\/added\?code=/);
    expect((await (await authorize({ user: 'carol' })).finish()).claims()?.sub).toBe('employee-7');
  });

  it('refreshes tokens until the user is gone', async () => {
    idp.users.dave = { email: 'dave@acme.example' };
    const { finish, configuration } = await authorize({ user: 'dave' });
    const { refresh_token: refreshToken = '' } = await finish();

    expect((await openid.refreshTokenGrant(configuration, refreshToken)).claims()?.sub).toBe('dave');
    delete idp.users.dave;
    await expect(openid.refreshTokenGrant(configuration, refreshToken)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });

  it('answers userinfo', async () => {
    const { finish, configuration } = await authorize();
    const { access_token: accessToken } = await finish();

    await expect(openid.fetchUserInfo(configuration, accessToken, 'alice')).resolves.toMatchObject({
      name: 'Alice Adams',
    });
  });

  it('ends with a logout that asks the user (OpenID Connect RP-Initiated Logout 1.0)', async () => {
    const { finish, configuration, browser } = await authorize();
    const { id_token: hint = '' } = await finish();
    const confirmation = await browser.get(openid.buildEndSessionUrl(configuration, { id_token_hint: hint }).href);

    expect((await browser.submit(confirmation, '#op.logoutForm')).text).toContain('Signed out');
    expect((await authorize({ browser })).asked).toBe(true);
  });

  it('signs with RS256 and takes client_secret_basic when asked to', async () => {
    const at = await startIdentityProvider({
      redirectUris: [REDIRECT_URI],
      idTokenAlg: 'RS256',
      clientAuthMethod: 'client_secret_basic',
      users: { erin: { email: 'erin@acme.example' } },
    });
    try {
      const { finish } = await authorize({ at, user: 'erin', clientAuth: openid.ClientSecretBasic });
      const tokens = await finish();
      const { id_token: idToken = '' } = tokens;
      const token = at.requests.find(({ path }) => path === '/token');
      expect(token?.headers.authorization).toMatch(/^Basic /);
      expect(decodeProtectedHeader(idToken).alg).toBe('RS256');
      expect(decodeJwt(idToken)).toMatchObject({ sub: 'erin', email: 'erin@acme.example' });
      expect(tokens).not.toHaveProperty('refresh_token');
    } finally {
      await at.close();
    }
  });
});

type Wire = { header: Record<string, unknown>; claims: JWTPayload; idToken: string };

/** What each fault must look like on the wire, and whether openid-client 6 notices it. */
const EXPECTED: Record<keyof typeof idTokenFaults, { arrives: (wire: Wire) => void; accepted?: true }> = {
  'foreign issuer': { arrives: ({ claims }) => expect(claims.iss).toBe('https://attacker.example') },
  'missing issuer': { arrives: ({ claims }) => expect(claims).not.toHaveProperty('iss') },
  'foreign audience': { arrives: ({ claims }) => expect(claims.aud).toBe('another-client') },
  'missing audience': { arrives: ({ claims }) => expect(claims).not.toHaveProperty('aud') },
  'several audiences without azp': {
    arrives: ({ claims }) => {
      expect(claims.aud).toEqual(['gateway', 'another-client']);
      expect(claims).not.toHaveProperty('azp');
    },
  },
  'several audiences, azp foreign': {
    arrives: ({ claims }) =>
      expect(claims).toMatchObject({ aud: ['gateway', 'another-client'], azp: 'another-client' }),
  },
  'several audiences, azp own': {
    arrives: ({ claims }) => expect(claims).toMatchObject({ aud: ['gateway', 'another-client'], azp: 'gateway' }),
    accepted: true,
  },
  'one audience, azp foreign': {
    arrives: ({ claims }) => expect(claims).toMatchObject({ aud: 'gateway', azp: 'another-client' }),
    accepted: true,
  },
  'wrong nonce': { arrives: ({ claims }) => expect(claims.nonce).toBe('another-nonce') },
  'missing nonce': { arrives: ({ claims }) => expect(claims).not.toHaveProperty('nonce') },
  expired: { arrives: ({ claims }) => expect(Number(claims.exp) * 1000).toBeLessThan(Date.now() - 80_000_000) },
  'missing exp': { arrives: ({ claims }) => expect(claims).not.toHaveProperty('exp') },
  'not yet valid': {
    arrives: ({ claims }) => expect(Number(claims.nbf) * 1000).toBeGreaterThan(Date.now() + 80_000_000),
  },
  'missing sub': { arrives: ({ claims }) => expect(claims).not.toHaveProperty('sub') },
  'empty sub': { arrives: ({ claims }) => expect(claims.sub).toBe(''), accepted: true },
  'foreign key with the same kid': { arrives: isForeign },
  'foreign key with an unknown kid': { arrives: ({ header }) => expect(header.kid).toBe('unknown') },
  'foreign key named in jku': {
    arrives: async (wire) => {
      expect(wire.header.jku).toBe('https://attacker.example/jwks');
      await isForeign(wire);
    },
  },
  'alg none': {
    arrives: ({ header, idToken }) => {
      expect(header.alg).toBe('none');
      expect(idToken).toMatch(/\.$/);
    },
  },
  'HS256 with the public key': { arrives: ({ header }) => expect(header.alg).toBe('HS256') },
  'HS256 with the client secret': {
    arrives: async ({ idToken }) => {
      await expect(jwtVerify(idToken, new TextEncoder().encode(idp.clientSecret))).resolves.toMatchObject({
        protectedHeader: { alg: 'HS256' },
      });
    },
  },
  'signature cut off': {
    arrives: ({ header, idToken }) => {
      expect(header.alg).toBe('ES256');
      expect(idToken).toMatch(/\.$/);
    },
  },
  'no JWT': { arrives: ({ idToken }) => expect(idToken).toBe('not-a-jwt') },
  absent: { arrives: ({ idToken }) => expect(idToken).toBeUndefined() },
};

async function publishedKid(): Promise<string> {
  const { keys } = (await (await fetch(idp.endpoints.jwks)).json()) as { keys: { kid: string }[] };
  expect(keys).toHaveLength(1);
  return keys[0]?.kid ?? '';
}

async function isForeign({ header, idToken }: Wire): Promise<void> {
  expect(header).toMatchObject({ alg: 'ES256', kid: await publishedKid() });
  await expect(jwtVerify(idToken, createRemoteJWKSet(new URL(idp.endpoints.jwks)))).rejects.toMatchObject({
    code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
  });
}

/** Faults of the claims are under a good signature: the claim alone decides. */
const UNDER_A_GOOD_SIGNATURE = /issuer|audience|nonce|exp|valid|sub$/;

describe('a broken ID token', () => {
  it.each(Object.entries(EXPECTED))('arrives: %s', async (name, { arrives, accepted }) => {
    idp.misbehave.idToken = idTokenFaults[name as keyof typeof idTokenFaults];
    const { body } = await (await authorize()).redeem();
    const idToken = body.id_token as string;
    const readable = idToken?.split('.').length === 3;
    await arrives({
      idToken,
      header: readable ? decodeProtectedHeader(idToken) : {},
      claims: readable ? decodeJwt(idToken) : {},
    });
    if (UNDER_A_GOOD_SIGNATURE.test(name)) {
      await expect(compactVerify(idToken, createRemoteJWKSet(new URL(idp.endpoints.jwks)))).resolves.toMatchObject({
        protectedHeader: { alg: 'ES256', kid: await publishedKid() },
      });
    }

    const { finish } = await authorize();
    if (accepted) await expect(finish()).resolves.toHaveProperty('id_token');
    else await expect(finish()).rejects.toThrow();
  });

  it('ends when the provider behaves again', async () => {
    idp.misbehave.idToken = idTokenFaults.absent;
    idp.behave();

    expect((await (await authorize()).finish()).claims()?.sub).toBe('alice');
  });

  it('may be a good one under a key published later (key rotation)', async () => {
    const rotated = { ...idp.foreignKey, kid: 'rotated' };
    idp.misbehave.idToken = (claims, sign) => sign(claims, 'foreign-key', { kid: 'rotated' });
    await expect((await authorize()).finish()).rejects.toThrow();

    idp.misbehave.jwks = (jwks) => ({ keys: [...(jwks.keys as object[]), rotated] });
    expect((await (await authorize()).finish()).claims()?.sub).toBe('alice');
  });
});

describe('a broken endpoint', () => {
  it.each([
    ['hang', 'OAUTH_TIMEOUT', {}],
    // The same time limit under another code: openid-client was already reading the body.
    ['stall', 'OAUTH_PARSE_ERROR', { cause: { cause: { name: 'TimeoutError' } } }],
  ] as const)('keeps the relying party waiting: %s', async (fault, code, details) => {
    idp.misbehave.token = fault;
    const { finish } = await authorize({ timeoutSeconds: 0.2 });

    await expect(finish()).rejects.toMatchObject({ code, ...details });
  });

  it.each(['http500', 'html', 'refuse'] as const)('fails the login: %s', async (fault) => {
    idp.misbehave.token = fault;
    const { finish } = await authorize();

    await expect(finish()).rejects.toThrow();
    expect(idp.requests.filter(({ path }) => path === '/token')).toHaveLength(1);
  });

  it('answers at length, and well for a client without a limit', async () => {
    idp.misbehave.token = 'huge';
    const { body } = await (await authorize()).redeem();

    expect(body.padding).toHaveLength(20_000_000);
    expect(decodeJwt(body.id_token ?? '').sub).toBe('alice');
  });

  it('redirects with the form, and answers well whoever follows', async () => {
    idp.misbehave.token = 'redirect';
    const { finish, redeem, callback } = await authorize();
    await expect(finish()).rejects.toThrow();
    expect(idp.requests.some(({ path }) => path === '/redirected/token')).toBe(false);

    const { response, body } = await redeem();
    expect(response.redirected).toBe(true);
    expect(decodeJwt(body.id_token ?? '').sub).toBe('alice');
    const request = idp.requests.find(({ path }) => path === '/redirected/token');
    expect(request?.form.get('code')).toBe(callback.searchParams.get('code'));
  });

  it.each(['http500', 'refuse', 'html'] as const)('fails the signature check without keys: %s', async (fault) => {
    idp.misbehave.jwks = fault;
    await expect((await authorize()).finish()).rejects.toThrow();
  });

  it('discovers another issuer', async () => {
    const discover = () =>
      openid.discovery(new URL(idp.issuer), 'gateway', undefined, undefined, {
        execute: [openid.allowInsecureRequests],
      });
    expect((await discover()).serverMetadata().token_endpoint).toBe(idp.endpoints.token);

    idp.misbehave.discovery = (document) => ({ ...document, issuer: 'https://attacker.example' });
    await expect(discover()).rejects.toThrow();
    idp.misbehave.discovery = 'http500';
    await expect(discover()).rejects.toThrow();
  });

  it('sends the browser back with an error, and only to a registered redirect URI', async () => {
    idp.misbehave.authorize = { error: 'temporarily_unavailable', error_description: 'back soon' };
    const { callback, finish } = await authorize();

    expect(Object.fromEntries(callback.searchParams)).toMatchObject({
      error: 'temporarily_unavailable',
      error_description: 'back soon',
      state: expect.any(String),
      iss: idp.issuer,
    });
    await expect(finish()).rejects.toMatchObject({ error: 'temporarily_unavailable' });
    const foreign = `${idp.endpoints.authorization}?client_id=gateway&response_type=code&scope=openid&redirect_uri=https://attacker.example`;
    expect((await newBrowser().get(foreign)).status).toBe(400);
  });
});

describe('the browser', () => {
  let server: Server;
  let origin: string;
  let route: (request: IncomingMessage, response: ServerResponse) => void;
  const seen: IncomingMessage[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(request);
      route(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(() => {
    seen.length = 0;
  });

  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
  });

  const html = (body: string, headers: Record<string, string | string[]> = {}) => {
    route = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html', ...headers }).end(body);
    };
  };
  const lastHeaders = () => seen.at(-1)?.headers ?? {};

  const SET_COOKIE: [name: string, url: string, setCookie: string, stored: boolean][] = [
    ['plain', 'http://127.0.0.1/', 'a=1', true],
    ['Secure over http, even on loopback', 'http://127.0.0.1/', 'a=1; Secure', false],
    ['Secure over https', 'https://mcp.example/', 'a=1; Secure', true],
    ['__Host- complete', 'https://mcp.example/', '__Host-a=1; Secure; Path=/', true],
    ['__Host- without Path=/', 'https://mcp.example/', '__Host-a=1; Secure', false],
    ['__Host- with Path=/x', 'https://mcp.example/x', '__Host-a=1; Secure; Path=/x', false],
    ['__Host- with Domain', 'https://mcp.example/', '__Host-a=1; Secure; Path=/; Domain=mcp.example', false],
    ['__host- in lower case', 'https://mcp.example/', '__host-a=1', false],
    ['a nameless cookie that spells __Host-', 'https://mcp.example/', '=__Host-a=1', false],
    ['__Secure- without Secure', 'https://mcp.example/', '__Secure-a=1', false],
    ['__Secure- over http', 'http://127.0.0.1/', '__Secure-a=1; Secure', false],
    ['Domain of a parent', 'https://a.mcp.example/', 'a=1; Domain=mcp.example', true],
    ['Domain of a sibling', 'https://a.mcp.example/', 'a=1; Domain=b.mcp.example', false],
    ['Domain of a suffix that is no parent', 'https://evilmcp.example/', 'a=1; Domain=mcp.example', false],
    ['Domain of one label', 'https://mcp.example/', 'a=1; Domain=example', false],
    ['SameSite=None without Secure', 'https://mcp.example/', 'a=1; SameSite=None', false],
    ['a control character', 'https://mcp.example/', 'a=1\u0001', false],
    ['more than 4096 characters', 'https://mcp.example/', `a=${'x'.repeat(4096)}`, false],
  ];

  it.each(SET_COOKIE)('judges a cookie: %s', (_name, url, setCookie, stored) => {
    const browser = createBrowser();
    if (stored) browser.setCookie(url, setCookie);
    else expect(() => browser.setCookie(url, setCookie)).toThrow('cookie refused');
    expect(browser.cookies()).toHaveLength(stored ? 1 : 0);
  });

  it('sends cookies by host, path and age, the longest path first', () => {
    let now = 1_000_000;
    const browser = createBrowser({ now: () => now });
    browser.setCookie('http://127.0.0.1/oauth/callback', 'root=1; Path=/');
    browser.setCookie('http://127.0.0.1/oauth/callback', 'default=1');
    browser.setCookie(
      'http://127.0.0.1/oauth/callback',
      'short=1; Path=/oauth/callback; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
    );
    const names = (url: string) => browser.cookies(url).map(({ name }) => name);

    expect(names('http://127.0.0.1/oauth/callback')).toEqual(['short', 'default', 'root']);
    expect(names('http://127.0.0.1/oauth/callback/x')).toEqual(['short', 'default', 'root']);
    expect(names('http://127.0.0.1/oauth/callbackx')).toEqual(['default', 'root']);
    expect(names('http://127.0.0.1/oauthx')).toEqual(['root']);
    expect(names('http://localhost/oauth/callback')).toEqual([]);
    now += 60_000;
    expect(names('http://127.0.0.1/oauth/callback')).toEqual(['default', 'root']);

    browser.setCookie('http://127.0.0.1/', 'default=; Path=/oauth; Expires=Thu, 01 Jan 1970 00:00:00 GMT');
    browser.setCookie('http://127.0.0.1/', 'root=; Path=/elsewhere; Max-Age=0');
    expect(names('http://127.0.0.1/oauth/callback')).toEqual(['root']);
    browser.clearCookies();
    expect(browser.cookies()).toEqual([]);
  });

  it('keeps a Secure cookie from being overlaid over http', () => {
    const browser = createBrowser();
    browser.setCookie('https://mcp.example/', 'session=good; Secure');
    expect(() => browser.setCookie('http://mcp.example/', 'session=evil')).toThrow('overlay');
    expect(browser.cookies('https://mcp.example/').map(({ value }) => value)).toEqual(['good']);
  });

  it('reports refused cookies of an answer', async () => {
    html('', { 'set-cookie': ['good=1', 'bad=1; Secure'] });
    const browser = createBrowser();
    await browser.get(`${origin}/`);

    expect(browser.cookies(origin).map(({ name }) => name)).toEqual(['good']);
    expect(browser.rejectedCookies).toEqual([
      { url: `${origin}/`, setCookie: 'bad=1; Secure', reason: 'Secure cookie from http' },
    ]);
  });

  it('holds SameSite cookies back from other sites', async () => {
    html('');
    const browser = createBrowser();
    for (const cookie of ['strict=1; SameSite=Strict', 'lax=1; SameSite=Lax', 'unset=1'])
      browser.setCookie(origin, cookie);
    await browser.get(`${origin}/`);
    expect(lastHeaders().cookie).toBe('strict=1; lax=1; unset=1');
    await browser.get(`${origin}/`, { from: 'https://evil.example/' });
    expect(lastHeaders().cookie).toBe('lax=1; unset=1');
    await browser.post(`${origin}/`, {}, { from: 'https://evil.example/' });
    expect(lastHeaders().cookie).toBe('unset=1');
    await browser.post(`${origin}/`, {}, { from: 'http://127.0.0.1:1/another-port' });
    expect(lastHeaders().cookie).toBe('strict=1; lax=1; unset=1');
  });

  it.each([
    ['a typed address', undefined, 'none', undefined],
    ['the same origin', 'self', 'same-origin', 'self'],
    ['another port', 'http://127.0.0.1:1/x', 'same-site', 'http://127.0.0.1:1/'],
    ['another host', 'https://evil.example/x', 'cross-site', undefined],
    ['a sandbox', 'null', 'cross-site', undefined],
  ])('says where a navigation came from: %s', async (_name, from, site, referer) => {
    html('');
    const own = (text: string | undefined) => (text === 'self' ? `${origin}/page` : text);
    const start = own(from);
    await createBrowser().get(`${origin}/`, start === undefined ? {} : { from: start });

    expect(lastHeaders()).toMatchObject({
      'sec-fetch-site': site,
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    });
    expect(lastHeaders().accept).toMatch(/^text\/html,/);
    expect(lastHeaders().referer).toBe(own(referer));
    expect(lastHeaders()).not.toHaveProperty('origin');
  });

  it('remembers foreign origins along a chain of redirects', async () => {
    route = (request, response) => {
      const target = { '/a': `${origin.replace('127.0.0.1', 'localhost')}/b`, '/b': `${origin}/c` }[request.url ?? ''];
      response.writeHead(target ? 302 : 200, target ? { location: target } : {}).end();
    };
    // `localhost` is another site than 127.0.0.1.
    const browser = createBrowser({
      reverseProxy: { [origin.replace('127.0.0.1', 'localhost')]: origin },
    });
    const page = await browser.get(`${origin}/a`, { from: origin });
    expect(page.redirects.map(({ url }) => new URL(url).pathname)).toEqual(['/a', '/b']);
    expect(seen.map(({ headers }) => headers['sec-fetch-site'])).toEqual(['same-origin', 'cross-site', 'cross-site']);

    seen.length = 0;
    await browser.get(`${origin}/a`);
    expect(seen.map(({ headers }) => headers['sec-fetch-site'])).toEqual(['none', 'none', 'none']);
  });

  it('sends Origin with a form, and null when the page has Referrer-Policy: no-referrer', async () => {
    html('<form method="post"><input name="a"></form>');
    const browser = createBrowser();
    const page = await browser.get(`${origin}/page`);
    await browser.submit(page);
    expect(lastHeaders()).toMatchObject({ origin, referer: `${origin}/page`, 'sec-fetch-site': 'same-origin' });

    html('<form method="post"><input name="a"></form>', { 'referrer-policy': 'no-referrer' });
    await browser.submit(await browser.get(`${origin}/page`));
    expect(lastHeaders()).toMatchObject({ origin: 'null', 'sec-fetch-site': 'same-origin' });
    expect(lastHeaders()).not.toHaveProperty('referer');

    await browser.post(`${origin}/`, { a: '1' }, { from: 'https://evil.example/' });
    expect(lastHeaders().origin).toBe('null');
    await browser.post(`${origin}/`, { a: '1' }, { from: 'http://evil.example/' });
    expect(lastHeaders()).toMatchObject({ origin: 'http://evil.example', 'sec-fetch-site': 'cross-site' });
  });

  it.each([
    [303, 'GET', undefined],
    [302, 'GET', undefined],
    [307, 'POST', 'application/x-www-form-urlencoded'],
  ])('follows %i with %s', async (status, method, contentType) => {
    route = (request, response) => {
      const first = request.url === '/first';
      response.writeHead(first ? status : 200, first ? { location: '/second' } : {}).end();
    };
    await createBrowser().post(`${origin}/first`, { a: '1' });

    expect(seen.at(-1)).toMatchObject({ url: '/second', method });
    expect(lastHeaders()['content-type']).toBe(contentType);
  });

  it('stops where it is told to, at other schemes, and in a loop', async () => {
    route = (request, response) => {
      response.writeHead(302, { location: request.url === '/app' ? 'cursor://cb?code=1' : '/loop' }).end();
    };
    const browser = createBrowser();
    expect((await browser.get(`${origin}/app`)).location).toBe('cursor://cb?code=1');
    await expect(browser.get(`${origin}/loop`, { maxRedirects: 3 })).rejects.toThrow('too many redirects');

    seen.length = 0;
    const stopped = await browser.get(`${origin}/x`, { stopAt: (url) => url.endsWith('/loop') });
    expect(stopped).toMatchObject({ status: 302, url: `${origin}/x`, location: `${origin}/loop` });
    expect(seen).toHaveLength(1);
    html('there');
    expect((await browser.follow(stopped)).text).toBe('there');
  });

  it('never leaves loopback', async () => {
    await expect(createBrowser().get('http://mcp.example/')).rejects.toThrow('not http on loopback');
    await expect(createBrowser().get('https://127.0.0.1/')).rejects.toThrow('not http on loopback');
  });

  it('acts as a TLS-terminating reverse proxy, where __Host- cookies live', async () => {
    html('', { 'set-cookie': '__Host-id=1; Secure; Path=/' });
    const browser = createBrowser({ reverseProxy: { 'https://mcp.example': origin } });
    await browser.get('https://mcp.example/a?b=1');
    await browser.get('https://mcp.example/a?b=1');

    expect(browser.rejectedCookies).toEqual([]);
    expect(seen.at(-1)?.url).toBe('/a?b=1');
    expect(lastHeaders()).toMatchObject({ host: 'mcp.example', 'x-forwarded-proto': 'https', cookie: '__Host-id=1' });
  });

  it('reads forms and sends them as a click would', async () => {
    html(`<!doctype html><title>T</title><!-- <form id="no"> --><script>"<form>"</script>
      <p>One&nbsp;<b>t</b>wo &lt;b&gt; &#x41;&#66;</p><a href="/next?a=1&amp;b=2"> Next  <i>page</i></a>
      <form id=consent action="/decide?x=1" method=POST>
        <input type=hidden name=csrf value='a&quot;b>c'><input name=text value=old><input name=off disabled value=1>
        <input type=checkbox name=scope value=read checked><input type=checkbox name=scope value=write>
        <input type=radio name=how value=once><input type=radio name=how value=always checked>
        <select name=team><option>red</option><option value=b selected>blue</select>
        <select name=first><option>one<option>two</select>
        <textarea name=note>
a <b>&amp;</textarea>
        <button type=button name=js>JS</button><button name=decision value=allow>Al<b>low</b></button>
        <input type=submit name=decision value=deny>
      </form><button form=consent name=late value=1 formaction="/late">Late</button>
      <form><input name=q value=1></form>`);
    const browser = createBrowser();
    const page = await browser.get(`${origin}/page?y=1`);

    expect(page.text).toContain('One two <b> AB Next page');
    expect(page.text).not.toContain('form');
    expect(page.links).toEqual([{ href: `${origin}/next?a=1&b=2`, text: 'Next page' }]);
    expect(page.forms).toHaveLength(2);
    expect(page.forms[0]).toMatchObject({ id: 'consent', method: 'POST', action: `${origin}/decide?x=1` });
    expect(page.forms[0]?.fields).toEqual({
      csrf: 'a"b>c',
      text: 'old',
      scope: 'read',
      how: 'always',
      team: 'b',
      first: 'one',
      note: 'a <b>&',
    });

    const bodies: string[] = [];
    route = (request, response) => {
      void request.toArray().then((chunks) => {
        bodies.push(`${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`);
        response.end();
      });
    };
    const untouched = 'csrf=a%22b%3Ec&text=old&scope=read&how=always&team=b&first=one&note=a+%3Cb%3E%26';
    await browser.submit(page, '#consent');
    await browser.submit(page, 'csrf', { decision: 'deny', text: 'new', scope: ['read', 'x'], how: false });
    await browser.submit(page, 0, { scope: true, late: '1' });
    await browser.submit(page, 'q', { q: 'a b' });
    await browser.follow(page, 'Next page');
    expect(bodies).toEqual([
      `POST /decide?x=1 ${untouched}&decision=allow`,
      'POST /decide?x=1 csrf=a%22b%3Ec&text=new&scope=read&scope=x&team=b&first=one&note=a+%3Cb%3E%26&decision=deny',
      'POST /late csrf=a%22b%3Ec&text=old&scope=read&scope=write&how=always&team=b&first=one&note=a+%3Cb%3E%26&late=1',
      'GET /page?q=a+b ',
      'GET /next?a=1&b=2 ',
    ]);

    const misspelt: [string | number, Record<string, string>, string][] = [
      ['#consent', { txet: 'new' }, 'has no txet'],
      ['#consent', { decision: 'maybe' }, 'no button has decision=maybe'],
      [7, {}, '0 forms match 7'],
    ];
    for (const [form, overrides, message] of misspelt) {
      await expect(browser.submit(page, form, overrides)).rejects.toThrow(message);
    }
  });

  it('sees no form in an answer that is not HTML', async () => {
    html('<form><input name=a></form>', { 'content-type': 'text/plain' });
    const page: Page = await createBrowser().get(`${origin}/`);
    expect(page.forms).toEqual([]);
  });

  it('gives up on an answer that does not come', async () => {
    route = () => undefined;
    await expect(createBrowser().get(`${origin}/`, { timeoutMs: 50 })).rejects.toThrow('GET');
    server.closeAllConnections();
  });
});

/** jest hides process warnings from tests (its `process` is a copy), so the second test runs outside of jest. */
describe('the console', () => {
  it('stays silent in all of the above', () => {
    expect(printed.flatMap(({ mock }) => mock.calls)).toEqual([]);
  });

  it('stays silent in plain Node, which runs the helpers without a build', async () => {
    const helpers = new URL('../helpers/', import.meta.url);
    const script = `
      import { createBrowser } from ${JSON.stringify(new URL('browser.ts', helpers).href)};
      import { startIdentityProvider } from ${JSON.stringify(new URL('identity-provider.ts', helpers).href)};
      const idp = await startIdentityProvider({ redirectUris: [${JSON.stringify(REDIRECT_URI)}] });
      const browser = createBrowser({ stopAt: (url) => url.startsWith(${JSON.stringify(REDIRECT_URI)}) });
      const query = new URLSearchParams({ client_id: 'gateway', response_type: 'code', scope: 'openid', redirect_uri: ${JSON.stringify(REDIRECT_URI)} });
      const page = await browser.get(idp.endpoints.authorization + '?' + query);
      const { location } = await browser.submit(page, 'login', { login: 'alice' });
      const body = new URLSearchParams({ grant_type: 'authorization_code', code: new URL(location).searchParams.get('code'),
        redirect_uri: ${JSON.stringify(REDIRECT_URI)}, client_id: idp.clientId, client_secret: idp.clientSecret });
      const tokens = await (await fetch(idp.endpoints.token, { method: 'POST', body })).json();
      await fetch(idp.endpoints.token, { method: 'POST', body: '{' });
      await fetch(idp.endpoints.token, { method: 'POST', body, headers: { origin: 'https://app.example' } });
      await browser.get(idp.issuer + '/interaction/none');
      await browser.get(idp.issuer + '/nowhere');
      await idp.close();
      process.stdout.write(Object.keys(tokens).join());
    `;
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    expect({ stdout, stderr }).toEqual({ stdout: 'access_token,expires_in,id_token,scope,token_type', stderr: '' });
  });
});
