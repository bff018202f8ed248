/** The identity provider: forged ID tokens, lying discovery and keys, odd answers, its tokens at our doors, confusable people */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Federation, isSignInPage, startFederation } from '../federation/support.ts';
import type { Page } from '../helpers/browser.ts';
import { idTokenFaults, type JsonRewrite } from '../helpers/identity-provider-faults.ts';
import { callbackOf, postForm } from '../helpers/oauth-client.ts';
import { insides, startTarget, type Target } from './support.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget({ options: () => ({ rateLimits: false }) });
});
afterEach(() => target.reset());
afterAll(() => target.close());

/** Nobody is signed in; the client hears a clean error, and nothing of what was wrong. */
async function expectNobody(): Promise<void> {
  const { answer: page, writes } = await target.gateway.observe(() => target.signIn());
  const end = callbackOf(page);
  expect(end.code).toBeUndefined();
  expect(end).toMatchObject({
    iss: target.url,
    state: 'the state',
    error: expect.stringMatching(/^(?:server_error|access_denied|temporarily_unavailable|login_required)$/),
  });
  expect(decodeURIComponent(page.location ?? '')).not.toMatch(/<|jose|signature|nonce|audience|kid/i);
  expect(writes.filter((write) => /(SignIn|Grant|AuthorizationCode|AccessToken|RefreshToken)$/.test(write))).toEqual(
    [],
  );
}

describe('an ID token that lies signs nobody in (OpenID Connect Core section 3.1.3.7, RFC 8725)', () => {
  const good = new Set(['several audiences, azp own']);
  it.each(Object.entries(idTokenFaults).filter(([name]) => !good.has(name)))('%s', async (_name, hook) => {
    target.idp.misbehave.idToken = hook;
    await expectNobody();
  });

  const day = 86_400;
  it.each<[string, Record<string, unknown>]>([
    ['a subject that is a number', { sub: 7 }],
    ['a subject that is a list', { sub: ['alice'] }],
    ['a subject that is an object', { sub: { toString: 'alice' } }],
    ['a subject with NUL', { sub: 'alice\0' }],
    ['a subject with a lone surrogate', { sub: 'alice\ud800' }],
    ['an issuer that is a list', { iss: ['x'] }],
    ['an audience in other case', { aud: 'GATEWAY' }],
    ['an audience with a space', { aud: 'gateway ' }],
    ['an empty list of audiences', { aud: [] }],
    ['an audience of prototypes', { aud: '__proto__' }],
    ['a nonce that is a list', { nonce: ['x'] }],
    ['an empty nonce', { nonce: '' }],
    ['an end in words', { exp: 'tomorrow' }],
    ['an end of long ago', { exp: 1 }],
    ['a begin in the future', { nbf: 9_999_999_999 }],
    ['an issue in the future', { iat: Math.floor(Date.now() / 1000) + day }],
    ['an issue in words', { iat: 'now' }],
  ])('%s', async (_what, changes) => {
    target.idp.misbehave.idToken = (claims, sign) => sign({ ...claims, ...changes } as never);
    await expectNobody();
  });

  it.each<[string, Record<string, unknown>]>([
    ['an unknown critical extension', { crit: ['x'], x: 1 }],
    ['b64 off', { crit: ['b64'], b64: false }],
    ['a key id that is a path', { kid: '../../../dev/null' }],
    ['a key id of prototypes', { kid: '__proto__' }],
    ['an unknown key id', { kid: 'x'.repeat(2000) }],
  ])('a token with %s', async (_what, header) => {
    target.idp.misbehave.idToken = (claims, sign) => sign(claims, 'foreign-key', header as never);
    await expectNobody();
  });

  it.each(['', 'a.b', 'a.b.c.d.e', '....', 'null', `${'x'.repeat(70_000)}.y.z`, '\0.\0.\0'])(
    'the text %#',
    async (text) => {
      target.idp.misbehave.idToken = async () => text;
      await expectNobody();
    },
  );
});

describe('an answer of the token endpoint that is none signs nobody in', () => {
  it.each(['http500', 'html', 'refuse', 'redirect', 'huge'] as const)('%s', async (fault) => {
    target.idp.misbehave.token = fault;
    await expectNobody();
    expect(target.idp.requests.filter(({ path }) => path.startsWith('/redirected'))).toEqual([]);
  });

  it.each<[string, JsonRewrite]>([
    ['nothing', () => ({})],
    ['a list', () => [] as never],
    ['null', () => null as never],
    ['a token that is a number', (body) => ({ ...body, id_token: 7 })],
    ['a token that is an object', (body) => ({ ...body, id_token: { a: 1 } })],
    ['no access token', ({ access_token: _, ...body }) => body],
    ['members of prototypes', (body) => ({ ...body, id_token: undefined, constructor: { id_token: body.id_token } })],
    ['an error beside it', () => ({ error: 'invalid_grant', error_description: '<script>' })],
  ])('%s', async (_what, rewrite) => {
    target.idp.misbehave.token = rewrite;
    await expectNobody();
  });
});

describe('a callback that says odd things ends as a clean error of the client', () => {
  it.each<Record<string, string>>([
    { error: 'access_denied' },
    { error: 'server_error', error_description: '<img src=x onerror=alert(1)>' },
    { error: 'temporarily_unavailable' },
    { error: 'x'.repeat(3000) },
    { error: 'a\r\nSet-Cookie: x=y' },
    { error: '__proto__' },
    { error: 'access_denied', code: 'a code beside it' },
    { error: '', code: '' },
    { error: '', code: 'unknown' },
    { error: '', code: 'a\0b' },
    { error: '', code: '../../token' },
    { error: '', code: 'x'.repeat(3000) },
  ])('%j', async (parameters) => {
    target.idp.misbehave.authorize = parameters as { error: string };
    const page = await target.signIn();
    expect(callbackOf(page).code).toBeUndefined();
    expect(page.status).toBeLessThan(500);
    expect(page.html).not.toMatch(/<script|<img|onerror/);
    expect(`${page.location}`).not.toMatch(/<|onerror|x=y/);
    expect(page.html).not.toMatch(insides);
  });
});

describe('tokens of the identity provider are none of ours (MCP 2026-07-28, Token Passthrough)', () => {
  it('neither at a resource nor at our endpoints, nor do they reach the client', async () => {
    const given: string[] = [];
    target.idp.misbehave.token = (body) => {
      for (const name of ['access_token', 'id_token', 'refresh_token']) if (body[name]) given.push(String(body[name]));
      return body;
    };
    const code = await target.code();
    const { text, json } = await target.client.redeem(code);
    expect(given.length).toBeGreaterThanOrEqual(2);
    expect(json).not.toHaveProperty('id_token');
    for (const token of given) {
      expect(text).not.toContain(token);
      for (const path of ['/mcp', '/other', '/proxied']) expect((await target.call(token, path)).status).toBe(401);
      expect((await target.client.refresh(token)).status).toBe(400);
      expect((await target.client.introspect(token)).json?.active).not.toBe(true);
      const bearer = {
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: token,
        client_id: target.client.clientId,
      };
      expect((await postForm(`${target.url}/oauth/token`, bearer)).status).toBeGreaterThanOrEqual(400);
    }
    expect(target.upstream.received).toEqual([]);
  });

  it('a logout token is one only if it is one: no ID token, no other key, no other audience', async () => {
    const { access } = await target.tokens();
    const now = Math.floor(Date.now() / 1000);
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
    const claims = {
      iss: target.idp.issuer,
      aud: target.idp.clientId,
      sub: 'alice',
      iat: now,
      exp: now + 60,
      jti: 'j',
    };
    const forged = [
      await target.idp.sign({ ...claims, events }, { typ: 'logout+jwt' }, 'foreign'),
      await target.idp.sign({ ...claims, events, aud: 'another' }, { typ: 'logout+jwt' }),
      await target.idp.sign({ ...claims, events, iss: 'https://evil.example' }, { typ: 'logout+jwt' }),
      await target.idp.sign({ ...claims, events, nonce: 'x' }, { typ: 'logout+jwt' }),
      await target.idp.sign(claims, { typ: 'logout+jwt' }),
      await target.idp.sign({ ...claims, nonce: 'n' }, { typ: 'JWT' }),
      'x',
      '',
      'a.b.c',
    ];
    for (const logout_token of forged) {
      const { status } = await postForm(`${target.url}/oauth/backchannel-logout`, { logout_token });
      expect([logout_token.slice(0, 20), status]).toEqual([logout_token.slice(0, 20), 400]);
    }
    expect((await target.call(access)).status).toBe(200);
  });
});

describe('people who look alike stay apart (OpenID Connect Core section 5.7)', () => {
  const subjectOf = async () => {
    const { json } = await target.client.redeem(await target.code());
    const { user } = (await target.call(String(json?.access_token))).json as {
      user: { sub: string; data: { email?: string } };
    };
    return user;
  };

  it.each([
    'Alice',
    'ALICE',
    'alice ',
    ' alice',
    'alice\u200b',
    'alïce',
    'ali\u0308ce',
    '%61lice',
    'alice|bob',
    'alice:x',
    '../alice',
    '__proto__',
    'constructor',
    '0',
    'null',
    'undefined',
    "a' OR '1'='1",
    '{"$ne":1}',
    'a*',
    '🙂'.repeat(20),
    'a'.repeat(255),
  ])('the subject %j is itself and nobody else', async (sub) => {
    target.idp.misbehave.idToken = (claims, sign) => sign({ ...claims, sub });
    expect((await subjectOf()).sub).toBe(sub);
  });

  it('one e-mail address does not make two people one', async () => {
    const alice = await target.tokens({ user: 'alice' });
    target.idp.misbehave.idToken = (claims, sign) =>
      sign({ ...claims, email: 'alice@acme.example', email_verified: true });
    const bob = await target.tokens({ user: 'bob' });
    const subjects = [];
    for (const { access } of [alice, bob])
      subjects.push(((await target.call(access)).json as { user: { sub: string } }).user.sub);
    expect(subjects).toEqual(['alice', 'bob']);
  });

  it('claims cannot take the place of what is proven: issuer, client, token and prototype', async () => {
    const extra = {
      client_id: 'forged',
      clientId: 'forged',
      token: 'forged',
      scopes: ['admin'],
      isAdmin: true,
      data: { roles: ['admin'] },
      constructor: { prototype: { isAdmin: true } },
    };
    target.idp.misbehave.idToken = (claims, sign) => sign({ ...claims, ...extra } as never);
    const { json } = await target.client.redeem(await target.code());
    const answer = await target.call(String(json?.access_token));
    const { user } = answer.json as { user: { sub: string; iss: string; data: Record<string, unknown> } };
    expect([user.sub, user.iss, user.data.clientId]).toEqual(['alice', target.idp.issuer, target.client.clientId]);
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
    expect(json?.scope ?? 'mcp:tools').toBe('mcp:tools');
  });
});

/** Approves the client and signs in, as far as that goes. */
async function signInAt(federation: Federation): Promise<Page> {
  const browser = federation.browser();
  const page = await federation.approve(browser);
  return isSignInPage(page) ? browser.submit(page, 'login', { login: 'alice' }) : page;
}

describe('discovery and keys that lie', () => {
  it.each<[string, JsonRewrite]>([
    ['another issuer', (body) => ({ ...body, issuer: 'https://evil.example' })],
    ['the issuer with a slash', (body) => ({ ...body, issuer: `${String(body.issuer)}/` })],
    ['no issuer', ({ issuer: _, ...body }) => body],
    ['no token endpoint', ({ token_endpoint: _, ...body }) => body],
    ['a token endpoint inside the network', (body) => ({ ...body, token_endpoint: 'http://169.254.169.254/latest' })],
    [
      'a token endpoint at the trap',
      (body) => ({ ...body, token_endpoint: `https://127.0.0.2:${target.canary.port}/token` }),
    ],
    ['keys at the trap', (body) => ({ ...body, jwks_uri: `https://127.0.0.2:${target.canary.port}/jwks` })],
    ['keys in a file', (body) => ({ ...body, jwks_uri: 'file:///etc/passwd' })],
    ['a sign-in page that is a script', (body) => ({ ...body, authorization_endpoint: 'javascript:alert(1)' })],
    ['endpoints that are no text', (body) => ({ ...body, authorization_endpoint: { a: 1 }, token_endpoint: 7 })],
  ])('a document with %s signs nobody in', async (_what, rewrite) => {
    const own = await startFederation();
    try {
      own.idp.misbehave.discovery = rewrite;
      const page = await signInAt(own);
      expect(callbackOf(page).code).toBeUndefined();
      expect(page.location ?? '').not.toMatch(/^javascript:/);
      expect(page.html).not.toMatch(insides);
    } finally {
      await own.close();
    }
  });

  it('three hundred forged key ids fetch the keys a few times at most (GHSA-675f-rq2r-jw82)', async () => {
    await target.tokens(); // The keys are known.
    target.reset();
    const now = Math.floor(Date.now() / 1000);
    for (let round = 0; round < 3; round += 1) {
      const tokens = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          target.idp.sign(
            {
              iss: target.idp.issuer,
              aud: target.idp.clientId,
              sub: 'alice',
              iat: now,
              exp: now + 60,
              jti: `${round}-${index}`,
              events: {},
            },
            { kid: `forged-${round}-${index}`, typ: 'logout+jwt' },
            'foreign',
          ),
        ),
      );
      await Promise.all(
        tokens.map((logout_token) => postForm(`${target.url}/oauth/backchannel-logout`, { logout_token })),
      );
    }
    expect(target.idp.requests.filter(({ path }) => path === '/jwks').length).toBeLessThanOrEqual(2);
  });

  it.each<[string, JsonRewrite]>([
    ['no list', () => ({})],
    ['a symmetric key', () => ({ keys: [{ kty: 'oct', k: 'AAAA', alg: 'HS256' }] })],
    ['a key that is null', () => ({ keys: [null] })],
  ])('a key set with %s signs nobody in', async (_what, rewrite) => {
    const own = await startFederation();
    try {
      own.idp.misbehave.jwks = rewrite;
      expect(callbackOf(await signInAt(own)).code).toBeUndefined();
    } finally {
      await own.close();
    }
  });
});
