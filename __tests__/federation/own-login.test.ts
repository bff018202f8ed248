import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import express from 'express';
import session from 'express-session';
import { mcpOAuth, memoryStorage, type OwnIdentity } from '../../lib/index.ts';
import { type Browser, createBrowser, type Page } from '../helpers/browser.ts';
import {
  callbackOf,
  createOAuthClient,
  type OAuthClient,
  type Parameters,
  postForm,
  send,
} from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';
import { moveClock } from './clock.ts';

type AppSession = { user?: OwnIdentity };
const sessionOf = (req: unknown) => (req as { session: AppSession & { destroy(done: () => void): void } }).session;

let gateway: ObservedGateway;
let client: OAuthClient;
let authenticate: (req: unknown) => unknown;
let knowsAuthTime: boolean;
let logouts: number;
let onLogout: () => Promise<void>;

/** Its id is the name that somebody may choose in the app. */
const machine = { client_id: 'report', client_secret: 'a secret of the machine', grant_type: 'client_credentials' };

beforeAll(async () => {
  gateway = await startObservedGateway({
    beforeAuth(app) {
      const secret = 'a secret of the app in these tests';
      app.use(session({ secret, resave: false, saveUninitialized: false, name: 'app', cookie: { sameSite: 'lax' } }));
      app.get('/login', (req, res) => {
        const { returnTo } = req.query as Record<string, string>;
        // An app's page as many are: who is signed in is sent back at once, whatever prompt says.
        const isPrompted = req.query.prompt === 'login';
        if (sessionOf(req).user && !isPrompted) return void res.redirect(303, String(returnTo));
        res.send(`<form method="post" action="/login"><input type="hidden" name="returnTo" value="${returnTo}">
<input name="name"><button>Sign in</button></form>`);
      });
      app.post('/login', express.urlencoded({ extended: false }), (req, res, next) => {
        const { name, returnTo } = req.body as { name: string; returnTo: string };
        (req as unknown as { session: { regenerate(done: (error?: unknown) => void): void } }).session.regenerate(
          (error) => {
            if (error) return next(error);
            const authTime = Math.floor(Date.now() / 1000);
            sessionOf(req).user = { sub: name, roles: ['user'], claims: { name: `${name} of the app` }, authTime };
            res.redirect(303, returnTo);
          },
        );
      });
      app.post('/app-logout', (req, res) => sessionOf(req).destroy(() => res.end('bye')));
    },
    options: () => ({
      browserLogin: undefined as never,
      login: {
        url: '/login',
        authenticate: (req) => authenticate(req) as OwnIdentity | undefined,
        async onLogout(req) {
          logouts += 1;
          await onLogout();
          await new Promise<void>((resolve) => sessionOf(req).destroy(resolve));
        },
      },
      clients: [
        { client_id: machine.client_id, client_secret: machine.client_secret, grant_types: ['client_credentials'] },
      ],
      gateway: { tokenCacheSeconds: 0 },
    }),
    routes: (app, auth) => {
      app.all('/mcp', auth.authenticate('/mcp'), (req, res) => res.json((req as { user?: unknown }).user));
    },
  });
  client = await createOAuthClient(gateway.url);
});
const reset = () => {
  jest.useRealTimers();
  knowsAuthTime = true;
  logouts = 0;
  onLogout = async () => undefined;
  authenticate = async (req) => {
    const { user } = sessionOf(req);
    if (!user || knowsAuthTime) return user;
    const { authTime: _, ...rest } = user;
    return rest;
  };
};
beforeAll(reset);
afterEach(reset);
afterAll(() => gateway.close());

const stopAt = (url: string) => url.startsWith(client.redirectUri);
const browserOf = () => createBrowser({ stopAt, now: () => Date.now() });
const appCookie = (browser: Browser) => browser.cookies(gateway.url).find(({ name }) => name === 'app')?.value;

async function approve(browser: Browser, overrides?: Parameters): Promise<Page> {
  return browser.submit(await browser.get(client.authorizeUrl(overrides)), 'csrf', { decision: 'approve' });
}
const signIn = (browser: Browser, page: Page, name = 'alice') => browser.submit(page, 'name', { name });
async function login(browser: Browser, name = 'alice'): Promise<Record<string, string>> {
  return callbackOf(await signIn(browser, await approve(browser), name));
}
/** Signs in to the app alone, as its users do every day. */
const toApp = async (browser: Browser, name: string) =>
  signIn(browser, await browser.get(`${gateway.url}/login?returnTo=/&prompt=login`), name);

async function userOf(code: string | undefined): Promise<Record<string, unknown>> {
  const { json } = await client.redeem(String(code));
  const answer = await send(`${gateway.url}/mcp`, { headers: { authorization: `Bearer ${json?.access_token}` } });
  return answer.json ?? {};
}

describe('the app’s own login', () => {
  it('comes after the approval, at the app’s page, and leads back to the client', async () => {
    const browser = browserOf();
    const approval = await browser.get(client.authorizeUrl());
    expect(approval.text).toContain('You will sign in next');
    const page = await browser.submit(approval, 'csrf', { decision: 'approve' });
    expect(page.url).toMatch(
      new RegExp(`^${gateway.url}/login\\?returnTo=${encodeURIComponent('/oauth/callback?state=')}`),
    );
    const { answer, events } = await gateway.observe(() => signIn(browser, page));
    expect(events).toEqual(['consent.granted', 'login.succeeded']);
    expect(await userOf(callbackOf(answer).code)).toEqual({
      sub: 'alice',
      iss: gateway.url,
      data: { name: 'alice of the app', roles: ['user'], clientId: client.clientId },
    });
  });

  it('makes nobody a client of the same name, and no client a user (RFC 9700 section 4.15)', async () => {
    const { json } = await postForm(`${gateway.url}/oauth/token`, machine);
    const browser = browserOf();
    await toApp(browser, machine.client_id);
    const user = await userOf(callbackOf(await approve(browser)).code);
    const headers = { authorization: `Bearer ${json?.access_token}` };

    expect((await send(`${gateway.url}/mcp`, { headers })).json).toEqual({
      sub: machine.client_id,
      iss: `${gateway.url}/client`,
      data: { roles: [], clientId: machine.client_id },
    });
    expect(user).toMatchObject({ sub: machine.client_id, iss: gateway.url, data: { roles: ['user'] } });
    await postForm(`${gateway.url}/oauth/token`, machine);
    expect(await gateway.auth.revoke({ sub: machine.client_id, idp: gateway.url })).toEqual({ grants: 1 });
    expect((await send(`${gateway.url}/mcp`, { headers })).status).toBe(200);
  });

  it('is not asked for again of somebody who is signed in to the app: approval alone leads to the code', async () => {
    const browser = browserOf();
    await toApp(browser, 'bob');
    const { code } = callbackOf(await approve(browser));
    expect((await userOf(code)).sub).toBe('bob');
    // The second client: consent, and no login.
    const page = await browser.get(client.authorizeUrl());
    expect(page.text).toContain('bob of the app');
    expect(callbackOf(await browser.submit(page, 'csrf', { decision: 'approve' }))).toHaveProperty('code');
  });

  it('that nobody finishes is login_required at the client', async () => {
    const browser = browserOf();
    const page = await approve(browser);
    const returnTo = new URL(page.url).searchParams.get('returnTo');
    expect(callbackOf(await browser.get(`${gateway.url}${returnTo}`))).toMatchObject({ error: 'login_required' });
  });

  it.each<[string, (browser: Browser) => Promise<unknown>, string | undefined]>([
    ['signs out of the app', (browser) => postFormOf(browser, '/app-logout'), undefined],
    ['signs in to the app as somebody else', (browser) => toApp(browser, 'mallory'), undefined],
    ['stays signed in to the app', async () => undefined, 'alice of the app'],
  ])('ends here with the app’s session: who %s', async (_name, act, account) => {
    const browser = browserOf();
    await login(browser);
    await act(browser);
    const page = await browser.get(client.authorizeUrl());
    expect(/(\w+ of the app)/.exec(page.text)?.[1]).toBe(account);
  });

  it('gives nothing in the name of one who left the app while the page was open', async () => {
    const browser = browserOf();
    await login(browser);
    const open = await browser.get(client.authorizeUrl());
    expect(open.text).toContain('alice of the app');
    await toApp(browser, 'mallory');
    const decided = await browser.submit(open, 'csrf', { decision: 'approve' });
    expect([decided.status, callbackOf(decided)]).toEqual([400, {}]);
  });

  it('ends with the session here: /oauth/logout calls onLogout', async () => {
    const browser = browserOf();
    await login(browser);
    const end = await browser.submit(await browser.get(`${gateway.url}/oauth/logout`), 'csrf');
    expect([end.url, logouts]).toEqual([`${gateway.url}/oauth/logout/done`, 1]);
    expect((await approve(browser)).url).toContain('/login?');
  });

  it('ends everywhere from the page of connections, in the app, too', async () => {
    const [browser, other] = [browserOf(), browserOf()];
    const { code } = await login(browser, 'dora');
    await login(other, 'dora');
    const list = await browser.get(`${gateway.url}/oauth/connections`);
    expect(list.text).toContain('dora of the app');
    const form = list.forms.findIndex(({ controls }) => controls.some(({ value }) => value === 'sign-out'));
    const end = await browser.submit(list, form, { decision: 'sign-out' });
    expect([end.url, logouts]).toEqual([`${gateway.url}/oauth/logout/done`, 1]);
    expect((await client.redeem(String(code))).json?.error).toBe('invalid_grant');
    expect((await browser.get(client.authorizeUrl())).text).not.toContain('dora');
    expect((await other.get(client.authorizeUrl())).text).not.toContain('dora');
  });

  it('ends here though the app’s hook fails, which is told', async () => {
    onLogout = () => Promise.reject(new Error('the app is down'));
    const browser = browserOf();
    await login(browser);
    const question = await browser.get(`${gateway.url}/oauth/logout`);
    const { answer, events } = await gateway.observe(() => browser.submit(question, 'csrf'));
    expect(answer.url).toBe(`${gateway.url}/oauth/logout/done`);
    expect(events).toEqual(['session.ended: logout', 'logout.refused: login.onLogout: the app is down']);
  });
});

async function postFormOf(browser: Browser, path: string): Promise<unknown> {
  const cookie = browser
    .cookies(gateway.url)
    .map(({ name, value }) => `${name}=${value}`)
    .join('; ');
  return postForm(`${gateway.url}${path}`, {}, { cookie });
}

describe('a fresh login (OpenID Connect Core section 3.1.2.1)', () => {
  it.each<[string, Parameters]>([
    ['prompt=login', { prompt: 'login' }],
    ['max_age', { max_age: '60' }],
  ])('is asked of the app for %s, though somebody is signed in', async (_name, overrides) => {
    const browser = browserOf();
    moveClock(0);
    await login(browser);
    moveClock(1000);
    const page = await approve(browser, overrides);
    expect(new URL(page.url).searchParams.get('prompt')).toBe('login');
    expect(callbackOf(await signIn(browser, page))).toHaveProperty('code');
  });

  it.each<[string, Parameters]>([
    ['prompt=login', { prompt: 'login' }],
    ['max_age', { max_age: '60' }],
  ])('is not what somebody has who goes straight back, for %s', async (_name, overrides) => {
    const browser = browserOf();
    moveClock(0);
    await login(browser);
    moveClock(1000);
    const page = await approve(browser, overrides);
    const back = await browser.get(`${gateway.url}${new URL(page.url).searchParams.get('returnTo')}`);
    expect(callbackOf(back)).toMatchObject({ error: 'login_required' });
  });

  it('cannot be had where the app does not say when', async () => {
    knowsAuthTime = false;
    const browser = browserOf();
    expect(callbackOf(await signIn(browser, await approve(browser, { prompt: 'login' })))).toMatchObject({
      error: 'login_required',
    });
    expect(await login(browserOf())).toHaveProperty('code');
  });
});

describe('attacks on the app’s own login', () => {
  it('a link that finishes the attacker’s login in the victim’s browser does nothing (login CSRF, RFC 9700 section 4.7)', async () => {
    const [attacker, victim] = [browserOf(), browserOf()];
    const page = await approve(attacker);
    const returnTo = new URL(page.url).searchParams.get('returnTo');
    await toApp(victim, 'victim');
    const { answer, events } = await gateway.observe(() => victim.get(`${gateway.url}${returnTo}`));
    expect([answer.status, events]).toEqual([400, ['login.failed: other_browser']]);
    // Nor is it the victim's code that the attacker gets.
    expect(callbackOf(await attacker.get(`${gateway.url}${returnTo}`))).toMatchObject({ error: 'login_required' });
  });

  it('a state works once (RFC 9700 section 4.7)', async () => {
    const browser = browserOf();
    const page = await approve(browser);
    const returnTo = new URL(page.url).searchParams.get('returnTo');
    expect(callbackOf(await signIn(browser, page))).toHaveProperty('code');
    expect((await browser.get(`${gateway.url}${returnTo}`)).status).toBe(400);
  });

  it.each(['', '?state=', '?state=x', '?state=a&state=b', '?code=x&iss=y'])(
    'a callback that nobody asked for is a page: %j',
    async (query) => {
      expect((await browserOf().get(`${gateway.url}/oauth/callback${query}`)).status).toBe(400);
    },
  );

  it('a session id that the attacker knew before the login is of no use after it (session fixation, CWE-384)', async () => {
    const [attacker, victim] = [browserOf(), browserOf()];
    await login(attacker, 'attacker');
    const planted = attacker.cookies(gateway.url).filter(({ name }) => name.startsWith('mcp_session'));
    for (const { name, value } of planted) victim.setCookie(gateway.url, `${name}=${value}; Path=/`);
    await login(victim, 'victim');
    const page = await attacker.get(client.authorizeUrl());
    expect(page.text).not.toContain('victim of the app');
    expect(appCookie(attacker)).not.toBe(appCookie(victim));
  });

  it('an address typed into login_hint or returnTo leads nowhere else (CWE-601)', async () => {
    const evil = 'https://evil.example/';
    const browser = browserOf();
    const page = await approve(browser, { login_hint: `x&returnTo=${evil}`, returnTo: evil });
    const query = new URL(page.url).searchParams;
    expect(query.getAll('returnTo')).toEqual([expect.stringMatching(/^\/oauth\/callback\?state=[\w-]{43}$/)]);
    expect(query.get('login_hint')).toBe(`x&returnTo=${evil}`);
  });
});

describe('a session on https', () => {
  const origin = 'https://mcp.example';

  it('has cookies that no other host, path or plain http can set or read, and takes them back at the end (RFC 6265bis section 4.1.3)', async () => {
    const own = await startObservedGateway({
      beforeAuth: (app) =>
        void app.use((req, _res, next) => {
          req.headers.host = 'mcp.example';
          next();
        }),
      options: () => ({
        issuer: origin,
        browserLogin: undefined as never,
        login: { url: '/login', authenticate: () => ({ sub: 'alice', claims: { name: 'Alice' } }) },
      }),
      routes: (app, auth) => void app.use(auth.authenticate('/mcp')),
    });
    try {
      const registered = await createOAuthClient(
        own.url,
        { redirect_uris: ['https://app.example/callback'] },
        `${origin}/mcp`,
      );
      const browser = createBrowser({
        reverseProxy: { [origin]: own.url },
        stopAt: (url) => url.startsWith('https://app.example/'),
      });
      const page = await browser.get(registered.authorizeUrl().replace(own.url, origin));
      const done = await browser.submit(page, 'csrf', { decision: 'approve' });
      expect(callbackOf(done)).toHaveProperty('code');

      const cookies = browser.cookies(origin);
      expect(cookies.map(({ name }) => name).sort()).toEqual([
        expect.stringMatching(/^__Host-mcp_session_[\w-]+$/),
        expect.stringMatching(/^__Host-mcp_session_[\w-]+\.sig$/),
      ]);
      for (const cookie of cookies)
        expect(cookie).toMatchObject({ path: '/', secure: true, httpOnly: true, sameSite: 'lax' });
      expect(browser.rejectedCookies).toEqual([]);

      await browser.submit(await browser.get(`${origin}/oauth/logout`), 'csrf');
      expect([browser.cookies(origin), browser.rejectedCookies]).toEqual([[], []]);
    } finally {
      await own.close();
    }
  });
});

describe('what authenticate says', () => {
  it.each<[string, unknown, string]>([
    ['no sub', {}, 'sub is no text'],
    ['an empty sub', { sub: '' }, 'sub is no text'],
    ['a number as sub', { sub: 7 }, 'sub is no text'],
    ['a sub that no store can keep', { sub: 'a\u0000' }, 'sub is no text'],
    ['roles that are a text', { sub: 'a', roles: 'admin' }, 'roles is no list of texts'],
    ['claims that are a list', { sub: 'a', claims: [] }, 'claims is no object'],
    ['claims that are no JSON', { sub: 'a', claims: { big: 1n } }, 'claims are no JSON'],
    ['claims that no store can keep', { sub: 'a', claims: { x: 'a\u0000' } }, 'claims hold text that cannot be stored'],
    ['a time that is none', { sub: 'a', authTime: Number.NaN }, 'authTime is no number'],
  ])('is refused with %s', async (_name, identity, detail) => {
    authenticate = async () => identity;
    const { answer, events } = await gateway.observe(() => approve(browserOf()));
    expect(callbackOf(answer)).toMatchObject({ error: 'server_error' });
    expect(events).toContain(`login.failed: identity_hook_failed: authenticate: ${detail}`);
  });

  it('is server_error at the client where it rejects, and nothing of the cause (CWE-209)', async () => {
    authenticate = () => Promise.reject(new TypeError('password of the database: hunter2'));
    const { answer, events } = await gateway.observe(() => approve(browserOf()));
    expect(callbackOf(answer)).toMatchObject({ error: 'server_error' });
    expect(events.join()).toContain('authenticate: TypeError');
    expect(JSON.stringify([callbackOf(answer), events])).not.toContain('hunter2');
  });

  it('fails closed in the middle of a session, which goes on when the app can say again', async () => {
    const browser = browserOf();
    await login(browser);
    const working = authenticate;
    authenticate = () => Promise.reject(new Error('down'));
    const { answer: page, events } = await gateway.observe(() => browser.get(client.authorizeUrl()));
    expect([page.status, page.headers.get('retry-after'), page.text.includes('alice')]).toEqual([503, '5', false]);
    expect(events).toEqual(['server.error: LoginError: identity_hook_failed: authenticate: Error']);

    authenticate = working;
    const again = await browser.get(client.authorizeUrl());
    expect([again.status, again.text.includes('alice')]).toEqual([200, true]);
  });
});

describe('options', () => {
  const own = { authenticate: () => undefined, url: '/login' };
  const idp = { id: 'a', oidc: { issuer: 'https://a.example' }, browserLogin: { clientId: 'x', clientSecret: 'y' } };
  it.each<[string, Record<string, unknown>, RegExp]>([
    ['no hook', { login: { url: '/login' } }, /login\.authenticate: must be given/],
    ['no page', { login: { authenticate: own.authenticate } }, /login\.url: must be given/],
    ['a page elsewhere', { login: { ...own, url: 'https://evil.example/login' } }, /login\.url: must be a path/],
    ['a page elsewhere, by a trick', { login: { ...own, url: '//evil.example' } }, /login\.url: must be a path/],
    ['a page with a query', { login: { ...own, url: '/login?x' } }, /login\.url: must be a path/],
    ['an odd parameter', { login: { ...own, returnParameter: 'a=b&c' } }, /login\.returnParameter: must be/],
    [
      'a provider besides',
      { login: own, oidc: { issuer: 'https://idp.example' } },
      /oidc: must not be given beside login/,
    ],
    ['several besides', { login: own, identityProviders: [idp] }, /identityProviders: must not be given beside login/],
    ['a client besides', { login: own, browserLogin: { clientId: 'x' } }, /browserLogin\.clientId: must not be given/],
  ])('refuse %s', (_name, options, message) => {
    expect(() => mcpOAuth({ issuer: 'http://localhost', storage: memoryStorage(), ...options } as never)).toThrow(
      message,
    );
  });
});
