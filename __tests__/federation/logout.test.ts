import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { memoryStorage } from '../../lib/index.ts';
import type { Browser, Page } from '../helpers/browser.ts';
import { startGateway } from '../helpers/gateway.ts';
import { send } from '../helpers/oauth-client.ts';
import { type Federation, isSignInPage, requestsTo, startFederation } from './support.ts';

let federation: Federation;
let logoutUrl: string;
beforeAll(async () => {
  federation = await startFederation();
  logoutUrl = `${federation.gateway.url}/oauth/logout`;
  federation.idp.postLogoutRedirectUris.push(`${logoutUrl}/done`);
});
afterEach(() => federation.reset());
afterAll(() => federation.close());

const isSignedIn = async (browser: Browser) =>
  (await browser.get(federation.client.authorizeUrl())).text.includes('Alice Adams');

/** Asks and confirms here; stops at the identity provider’s own question. */
async function signOut(browser: Browser): Promise<Page> {
  const question = await browser.get(logoutUrl);
  return browser.submit(question, 'csrf');
}

describe('signing out', () => {
  it('ends the session here and at the identity provider, and comes back (OpenID Connect RP-Initiated Logout 1.0 section 2)', async () => {
    const browser = federation.browser();
    const { code } = await federation.login(browser);
    const tokens = await federation.client.redeem(String(code));
    const copy = federation.browser();
    for (const { name, value } of browser.cookies(federation.gateway.url))
      if (name.startsWith('mcp_session')) copy.setCookie(federation.gateway.url, `${name}=${value}; Path=/`);
    expect(await isSignedIn(copy)).toBe(true);

    const question = await browser.get(logoutUrl);
    expect(question.text).toContain('Alice Adams');
    const { answer: asked, events } = await federation.gateway.observe(() => browser.submit(question, 'csrf'));
    expect(events).toEqual(['session.ended: logout']);
    const query = requestsTo(federation, '/logout')[0]?.query;
    expect(query?.get('client_id')).toBe(federation.idp.clientId);
    expect(query?.get('post_logout_redirect_uri')).toBe(`${logoutUrl}/done`);
    expect(query?.get('id_token_hint')).toMatch(/^ey.+\..+\..+$/);
    const end = await browser.submit(asked, 'xsrf', { logout: 'yes' });

    expect([end.url, end.status]).toEqual([`${logoutUrl}/done`, 200]);
    expect(browser.cookies(federation.gateway.url).filter(({ name }) => name.startsWith('mcp_session'))).toEqual([]);
    expect([await isSignedIn(browser), await isSignedIn(copy)]).toEqual([false, false]);
    expect(isSignInPage(await federation.approve(browser))).toBe(true);
    // Applications stay connected: they were allowed, not the browser.
    expect(await federation.client.refresh(String(tokens.json?.refresh_token))).toMatchObject({ status: 200 });
  });

  it('everywhere, from the page of connections, signs out at the identity provider, too', async () => {
    const browser = federation.browser();
    await federation.login(browser);
    const list = await browser.get(`${federation.gateway.url}/oauth/connections`);
    const form = list.forms.findIndex(({ controls }) => controls.some(({ value }) => value === 'sign-out'));
    const asked = await browser.submit(list, form, { decision: 'sign-out' });
    expect(requestsTo(federation, '/logout')[0]?.query.get('id_token_hint')).toMatch(/^ey/);
    expect((await browser.submit(asked, 'xsrf', { logout: 'yes' })).url).toBe(`${logoutUrl}/done`);
    expect(await isSignedIn(browser)).toBe(false);
  });

  it('keeps the ID token for it encrypted (DESIGN 5)', async () => {
    await federation.login(federation.browser());
    const written = federation.gateway.written('SignIn');
    expect(written).toContain('"sealed"');
    expect(written).not.toMatch(/eyJ[\w-]+\.eyJ/);
  });

  it('ends here though the identity provider is down', async () => {
    const storage = memoryStorage();
    const own = await startFederation({ options: () => ({ storage }) });
    const { client, gateway, idp } = own;
    const browser = own.browser();
    await own.login(browser);
    const { port } = new URL(gateway.url);
    await own.close();
    // A process that has never read the provider's documents.
    const restarted = await startGateway({
      port: Number(port),
      options: () => ({
        storage,
        oidc: { issuer: idp.issuer },
        browserLogin: { clientId: idp.clientId, clientSecret: idp.clientSecret, remoteTimeoutMs: 1000 },
      }),
      routes: (app, auth) => void app.use(auth.authenticate('/mcp')),
    });
    try {
      const end = await browser.submit(await browser.get(`${gateway.url}/oauth/logout`), 'csrf');
      expect([end.url, end.status]).toEqual([`${gateway.url}/oauth/logout/done`, 200]);
      expect((await browser.get(client.authorizeUrl())).text).not.toContain('Alice');
    } finally {
      await restarted.close();
    }
  });

  it('asks first: a link or an image elsewhere signs nobody out (CWE-352)', async () => {
    const browser = federation.browser();
    await federation.login(browser);
    await browser.get(`${logoutUrl}?logout=yes&csrf=x`);
    expect(await isSignedIn(browser)).toBe(true);
  });

  it.each<[string, Record<string, string>, string | undefined]>([
    ['without a token', {}, undefined],
    ['with a token of another session', {}, 'another'],
    ['with its own token from another origin', { origin: 'https://evil.example' }, 'own'],
    ['with its own token from another site', { 'sec-fetch-site': 'cross-site' }, 'own'],
  ])('is not done by a form %s (CWE-352)', async (_name, headers, token) => {
    const [browser, other] = [federation.browser(), federation.browser()];
    await federation.login(browser);
    await federation.login(other, 'bob');
    const tokenOf = async (at: Browser) =>
      (await at.get(logoutUrl)).forms.flatMap(({ controls }) => controls).find(({ name }) => name === 'csrf')?.value;
    const csrf = token === undefined ? undefined : await tokenOf(token === 'own' ? browser : other);
    const cookie = browser
      .cookies(logoutUrl)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const { answer, events } = await federation.gateway.observe(() =>
      send(logoutUrl, {
        headers: { 'content-type': 'application/x-www-form-urlencoded', cookie, ...headers },
        body: csrf === undefined ? 'x=y' : `csrf=${csrf}`,
      }),
    );
    expect(answer.headers.get('location')).toBe(logoutUrl);
    expect(events).toEqual([expect.stringMatching(/^logout\.refused: /)]);
    expect(await isSignedIn(browser)).toBe(true);
  });

  it('never leads anywhere else, whatever the request says (CWE-601)', async () => {
    const browser = federation.browser();
    await federation.login(browser);
    const evil = 'https://evil.example/';
    const names = ['post_logout_redirect_uri', 'redirect_uri', 'returnTo', 'return_to', 'next', 'state', 'client_id'];
    const query = names.map((name) => `${name}=${encodeURIComponent(evil)}`).join('&');
    const question = await browser.get(`${logoutUrl}?${query}`);
    expect(question.text).not.toContain('evil');
    const cookie = browser
      .cookies(logoutUrl)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const csrf = question.forms.flatMap(({ controls }) => controls).find(({ name }) => name === 'csrf')?.value;
    const answer = await send(`${logoutUrl}?${query}`, {
      headers: { 'content-type': 'application/x-www-form-urlencoded', cookie },
      body: `csrf=${csrf}&${query}`,
    });
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toMatch(new RegExp(`^${federation.idp.endpoints.endSession}\\?`));
    expect(answer.headers.get('location')).not.toContain('evil');
    for (const target of [logoutUrl, `${logoutUrl}/done`]) {
      const idle = await send(`${target}?${query}`);
      expect(idle.headers.get('location') ?? `${logoutUrl}/done`).toBe(`${logoutUrl}/done`);
      expect(idle.text).not.toContain('evil');
    }
  });

  it('can be repeated: who is not signed in sees the page of the end', async () => {
    const browser = federation.browser();
    const page = await browser.get(logoutUrl);
    expect([page.url, page.status]).toEqual([`${logoutUrl}/done`, 200]);
    await federation.login(browser);
    const question = await browser.get(logoutUrl);
    await signOut(browser);
    expect((await browser.submit(question, 'csrf')).url).toBe(`${logoutUrl}/done`);
  });
});
