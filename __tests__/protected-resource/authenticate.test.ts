import { METHODS } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createBrowser } from '../helpers/browser.ts';
import {
  type Answer,
  basic,
  createOAuthClient,
  type OAuthClient,
  postForm,
  type Sent,
  send,
} from '../helpers/oauth-client.ts';
import { type Observed, type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

let gateway: ObservedGateway;
let client: OAuthClient;
let accessToken: string;
let refreshToken: string;
/** How often a handler behind `authenticate` was reached. */
let reached = 0;

beforeAll(async () => {
  gateway = await startObservedGateway({
    options: () => ({ gateway: { accessTokenTtlSeconds: 60, tokenCacheSeconds: 0 } }),
    routes(app, auth) {
      const handler = (_req: unknown, res: { json(body: object): void }) => {
        reached += 1;
        res.json({ ok: true });
      };
      app.all('/mcp', auth.authenticate('/mcp', { default: true }), handler);
      app.all('/wide', auth.authenticate('/wide', { scopes: ['mcp:tools', 'mcp:admin'] }), handler);
    },
  });
  client = await createOAuthClient(gateway.url);
});
afterAll(() => gateway.close());
beforeEach(async () => {
  const { json } = await client.redeem(await client.login(createBrowser()));
  accessToken = String(json?.access_token);
  refreshToken = String(json?.refresh_token);
  reached = 0;
});
afterEach(() => {
  jest.restoreAllMocks();
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const call = (sent: Sent = {}, path = '/mcp') => gateway.observe(() => send(gateway.url + path, sent));

/** The challenge as its members. @returns undefined where there is none */
function challengeOf({ headers }: Answer): Record<string, string> | undefined {
  const value = headers.get('www-authenticate');
  if (!value?.startsWith('Bearer ')) return undefined;
  return Object.fromEntries([...value.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, text]) => [name, text]));
}

interface Refusal {
  readonly status: number;
  /** Of the challenge; undefined where it must hold none. */
  readonly error: string | undefined;
  readonly reason: string;
  readonly path?: string;
  readonly scope?: string;
}

/** A JSON refusal with a challenge (RFC 6750 section 3), no handler reached and nothing written. */
function expectRefused(
  { answer, events, writes }: Observed<Answer>,
  { status, error, reason, path = '/mcp', scope = 'mcp:tools' }: Refusal,
): void {
  const { error_description, ...challenge } = challengeOf(answer) ?? {};
  expect({ status: answer.status, challenge, events, writes, reached }).toEqual({
    status,
    challenge: {
      ...(error !== undefined && { error }),
      scope,
      resource_metadata: `${gateway.url}/.well-known/oauth-protected-resource${path}`,
    },
    events: [`resource.refused: ${reason}`],
    writes: [],
    reached: 0,
  });
  expect(answer.headers.get('content-type')).toMatch(/^application\/json\b/);
  expect(answer.headers.get('cache-control')).toBe('no-store');
}

describe('without a token', () => {
  it.each(METHODS.filter((method) => method !== 'CONNECT'))(
    'answers %s 401 with scope and resource_metadata, and no error (RFC 6750 section 3.1, RFC 9728 section 5.1)',
    async (method) => {
      expectRefused(await call({ method }), { status: 401, error: undefined, reason: 'no token' });
    },
  );

  it('does not read a token from the body (MCP 2026-07-28, Token Requirements)', async () => {
    const observed = await gateway.observe(() => postForm(`${gateway.url}/mcp`, { access_token: accessToken }));

    expectRefused(observed, { status: 401, error: undefined, reason: 'no token' });
  });

  it.each(['access_token', 'authorization', 'token'])('does not read a token from a cookie called %s', async (name) => {
    const observed = await call({ headers: { cookie: `${name}=${accessToken}` } });

    expectRefused(observed, { status: 401, error: undefined, reason: 'no token' });
  });

  it('does not take a session of the browser for a token (MCP transports, never authenticated by cookie)', async () => {
    const browser = createBrowser();
    await client.login(browser);
    const cookie = browser.cookies(gateway.url).map(({ name, value }) => `${name}=${value}`);

    const observed = await call({ headers: { cookie: cookie.join('; ') } });

    expectRefused(observed, { status: 401, error: undefined, reason: 'no token' });
  });

  it.each(['x-original-url', 'x-rewrite-url', 'x-http-method-override', 'x-forwarded-uri', 'x-forwarded-user'])(
    'is not talked round by the header %s (CVE-2025-54576)',
    async (name) => {
      const observed = await call({ headers: { [name]: '/.well-known/oauth-authorization-server' } });

      expectRefused(observed, { status: 401, error: undefined, reason: 'no token' });
    },
  );

  it.each(['Basic YWxpY2U6c2VjcmV0', 'Negotiate token', 'Digest username="alice"', 'Token abc', 'Bearertoken'])(
    'answers the scheme of %j like no token: no error (RFC 6750 section 3.1)',
    async (authorization) => {
      const observed = await call({ headers: { authorization } });

      expectRefused(observed, { status: 401, error: undefined, reason: 'another authentication scheme' });
    },
  );
});

describe('with something that is no token', () => {
  it.each(['Bearer', 'Bearer ', 'Bearer a b', 'Bearer "a"', 'Bearer a,b', 'Bearer\ta', 'Bearer a=b', 'bearer ü'])(
    'answers %j 401 invalid_token and reflects nothing of it (RFC 6750 section 2.1)',
    async (authorization) => {
      const observed = await call({ headers: [['Authorization', Buffer.from(authorization).toString('latin1')]] });

      expectRefused(observed, { status: 401, error: 'invalid_token', reason: 'malformed token' });
    },
  );

  it('lets no header value into the challenge (CWE-113)', async () => {
    const observed = await call({ headers: { authorization: 'Bearer x", scope="mcp:admin' } });

    expectRefused(observed, { status: 401, error: 'invalid_token', reason: 'malformed token' });
  });

  it('refuses two Authorization headers, whichever is right (RFC 6750 section 2)', async () => {
    for (const [first, second] of [
      [accessToken, 'other'],
      ['other', accessToken],
      [accessToken, accessToken],
    ]) {
      const headers = [
        ['Authorization', `Bearer ${first}`],
        ['authorization', `Bearer ${second}`],
      ] as const;

      expectRefused(await call({ headers }), {
        status: 400,
        error: 'invalid_request',
        reason: 'several Authorization headers',
      });
    }
  });

  it.each(['?access_token=', '?a=b&access_token=', '?%61ccess_token=', '?a?b&access_token='])(
    'refuses a token in the query %s, though the header is right (RFC 9700 section 4.3.2)',
    async (query) => {
      const observed = await call({ headers: bearer(accessToken) }, `/mcp${query}${accessToken}`);

      expectRefused(observed, { status: 400, error: 'invalid_request', reason: 'token in the query' });
    },
  );

  it('refuses a header over 4 KiB without looking for it (CWE-400)', async () => {
    const observed = await call({ headers: bearer('x'.repeat(4096)) });

    expectRefused(observed, { status: 400, error: 'invalid_request', reason: 'Authorization header too long' });
  });
});

describe('with a token that is none here', () => {
  const invalid = { status: 401, error: 'invalid_token' };

  it.each(['unknown', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.', '__proto__'])(
    'answers %s 401 invalid_token',
    async (token) => {
      expectRefused(await call({ headers: bearer(token) }), { ...invalid, reason: 'unknown' });
    },
  );

  it('does not accept a token in another case or with padding', async () => {
    const swapped = accessToken.replace(/[a-z]/i, (letter) =>
      letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
    );

    for (const token of [swapped, `${accessToken}=`, accessToken.slice(0, -1)])
      expectRefused(await call({ headers: bearer(token) }), { ...invalid, reason: 'unknown' });
  });

  it('accepts neither a refresh token nor a code (RFC 8725 section 3.12)', async () => {
    const code = await client.login(createBrowser());

    for (const token of [refreshToken, code])
      expectRefused(await call({ headers: bearer(token) }), { ...invalid, reason: 'unknown' });
  });

  it('does not accept the reference that handlers see as req.auth.token', async () => {
    const { auth } = await gateway.auth.verify(accessToken, '/mcp');

    for (const token of [auth.token, auth.token.replace(/^grant:/, '')]) {
      const { answer } = await call({ headers: bearer(token) });
      expect(answer.status).toBe(401);
    }
    expect(reached).toBe(0);
  });

  it('does not accept the token of another resource (RFC 8707 section 2, MCP 2026-07-28, Token Audience)', async () => {
    expectRefused(await call({ headers: bearer(accessToken) }, '/wide'), {
      ...invalid,
      reason: 'audience is another resource',
      path: '/wide',
      scope: 'mcp:tools mcp:admin',
    });
  });

  it('does not accept a token after its lifetime, and did before (RFC 6750 section 3.1)', async () => {
    const now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now + 58_000);
    expect((await call({ headers: bearer(accessToken) })).answer.status).toBe(200);
    reached = 0;

    jest.spyOn(Date, 'now').mockImplementation(() => now + 61_000);

    const { answer, events } = await call({ headers: bearer(accessToken) });
    expect([answer.status, challengeOf(answer)?.error, reached]).toEqual([401, 'invalid_token', 0]);
    expect(events).toEqual([expect.stringMatching(/^resource\.refused: (?:unknown|expired)$/)]);
  });

  it('does not accept a token as the password of Basic', async () => {
    const observed = await call({ headers: basic(client.clientId, accessToken) });

    expectRefused(observed, { status: 401, error: undefined, reason: 'another authentication scheme' });
  });
});

describe('with a token that lacks a scope', () => {
  let narrow: string;
  beforeEach(async () => {
    const resource = `${gateway.url}/wide`;
    const code = await client.login(createBrowser(), { resource, scope: 'mcp:tools' });
    narrow = String((await client.redeem(code, { resource })).json?.access_token);
  });
  const wide = { path: '/wide', scope: 'mcp:tools mcp:admin' };

  it('answers 403 insufficient_scope with all scopes of the route (RFC 6750 section 3.1, MCP 2026-07-28)', async () => {
    expectRefused(await call({ headers: bearer(narrow) }, '/wide'), {
      status: 403,
      error: 'insufficient_scope',
      reason: 'missing scope mcp:admin',
      ...wide,
    });
  });

  it('answers 401 once it is revoked: validity comes before scope', async () => {
    await client.revoke(narrow);

    expectRefused(await call({ headers: bearer(narrow) }, '/wide'), {
      status: 401,
      error: 'invalid_token',
      reason: 'unknown',
      ...wide,
    });
  });
});

it.each(['Bearer', 'bearer', 'BEARER', 'bEaReR'])(
  'accepts the scheme spelled %s (RFC 9110 section 11.1)',
  async (scheme) => {
    const { answer, events, writes } = await call({ headers: { authorization: `${scheme} ${accessToken}` } });

    expect([answer.status, reached, events, writes]).toEqual([200, 1, [], []]);
  },
);
