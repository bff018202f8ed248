import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { recordId } from '../../lib/shared/record-ids.ts';
import { type Browser, createBrowser, type Page } from '../helpers/browser.ts';
import { createOAuthClient, type OAuthClient, send } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

let gateway: ObservedGateway;
let browser: Browser;

beforeAll(async () => {
  gateway = await startObservedGateway({
    options: () => ({ gateway: { tokenCacheSeconds: 5 } }),
    routes(app, auth) {
      app.all('/mcp', auth.authenticate('/mcp', { displayName: 'Company files' }), (_req, res) =>
        res.json({ ok: true }),
      );
      app.use('/account/applications', auth.connections());
    },
  });
});
afterAll(() => gateway.close());
beforeEach(() => {
  browser = createBrowser();
});

const stopAt = (url: string) => !url.startsWith(gateway.url);
const open = (path = '/oauth/connections', of = browser) => of.get(`${gateway.url}${path}`, { stopAt });

/** A client with an access token of alice, who is signed in at the browser. */
async function connect(
  name: string,
  person = 'alice',
): Promise<{ client: OAuthClient; token: string; refresh: string }> {
  const client = await createOAuthClient(gateway.url, {
    redirect_uris: ['https://client.example/callback'],
    client_name: name,
  });
  const { json } = await client.redeem(await client.login(browser, {}, { name: person }));
  return { client, token: String(json?.access_token), refresh: String(json?.refresh_token) };
}

const statusWith = async (token: string) =>
  (await send(`${gateway.url}/mcp`, { headers: { authorization: `Bearer ${token}` } })).status;

/** Posts the form of the page that has this field and value. */
function post(page: Page, decision: string, fields: Record<string, string> = {}): Promise<Page> {
  const form = page.forms.find(
    (candidate) =>
      candidate.fields.decision === decision &&
      Object.entries(fields).every(([name, value]) => candidate.fields[name] === value),
  );
  if (!form) throw new Error(`no form for ${decision}: ${page.text}`);
  return browser.post(form.action, { ...form.fields }, { from: page, stopAt });
}

describe('the connections page', () => {
  it('lists who has access to what, and ends it: the next call of that client is 401, of others not', async () => {
    const one = await connect('Editor');
    const other = await connect('Chat');
    expect([await statusWith(one.token), await statusWith(other.token)]).toEqual([200, 200]);

    const page = await open();
    expect(page.status).toBe(200);
    expect(page.text).toContain('Signed in as alice');
    expect(page.text).toMatch(
      /Editor Unverified Company files Use its tools on your behalf Allowed now · Not used yet/,
    );

    const { answer, events } = await gateway.observe(() => post(page, 'revoke', { client: one.client.clientId }));
    expect(events).toEqual(['token.revoked: connections: revoke']);
    expect(answer.text).toContain('Access was revoked.');
    expect(answer.text).not.toContain('Editor');
    expect([await statusWith(one.token), await statusWith(other.token)]).toEqual([401, 200]);
    expect((await one.client.refresh(one.refresh)).json).toMatchObject({ error: 'invalid_grant' });
  });

  it('ends the access of all clients at once', async () => {
    const tokens = [(await connect('Editor')).token, (await connect('Chat')).token];
    const done = await post(await open(), 'revoke-all');
    expect(done.text).toContain('No application has access to your account here.');
    expect(await Promise.all(tokens.map(statusWith))).toEqual([401, 401]);
    expect((await open()).text).toContain('Signed in as alice');
  });

  it('signs the person out everywhere: every browser, every client', async () => {
    const { token } = await connect('Editor');
    const elsewhere = createBrowser();
    const signIn = await open('/oauth/connections', elsewhere);
    expect((await elsewhere.submit(signIn, 'name', { name: 'alice' })).text).toContain('Editor');

    const done = await post(await open(), 'sign-out');
    expect(done.text).toContain('You are signed out');
    expect(await statusWith(token)).toBe(401);
    for (const one of [browser, elsewhere])
      expect((await open('/oauth/connections', one)).text).toContain('Development sign-in');
  });

  it('asks for a sign-in first, by which the browser is signed in for clients, too', async () => {
    await connect('Editor', 'carol');
    browser.clearCookies();
    const signIn = await open();
    expect(signIn.text).toContain('Development sign-in');
    const page = await browser.submit(signIn, 'name', { name: 'carol' });
    expect(new URL(page.url).pathname).toBe('/oauth/connections');
    expect(page.text).toContain('Editor');
    expect(browser.rejectedCookies).toEqual([]);
    const client = await createOAuthClient(gateway.url);
    expect((await browser.get(client.authorizeUrl(), { stopAt })).text).toContain('Signed in as carol');
    await gateway.auth.revoke({ sub: 'carol' });
    expect((await open()).text).toContain('Development sign-in');
  });

  it('shows another person nothing of it, and does nothing for a form of another session (CWE-352)', async () => {
    const { client, token } = await connect('Editor');
    const mine = await open();
    const stranger = createBrowser();
    const theirs = await stranger.submit(await open('/oauth/connections', stranger), 'name', { name: 'mallory' });
    expect(theirs.text).not.toContain('Editor');
    const fields = { decision: 'revoke', client: client.clientId };
    const csrfOf = (page: Page) => page.forms.find(({ fields: { csrf } }) => csrf !== undefined)?.fields.csrf ?? '';
    const url = `${gateway.url}/oauth/connections`;
    for (const [who, csrf, from] of [
      [browser, csrfOf(theirs), mine],
      [browser, csrfOf(mine), 'https://evil.example/'],
      [stranger, csrfOf(mine), theirs],
      // Their own form: it names a client that has nothing of theirs.
      [stranger, csrfOf(theirs), theirs],
    ] as const) {
      await who.post(url, { ...fields, csrf }, { from, stopAt });
      expect(await statusWith(token)).toBe(200);
    }
  });

  it('forgets a remembered approval with the access', async () => {
    const { client } = await connect('Editor');
    const asked = await browser.get(client.authorizeUrl(), { stopAt });
    await browser.submit(asked, 'csrf', { decision: 'approve', remember: true }, { stopAt });
    expect((await browser.get(client.authorizeUrl(), { stopAt })).location).toContain('code=');
    await post(await open(), 'revoke', { client: client.clientId });
    expect((await browser.get(client.authorizeUrl(), { stopAt })).text).toContain('Signed in as alice');
  });

  it('shows hundreds of grants page by page, each once, and revokes those of every page', async () => {
    const issuer = parseIssuer(gateway.url) as Issuer;
    const { client } = await connect('Editor', 'dora');
    const { storage } = gateway;
    const [granted] = await storage.find('Grant', 'client', recordId(issuer, client.clientId), { limit: 1 });
    const account = recordId(issuer, String(granted?.value.accountId));
    for (let count = 0; count < 1100; count += 1) {
      const [jti, clientId] = [`grant-${count}`, `client-${count}`];
      const index = { account, client: recordId(issuer, clientId) };
      const id = recordId(issuer, jti);
      await storage.put('Grant', id, { ...granted?.value, jti, clientId }, { index, grantId: id });
    }
    const seen: string[] = [];
    const sizes: number[] = [];
    let page = await open();
    for (;;) {
      const clients = page.forms.flatMap(({ fields }) => (fields.decision === 'revoke' ? (fields.client ?? []) : []));
      seen.push(...clients);
      sizes.push(clients.length);
      if (!page.links.some(({ text }) => text === 'More applications')) break;
      page = await browser.follow(page, 'More applications');
    }
    expect([sizes, new Set(seen).size]).toEqual([[500, 500, 101], 1101]);
    expect((await browser.follow(page, 'Back to the first ones')).url).toBe(`${gateway.url}/oauth/connections`);
    // What is no place in the list is the first page.
    const astray = await open('/oauth/connections?after=%00%2F..%2F');
    expect([astray.status, astray.text]).toEqual([200, expect.not.stringContaining('Back to the first ones')]);
    const done = await post(page, 'revoke-all');
    expect(done.text).toContain('No application has access to your account here.');
  });

  it('stands wherever the app puts it', async () => {
    await connect('Editor');
    const page = await open('/account/applications');
    expect(page.text).toContain('Editor');
    const done = await post(page, 'revoke-all');
    expect(new URL(done.url).pathname).toBe('/account/applications');
    browser.clearCookies();
    const back = await browser.submit(await open('/account/applications'), 'name', { name: 'alice' });
    expect(new URL(back.url).pathname).toBe('/account/applications');
  });

  it('loses its opener, and can neither be framed nor cached', async () => {
    await connect('Editor');
    const { headers } = await open();
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it.each(['PUT', 'DELETE'])('answers %s with 405', async (method) => {
    const answer = await send(`${gateway.url}/oauth/connections`, { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, POST']);
  });
});

it('follows the app’s own login: shown to whom the app knows, and to nobody after that', async () => {
  let user: string | undefined = 'carol';
  const own = await startObservedGateway({
    options: () => ({
      browserLogin: {},
      login: { url: '/login', authenticate: async () => (user === undefined ? undefined : { sub: user }) },
    }),
    routes: (app) => void app.get('/login', (req, res) => res.send(`<p>Log in, then ${req.query.returnTo}`)),
  });
  const show = () => browser.get(`${own.url}/oauth/connections`);
  expect((await show()).text).toContain('Signed in as carol');
  user = 'dave';
  expect((await show()).text).toContain('Signed in as dave');
  user = undefined;
  expect((await show()).text).toMatch(/^Log in, then \/oauth\/callback\?state=/);
  await own.close();
});
