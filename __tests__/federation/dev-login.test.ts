import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuthenticatedRequest } from '../../lib/index.ts';
import { type Browser, createBrowser, type Page } from '../helpers/browser.ts';
import {
  type Answer,
  callbackOf,
  createOAuthClient,
  type OAuthClient,
  postForm,
  send,
} from '../helpers/oauth-client.ts';
import { type Observed, type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

let gateway: ObservedGateway;
let client: OAuthClient;
beforeAll(async () => {
  gateway = await startObservedGateway({
    routes: (app, auth) =>
      void app.all('/mcp', auth.authenticate('/mcp'), (req, res) =>
        res.json((req as unknown as AuthenticatedRequest).user),
      ),
  });
  client = await createOAuthClient(gateway.url, { redirect_uris: ['https://client.example/callback'] });
});
afterAll(() => gateway.close());

const stopAt = (url: string) => url.startsWith('https://client.example/');

/** The approval page, approved: the browser stands at the sign-in page. */
async function atSignIn(browser: Browser, of: OAuthClient = client): Promise<Page> {
  const approval = await browser.get(of.authorizeUrl(), { stopAt });
  return browser.submit(approval, 'csrf', { decision: 'approve' }, { stopAt });
}

const stateOf = (signIn: Page) => String(signIn.forms[0]?.fields.state);
const cookieOf = (browser: Browser, url: string) => {
  const cookies = browser.cookies(url).map(({ name, value }) => `${name}=${value}`);
  return cookies.join('; ');
};

/** What the person at `/mcp` is, after signing in with this form. */
async function userOf(form: Record<string, string>): Promise<Record<string, unknown> | undefined> {
  const browser = createBrowser();
  const { code = '' } = callbackOf(await browser.submit(await atSignIn(browser), 'name', form, { stopAt }));
  const { json } = await client.redeem(code);
  const { answer } = await gateway.observe(() =>
    send(`${gateway.url}/mcp`, { headers: { authorization: `Bearer ${json?.access_token}` } }),
  );
  return answer.json;
}

function expectRefused({ answer, events, writes }: Observed<Answer | Page>, status: number, event: string): void {
  expect({ status: answer.status, location: answer.headers.get('location'), events, writes }).toEqual({
    status,
    location: null,
    events: [event],
    writes: [],
  });
  expect(answer.headers.get('set-cookie')).toBeNull();
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(answer.headers.get('cache-control')).toBe('no-store');
}

describe('who signs in', () => {
  it.each([
    ['spaces', 'admin ops'],
    ['commas', 'admin,ops'],
    ['both, and more of them', ' admin , ops  '],
  ])('has the name and the roles that were typed, separated by %s', async (_how, roles) => {
    expect(await userOf({ name: ' Ann Smith ', roles })).toEqual({
      sub: 'Ann Smith',
      iss: `${gateway.url}/oauth/dev-login`,
      data: { name: 'Ann Smith', roles: ['admin', 'ops'], clientId: client.clientId },
    });
  });

  it('has a name of its own where none was typed, and no roles', async () => {
    expect(await userOf({ name: '  ', roles: '' })).toMatchObject({ sub: 'dev-browser-user', data: { roles: [] } });
  });

  it('has a name that every store can hold: no U+0000, at most 200 characters, none of them halved (CWE-1321)', async () => {
    expect(
      await userOf({ name: `A\0nn${'x'.repeat(196)}\u{1f600}${'x'.repeat(300)}`, roles: 'ad\0min' }),
    ).toMatchObject({
      sub: `Ann${'x'.repeat(196)}\u{1f600}`,
      data: { roles: ['admin'] },
    });
  });

  it('is shown on the next approval page as text (CWE-79)', async () => {
    const browser = createBrowser();
    await browser.submit(await atSignIn(browser), 'name', { name: '<img src=x onerror=alert(1)>' }, { stopAt });

    const page = await browser.get(client.authorizeUrl(), { stopAt });

    expect(page.html).not.toContain('<img');
    expect(page.text).toContain('Signed in as <img src=x onerror=alert(1)>');
  });
});

describe('the page', () => {
  it('comes only after the approval, which alone writes its state and cookie (MCP 2026-07-28, Confused Deputy)', async () => {
    const browser = createBrowser();
    const before = await gateway.observe(() => browser.get(client.authorizeUrl(), { stopAt }));
    const cookiesBefore = browser.cookies(gateway.url).filter(({ name }) => name.startsWith('mcp_login'));
    const after = await gateway.observe(() =>
      browser.submit(before.answer, 'csrf', { decision: 'approve' }, { stopAt }),
    );

    expect([before.writes, cookiesBefore]).toEqual([['put Interaction'], []]);
    expect(after.writes).toEqual(['put LoginState']);
    expect(browser.cookies(gateway.url).filter(({ name }) => name.startsWith('mcp_login'))).toHaveLength(1);
    expect(after.answer.text).toContain('Anyone on this computer can sign in as anyone here.');
  });

  it('cannot be framed, cached or leak its address (CWE-1021)', async () => {
    const { headers } = await atSignIn(createBrowser());

    expect(headers.get('content-security-policy')).toMatch(/default-src 'none';.*frame-ancestors 'none'/);
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
  });
});

describe('a state', () => {
  const made = 'A'.repeat(43);
  it.each([
    ['none', undefined, 'state_missing'],
    ['an empty one', '', 'state_missing'],
    ['a short one', 'x', 'state_missing'],
    ['one with NUL', `${'A'.repeat(42)}\0`, 'state_missing'],
    ['a made-up one', made, 'state_unknown'],
  ])('that is %s gets the expired page, by GET and by POST (RFC 9700 section 4.7)', async (_what, state, reason) => {
    const url = `${gateway.url}/oauth/dev-login`;
    const query = state === undefined ? '' : `?state=${encodeURIComponent(state)}`;

    const read = await gateway.observe(() => send(url + query));
    const posted = await gateway.observe(() => postForm(url, { state, name: 'mallory' }));

    expectRefused(read, 400, `login.failed: ${reason}`);
    expectRefused(posted, 400, `login.failed: ${reason}`);
  });

  it('of another browser gets the expired page, and stays usable in its own (MCP 2026-07-28, Confused Deputy)', async () => {
    const [victim, attacker] = [createBrowser(), createBrowser()];
    const signIn = await atSignIn(victim);
    await atSignIn(attacker); // The attacker has a cookie too, of another login.

    const read = await gateway.observe(() => attacker.get(signIn.url, { stopAt }));
    const posted = await gateway.observe(() =>
      attacker.post(signIn.url, { state: stateOf(signIn), name: 'mallory' }, { from: signIn, stopAt }),
    );

    expectRefused(read, 400, 'login.failed: other_browser');
    expectRefused(posted, 400, 'login.failed: other_browser');
    expect(callbackOf(await victim.submit(signIn, 'name', {}, { stopAt }))).toHaveProperty('code');
  });

  it('works once: sent again it gets the expired page', async () => {
    const browser = createBrowser();
    const signIn = await atSignIn(browser);
    const cookie = cookieOf(browser, signIn.url);
    await browser.submit(signIn, 'name', {}, { stopAt });

    const again = await gateway.observe(() =>
      postForm(signIn.url, { state: stateOf(signIn), name: 'mallory' }, { cookie }),
    );

    expectRefused(again, 400, 'login.failed: state_unknown');
  });

  it('sent ten times side by side signs in once (F-07)', async () => {
    const browser = createBrowser();
    const signIn = await atSignIn(browser);

    const { answer, events } = await gateway.observe(() =>
      Promise.all(Array.from({ length: 10 }, () => browser.submit(signIn, 'name', {}, { stopAt }))),
    );

    expect(answer.map(({ status }) => status).sort()).toEqual([303, ...Array(9).fill(400)]);
    expect(events.filter((event) => event === 'login.succeeded')).toHaveLength(1);
  });

  it('sent as JSON gets the expired page', async () => {
    const browser = createBrowser();
    const signIn = await atSignIn(browser);
    const headers = { 'content-type': 'application/json', cookie: cookieOf(browser, signIn.url) };

    const observed = await gateway.observe(() =>
      send(signIn.url, { headers, body: JSON.stringify({ state: stateOf(signIn), name: 'mallory' }) }),
    );

    expectRefused(observed, 400, 'login.failed: state_missing');
  });
});
