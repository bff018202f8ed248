import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { google } from '../../adapters/identity/google.ts';
import { okta } from '../../adapters/identity/okta.ts';
import { type McpOAuthOptions, mcpOAuth, memoryStorage } from '../../lib/index.ts';
import { type Browser, createBrowser, type Page } from '../helpers/browser.ts';
import { type IdentityProvider, startIdentityProvider } from '../helpers/identity-provider.ts';
import {
  callbackOf,
  createOAuthClient,
  type OAuthClient,
  type Parameters,
  postForm,
  send,
} from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

let acme: IdentityProvider;
let partner: IdentityProvider;
let gateway: ObservedGateway;
let client: OAuthClient;
let partnersOnly: OAuthClient;

beforeAll(async () => {
  // The same name and the same verified address at both: two people.
  [acme, partner] = [await startIdentityProvider(), await startIdentityProvider()];
  const optionsOf = ({ issuer, clientId, clientSecret }: IdentityProvider) => ({
    oidc: { issuer },
    browserLogin: { clientId, clientSecret },
  });
  gateway = await startObservedGateway({
    options: () => ({
      browserLogin: undefined as never,
      identityProviders: [
        { id: 'acme', displayName: 'Acme Corp', emailDomains: ['acme.example'], ...optionsOf(acme) },
        { id: 'partner', displayName: 'Partner <Ltd>', emailDomains: ['Partner.example'], ...optionsOf(partner) },
      ],
      gateway: { tokenCacheSeconds: 0 },
    }),
    routes: (app, auth) => {
      app.all('/mcp', auth.authenticate('/mcp'), (req, res) => res.json((req as { user?: unknown }).user));
      app.all('/partners', auth.authenticate('/partners', { identityProviders: ['partner'] }), (req, res) =>
        res.json((req as { user?: unknown }).user),
      );
    },
  });
  acme.redirectUris.push(`${gateway.url}/oauth/callback/acme`);
  partner.redirectUris.push(`${gateway.url}/oauth/callback/partner`);
  for (const idp of [acme, partner]) idp.postLogoutRedirectUris.push(`${gateway.url}/oauth/logout/done`);
  client = await createOAuthClient(gateway.url);
  partnersOnly = await createOAuthClient(gateway.url, {}, `${gateway.url}/partners`);
});
afterEach(() => {
  for (const idp of [acme, partner]) {
    idp.behave();
    idp.requests.length = 0;
  }
});
afterAll(async () => {
  await gateway?.close();
  await acme?.close();
  await partner?.close();
});

const stopAt = (url: string) => url.startsWith(client.redirectUri);
const browserOf = () => createBrowser({ stopAt });

async function approve(browser: Browser, overrides?: Parameters, by = client): Promise<Page> {
  return browser.submit(await browser.get(by.authorizeUrl(overrides)), 'csrf', { decision: 'approve' });
}

/** Presses the button of a provider. */
const choose = (browser: Browser, page: Page, id: string) =>
  browser.submit(page, 'identity_provider', { identity_provider: id });

async function login(browser: Browser, id: string, user = 'alice'): Promise<Record<string, string>> {
  const page = await choose(browser, await approve(browser), id);
  return callbackOf(await browser.submit(page, 'login', { login: user }));
}

async function userOf(code: string | undefined, by = client, path = '/mcp'): Promise<Record<string, unknown>> {
  const { json } = await by.redeem(String(code));
  const answer = await send(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${json?.access_token}` } });
  return answer.json ?? { status: answer.status };
}

describe('several identity providers', () => {
  it('are chosen from on a page of their names, after the approval', async () => {
    const browser = browserOf();
    const page = await approve(browser);
    expect(page.text).toContain('Acme Corp');
    expect(page.text).toContain('Partner <Ltd>');
    expect([...acme.requests, ...partner.requests].filter(({ path }) => path === '/authorize')).toEqual([]);

    const signIn = await choose(browser, page, 'partner');
    expect(partner.requests.find(({ path }) => path === '/authorize')?.query.get('redirect_uri')).toBe(
      `${gateway.url}/oauth/callback/partner`,
    );
    const { code } = callbackOf(await browser.submit(signIn, 'login', { login: 'bob' }));
    expect(await userOf(code)).toMatchObject({ sub: 'bob', iss: partner.issuer });
  });

  it('never make one person of two with the same name and the same verified email (issue 6)', async () => {
    const [here, there] = [await login(browserOf(), 'acme'), await login(browserOf(), 'partner')];
    const [first, second] = [await userOf(here.code), await userOf(there.code)];
    expect([first.sub, second.sub]).toEqual(['alice', 'alice']);
    expect([first.iss, second.iss]).toEqual([acme.issuer, partner.issuer]);
    expect(await gateway.auth.revoke({ sub: 'alice', idp: acme.issuer })).toMatchObject({ grants: 1 });
    expect(await gateway.auth.revoke({ sub: 'alice', idp: partner.issuer })).toMatchObject({ grants: 1 });
  });

  it.each<[string, Parameters, () => IdentityProvider]>([
    ['the client’s login_hint', { login_hint: 'x@ACME.example' }, () => acme],
    ['the client’s login_hint elsewhere', { login_hint: 'y@partner.example' }, () => partner],
  ])('are found by the email domain of %s', async (_name, overrides, idp) => {
    await approve(browserOf(), overrides);
    expect(
      idp()
        .requests.find(({ path }) => path === '/authorize')
        ?.query.get('login_hint'),
    ).toBe(overrides.login_hint);
  });

  it('are found by the address typed on the page, which goes along; another one is told and asked again', async () => {
    const browser = browserOf();
    const page = await approve(browser);
    const again = await browser.submit(page, 'email', { email: 'me@sub.acme.example' });
    expect(again.text).toContain('No sign-in is known for this address here');
    await browser.submit(again, 'email', { email: 'me@acme.example ' });
    expect(acme.requests.find(({ path }) => path === '/authorize')?.query.get('login_hint')).toBe('me@acme.example');
  });

  it('can be tied to a resource: a session of another one does not do', async () => {
    const browser = browserOf();
    await login(browser, 'acme');
    const signIn = await approve(browser, {}, partnersOnly);
    expect(partner.requests.some(({ path }) => path === '/authorize')).toBe(true);
    const { code } = callbackOf(await browser.submit(signIn, 'login', { login: 'bob' }));
    expect(await userOf(code, partnersOnly, '/partners')).toMatchObject({ sub: 'bob', iss: partner.issuer });

    const denied = await browserOf();
    await login(denied, 'acme');
    const silent = await denied.get(partnersOnly.authorizeUrl({ prompt: 'none' }));
    expect(callbackOf(silent)).toMatchObject({ error: 'login_required' });
  });

  it('are not what a forged choice says: a provider that the resource does not accept is not asked', async () => {
    const browser = browserOf();
    const approval = await browser.get(partnersOnly.authorizeUrl());
    const csrf = approval.forms.flatMap(({ controls }) => controls).find(({ name }) => name === 'csrf')?.value ?? '';
    const cookie = browser
      .cookies(approval.url)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    for (const choice of ['acme', 'unknown', '__proto__', '']) {
      const form = { csrf, decision: 'approve', identity_provider: choice };
      const answer = await postForm(approval.url, form, { cookie });
      expect(answer.headers.get('location')).toMatch(new RegExp(`^${partner.issuer}/authorize`));
    }
  });

  it('are chosen from also where no client asks: on the way to one’s connections', async () => {
    const browser = browserOf();
    const page = await browser.get(`${gateway.url}/oauth/connections`);
    const signIn = await choose(browser, page, 'partner');
    const list = await browser.submit(signIn, 'login', { login: 'bob' });
    expect(list.url).toMatch(new RegExp(`^${gateway.url}/oauth/connections`));
    expect(list.text).toContain('Bob Brown');
  });

  it('sign out at the one where the person signed in', async () => {
    const browser = browserOf();
    await login(browser, 'partner');
    await browser.submit(await browser.get(`${gateway.url}/oauth/logout`), 'csrf');
    expect(partner.requests.some(({ path }) => path === '/logout')).toBe(true);
    expect(acme.requests.some(({ path }) => path === '/logout')).toBe(false);
  });

  it('end their own users’ sessions only, by back-channel logout', async () => {
    const [here, there] = [browserOf(), browserOf()];
    await login(here, 'acme');
    await login(there, 'partner');
    const now = Math.floor(Date.now() / 1000);
    const claims = (idp: IdentityProvider) => ({
      iss: idp.issuer,
      aud: idp.clientId,
      iat: now,
      exp: now + 60,
      jti: `${idp.issuer}-${now}`,
      sub: 'alice',
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    });
    const tell = async (token: string) =>
      (await postForm(`${gateway.url}/oauth/backchannel-logout`, { logout_token: token })).status;
    // A provider speaks for itself only.
    expect(await tell(await partner.sign(claims(acme), { typ: 'logout+jwt' }))).toBe(400);
    expect(await tell(await acme.sign(claims(acme), { typ: 'logout+jwt' }))).toBe(200);
    expect((await here.get(client.authorizeUrl())).text).not.toContain('Alice');
    expect((await there.get(client.authorizeUrl())).text).toContain('Alice');
  });
});

/** A provider that is evil, or was broken into, must not get what another one gave (RFC 9700 section 4.4). */
describe('mix-up of providers', () => {
  /** Signs in at `at` and stops before the callback. */
  async function stoppedAt(browser: Browser, id: string): Promise<URL> {
    const stop = (url: string) => url.startsWith(`${gateway.url}/oauth/callback`);
    const signIn = await browser.submit(
      await approve(browser),
      'identity_provider',
      { identity_provider: id },
      { stopAt: stop },
    );
    const page = await browser.submit(signIn, 'login', { login: 'alice' }, { stopAt: stop });
    return new URL(String(page.location));
  }

  it('one’s answer is refused at another’s callback, and no code goes to its token endpoint', async () => {
    const browser = browserOf();
    const callback = await stoppedAt(browser, 'acme');
    acme.requests.length = 0;
    const wrong = new URL(callback);
    wrong.pathname = '/oauth/callback/partner';
    const { answer, events } = await gateway.observe(() => browser.get(wrong.href));
    expect([answer.status, events]).toEqual([400, ['login.failed: other_provider']]);
    expect([...acme.requests, ...partner.requests].filter(({ path }) => path === '/token')).toEqual([]);
    // Nothing was used up: the right one still counts.
    expect(callbackOf(await browser.get(callback.href))).toHaveProperty('code');
  });

  it('one that sends people on to another with our client there gets no redirect URI of its own registered there', async () => {
    const browser = browserOf();
    const page = await approve(browser);
    const start = await browser.submit(
      page,
      'identity_provider',
      { identity_provider: 'partner' },
      {
        stopAt: (url) => url.startsWith(partner.issuer),
      },
    );
    // The evil provider passes our request on to the honest one, as its own.
    const forwarded = new URL(String(start.location));
    const target = new URL(acme.endpoints.authorization);
    target.search = forwarded.search;
    const refused = await browser.get(target.href);
    expect([refused.status, refused.text.includes('redirect_uri')]).toEqual([400, true]);
  });

  it('the iss of a callback is another’s: refused (RFC 9207 section 2.4)', async () => {
    const browser = browserOf();
    const callback = await stoppedAt(browser, 'acme');
    callback.searchParams.set('iss', partner.issuer);
    acme.requests.length = 0;
    expect(callbackOf(await browser.get(callback.href))).toMatchObject({ error: 'server_error' });
    expect(acme.requests.filter(({ path }) => path === '/token')).toEqual([]);
  });

  it('the callback without a name is nobody’s', async () => {
    const browser = browserOf();
    const callback = await stoppedAt(browser, 'acme');
    callback.pathname = '/oauth/callback';
    expect((await browser.get(callback.href)).status).toBe(404);
  });
});

describe('options', () => {
  const provider = (id: string, issuer: string, emailDomains: string[] = []) => ({
    id,
    emailDomains,
    oidc: { issuer },
    browserLogin: { clientId: 'gateway', clientSecret: 'secret' },
  });
  const build = (options: Partial<McpOAuthOptions>) => () =>
    mcpOAuth({ issuer: 'http://localhost', storage: memoryStorage(), ...options });
  const [one, two] = [provider('one', 'https://one.example'), provider('two', 'https://two.example')];

  it.each<[string, Partial<McpOAuthOptions>, RegExp]>([
    ['none', { identityProviders: [] }, /identityProviders: must name at least one/],
    ['two of one id', { identityProviders: [one, { ...two, id: 'one' }] }, /the same id/],
    ['two of one issuer', { identityProviders: [one, { ...two, oidc: one.oidc }] }, /the same oidc\.issuer/],
    [
      'one domain twice',
      {
        identityProviders: [
          provider('a', 'https://a.example', ['x.example']),
          provider('b', 'https://b.example', ['X.example']),
        ],
      },
      /the same emailDomains/,
    ],
    ['a bad id', { identityProviders: [{ ...one, id: 'One/..' }] }, /identityProviders\[0\]\.id: must be lower-case/],
    [
      'a lifetime of one',
      { identityProviders: [{ ...one, browserLogin: { ...one.browserLogin, sessionTtlSeconds: 60 } as never }] },
      /identityProviders\[0\]\.browserLogin\.sessionTtlSeconds: is not an option/,
    ],
    [
      'one more beside them',
      { identityProviders: [one], oidc: one.oidc },
      /oidc: must not be given beside identityProviders/,
    ],
    [
      'a client beside them',
      { identityProviders: [one], browserLogin: { clientId: 'x' } },
      /browserLogin\.clientId: must not be given beside identityProviders/,
    ],
    [
      'a route for one that is not there',
      { identityProviders: [one], routes: [{ path: '/mcp', identityProviders: ['three'] }] },
      /identityProviders: must name ids/,
    ],
  ])('refuse %s', (_name, options, message) => {
    expect(build(options)).toThrow(message);
  });

  it('take what presets give', async () => {
    const secret = { clientSecret: 'secret' };
    const auth = build({
      identityProviders: [
        { id: 'acme', ...okta({ oktaDomain: 'acme.okta.com', clientId: 'a', ...secret }) },
        { id: 'google', ...google({ clientId: '1-a.apps.googleusercontent.com', ...secret }) },
      ],
    })();
    await auth.close();
  });

  it('take lifetimes of the whole server beside them', async () => {
    const auth = build({ identityProviders: [one, two], browserLogin: { sessionTtlSeconds: 60 } })();
    await auth.close();
  });
});
