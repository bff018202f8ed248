import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type Browser, createBrowser } from '../helpers/browser.ts';
import { startGateway } from '../helpers/gateway.ts';
import { callbackOf, createOAuthClient } from '../helpers/oauth-client.ts';
import { moveClock } from './clock.ts';
import { type Federation, isSignInPage, leaveIdentityProvider, requestsTo, startFederation } from './support.ts';

const SESSION_SECONDS = 3_600;

let federation: Federation;
beforeAll(async () => {
  federation = await startFederation({
    options: () => ({ browserLogin: { sessionTtlSeconds: SESSION_SECONDS } }),
  });
});
afterEach(() => {
  jest.useRealTimers();
  federation.reset();
});
afterAll(() => federation.close());

/** What the approval page says of the person, without approving. */
async function accountAt(browser: Browser): Promise<string | undefined> {
  const { text } = await browser.get(federation.client.authorizeUrl());
  return /Signed in as (\w+)/.exec(text)?.[1];
}

const sessionCookie = (browser: Browser) => browser.cookies().find(({ name }) => /^mcp_session_\w+$/.test(name))?.value;

describe('a browser that has signed in', () => {
  it('is asked for its consent, and not sent to the identity provider (OpenID Connect Core section 3.1.2.4)', async () => {
    const browser = federation.browser();
    await federation.login(browser, 'bob');
    federation.reset();
    const page = await browser.get(federation.client.authorizeUrl());
    expect(page.text).toContain('Signed in as Bob Brown');
    const allowed = await federation.gateway.observe(() => browser.submit(page, 'csrf', { decision: 'approve' }));

    expect((await federation.userOf(callbackOf(allowed.answer).code)).sub).toBe('bob');
    expect(allowed.events).toEqual(['consent.granted']);
    expect(federation.idp.requests).toEqual([]);
  });

  it('is not known in another browser (OpenID Connect Core section 3.1.2.3)', async () => {
    await federation.login(federation.browser(), 'bob');
    expect(await accountAt(federation.browser())).toBeUndefined();
  });

  it('signs in again sessionTtlSeconds after its login, however busy it was (seed, browserLogin.sessionTtlSeconds)', async () => {
    const browser = federation.browser();
    moveClock(0);
    await federation.login(browser);
    for (const seconds of [SESSION_SECONDS - 100, 90]) {
      moveClock(seconds);
      federation.reset();
      expect(await federation.login(browser)).toHaveProperty('code');
      expect(federation.idp.requests).toEqual([]);
    }
    moveClock(20);

    expect(await accountAt(browser)).toBeUndefined();
    expect(await federation.login(browser)).toHaveProperty('code');
    expect(requestsTo(federation, '/authorize')).toHaveLength(1);
    // That was a login: a whole new session.
    moveClock(SESSION_SECONDS - 100);
    expect(await accountAt(browser)).toBe('Alice');
  });
});

describe('what the identity provider said of a person', () => {
  it.each<[string, number, number]>([
    ['the session, where tokens are shorter', 3_600, 28_700],
    ['the refresh tokens of an authorization late in the session', 86_400, 28_000],
  ])('is kept as long as %s (DESIGN 4.3)', async (_name, refreshTokenTtlSeconds, seconds) => {
    const own = await startFederation({ options: () => ({ gateway: { refreshTokenTtlSeconds } }) });
    try {
      moveClock(0);
      const browser = own.browser();
      await own.login(browser);
      moveClock(seconds);
      own.reset();
      const tokens = await own.client.redeem(String((await own.login(browser)).code));
      expect(own.idp.requests).toEqual([]);
      moveClock(refreshTokenTtlSeconds - 10);

      expect(await own.client.refresh(String(tokens.json?.refresh_token))).toMatchObject({ status: 200 });
    } finally {
      await own.close();
    }
  });
});

describe('another person at the same browser', () => {
  it('takes the session over with prompt=login, and no page of another software comes between (OpenID Connect Core section 3.1.2.1)', async () => {
    const browser = federation.browser();
    const first = await federation.login(browser, 'alice');
    const before = sessionCookie(browser);
    leaveIdentityProvider(federation, browser);
    const second = await federation.login(browser, 'bob', { prompt: 'login' });

    expect((await federation.userOf(second.code)).sub).toBe('bob');
    expect(await accountAt(browser)).toBe('Bob');
    expect(sessionCookie(browser)).not.toBe(before);
    // The first person's code is hers, and nobody else's.
    expect((await federation.userOf(first.code)).sub).toBe('alice');
  });

  it('ends the first person’s session on the server, not only in the cookie (CWE-613)', async () => {
    const browser = federation.browser();
    await federation.login(browser, 'alice');
    const copy = federation.browser();
    for (const { name, value } of browser.cookies(federation.gateway.url))
      if (name.startsWith('mcp_session')) copy.setCookie(federation.gateway.url, `${name}=${value}; Path=/`);
    expect(await accountAt(copy)).toBe('Alice');
    leaveIdentityProvider(federation, browser);
    await federation.login(browser, 'bob', { prompt: 'login' });

    expect(await accountAt(copy)).toBeUndefined();
  });

  it('may be the same person: prompt=login asks the identity provider all the same (OpenID Connect Core section 3.1.2.1)', async () => {
    const browser = federation.browser();
    await federation.login(browser);
    federation.reset();
    const page = await federation.approve(browser, { prompt: 'login' });
    expect(isSignInPage(page)).toBe(true);
    const { code } = callbackOf(await browser.submit(page, 'login', { login: 'alice' }));

    expect((await federation.userOf(code)).sub).toBe('alice');
    expect(requestsTo(federation, '/authorize')[0]?.query.get('prompt')).toBe('login');
  });

  it.each<[string, boolean]>([
    ['no session yet', false],
    ['a session of the first person', true],
  ])(
    'finishes in a second tab that was opened with %s, and gets their own code (RFC 6749 section 10.12)',
    async (_name, hasSession) => {
      const browser = federation.browser();
      if (hasSession) {
        await federation.login(browser, 'alice');
        leaveIdentityProvider(federation, browser);
      }
      const tabs = [
        await federation.approve(browser, { state: 'one', prompt: 'login' }),
        await federation.approve(browser, { state: 'two', prompt: 'login' }),
      ] as const;
      const bob = callbackOf(await browser.submit(tabs[1], 'login', { login: 'bob' }));
      leaveIdentityProvider(federation, browser);
      const alice = callbackOf(await browser.submit(tabs[0], 'login', { login: 'alice' }));

      expect([bob.state, alice.state]).toEqual(['two', 'one']);
      expect((await federation.userOf(bob.code)).sub).toBe('bob');
      expect((await federation.userOf(alice.code)).sub).toBe('alice');
      expect(await accountAt(browser)).toBe('Alice');
    },
  );

  it('gives no consent in the first person’s name: a page that was open before the change ends there (RFC 9700 section 4.7)', async () => {
    const browser = federation.browser();
    await federation.login(browser, 'alice');
    const open = await browser.get(federation.client.authorizeUrl());
    expect(open.text).toContain('Signed in as Alice');
    leaveIdentityProvider(federation, browser);
    await federation.login(browser, 'bob', { prompt: 'login' });
    const allowed = await browser.submit(open, 'csrf', { decision: 'approve' });

    expect(callbackOf(allowed)).not.toHaveProperty('code');
    expect(allowed.status).toBe(400);
  });
});

/** Chromium checks every redirect that follows a form against `form-action`, which the scripted browser does not. */
describe('the redirects after a form, in Chromium (CSP 3 section 6.4.2, fastmcp#2302)', () => {
  const formAction = (policy: string | null) => /form-action ([^;]+)/.exec(policy ?? '')?.[1]?.split(' ');

  it('may lead to the identity provider and from there anywhere, where a sign-in follows', async () => {
    const page = await federation.browser().get(federation.client.authorizeUrl());
    expect(formAction(page.headers.get('content-security-policy'))).toEqual(["'self'", 'http://127.0.0.1:1', 'http:']);
  });

  it('lead to the client only, where the person is signed in', async () => {
    const browser = federation.browser();
    await federation.login(browser);
    const page = await browser.get(federation.client.authorizeUrl());
    expect(formAction(page.headers.get('content-security-policy'))).toEqual(["'self'", 'http://127.0.0.1:1']);
  });

  it('never lead to plain http from a public issuer', async () => {
    const gateway = await startGateway({
      options: () => ({
        issuer: 'https://mcp.example',
        oidc: { issuer: 'https://idp.example' },
        browserLogin: { clientId: 'gateway', clientSecret: 'gateway-secret-of-at-least-32-bytes' },
      }),
      routes: (app, auth) => void app.use(auth.authenticate('/mcp')),
      beforeAuth: (app) =>
        void app.use((req, _res, next) => {
          req.headers.host = 'mcp.example';
          next();
        }),
    });
    try {
      const client = await createOAuthClient(
        gateway.url,
        { redirect_uris: ['https://app.example/callback'] },
        'https://mcp.example/mcp',
      );
      const browser = createBrowser({ reverseProxy: { 'https://mcp.example': gateway.url } });
      const page = await browser.get(client.authorizeUrl().replace(gateway.url, 'https://mcp.example'));
      expect(formAction(page.headers.get('content-security-policy'))).toEqual([
        "'self'",
        'https://app.example',
        'https:',
      ]);
    } finally {
      await gateway.close();
    }
  });

  it.each([
    ['http://127.0.0.1:1/callback', 'http://127.0.0.1:1'],
    ['cursor://anysphere.cursor-retrieval/oauth/callback', 'cursor:'],
  ])('lead from the development sign-in to %s', async (redirectUri, source) => {
    const gateway = await startGateway({ routes: (app, auth) => void app.use(auth.authenticate('/mcp')) });
    try {
      const client = await createOAuthClient(gateway.url, { redirect_uris: [redirectUri] });
      const browser = createBrowser();
      const approval = await browser.get(client.authorizeUrl());
      const page = await browser.submit(approval, 'csrf', { decision: 'approve' });
      expect(page.text).toContain('Development sign-in');
      expect(formAction(page.headers.get('content-security-policy'))).toEqual(["'self'", source]);
    } finally {
      await gateway.close();
    }
  });
});
