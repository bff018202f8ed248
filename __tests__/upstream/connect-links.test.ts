import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createBrowser } from '../helpers/browser.ts';
import { send } from '../helpers/oauth-client.ts';
import { connect, type FilesGateway, linkIn, rpc, signIn, startFilesGateway, type User, whoAmI } from './support.ts';

let files: FilesGateway;
let alice: User;
let bob: User;
const realNow = Date.now;

const stopAt = (url: string) => !url.startsWith('http://127.0.0.1:');
const call = (user: User) => rpc(files.url, user, 'tools/call', { name: 'whoami', arguments: {} });
const linkFor = async (user: User) => linkIn((await call(user)).text);
const isConnected = async (user: User) => (await call(user)).text.includes('-at-files');
const refusals = () =>
  files.gateway.events.filter(({ type }) => type === 'upstream.connect_refused').map(({ reason }) => reason);

beforeAll(async () => {
  files = await startFilesGateway();
});
afterAll(async () => {
  await files.close();
});
beforeEach(async () => {
  Date.now = realNow;
  files.gateway.events.length = 0;
  const run = Math.random().toString(36).slice(2, 8);
  alice = await signIn(files.gateway.url, `alice-${run}`);
  bob = await signIn(files.gateway.url, `bob-${run}`);
});

describe('a link to connect (MCP 2026-07-28, Elicitation, Phishing)', () => {
  test('of one user opened by another is refused, and nothing is stored for either', async () => {
    const link = await linkFor(alice);
    const page = await bob.browser.get(link, { stopAt });
    expect([page.status, page.text]).toEqual([403, expect.stringContaining('not yours')]);
    expect(page.forms).toEqual([]);
    expect(refusals()).toEqual(['link: of another account']);
    // Nor does a form help that bob makes up.
    const posted = await bob.browser.post(link, { csrf: 'made up', decision: 'connect' }, { stopAt });
    expect(posted.status).toBe(403);
    expect([await isConnected(alice), await isConnected(bob)]).toEqual([false, false]);
    // It is still alice's.
    expect((await connect(alice.browser, link, 'alice-at-files')).text).toContain('Files is connected');
    expect([await isConnected(alice), await isConnected(bob)]).toEqual([true, false]);
  });

  test('asks a browser without a session to sign in, and refuses whoever signs in as another', async () => {
    const link = await linkFor(alice);
    const strange = createBrowser();
    const signInPage = await strange.get(link, { stopAt });
    expect(signInPage.forms.flatMap(({ controls }) => controls.map(({ name }) => name))).toContain('name');
    const refused = await strange.submit(signInPage, 'name', { name: bob.name }, { stopAt });
    expect([refused.status, refused.text]).toEqual([403, expect.stringContaining('not yours')]);
    const page = createBrowser();
    const form = await page.get(link, { stopAt });
    const asked = await page.submit(form, 'name', { name: alice.name }, { stopAt });
    expect(asked.text).toContain(`Signed in as ${alice.name}`);
    const upstreamLogin = await page.submit(asked, 'decision', { decision: 'connect' }, { stopAt });
    const done = await page.submit(upstreamLogin, 'upstreamLogin', { upstreamLogin: 'alice-at-files' }, { stopAt });
    expect(done.text).toContain('Files is connected');
    expect(await isConnected(alice)).toBe(true);
  });

  test('works once', async () => {
    const link = await linkFor(alice);
    await connect(alice.browser, link, 'alice-at-files');
    const again = await alice.browser.get(link, { stopAt });
    expect([again.status, again.text]).toEqual([400, expect.stringContaining('expired')]);
  });

  test('works for 15 minutes', async () => {
    const link = await linkFor(alice);
    let now = realNow() + 899_000;
    Date.now = () => now;
    expect((await alice.browser.get(link, { stopAt })).status).toBe(200);
    now += 2000;
    expect((await alice.browser.get(link, { stopAt })).status).toBe(400);
  });

  test('is not used up by looking at it', async () => {
    const link = await linkFor(alice);
    for (let time = 0; time < 3; time += 1) expect((await alice.browser.get(link, { stopAt })).status).toBe(200);
    expect((await send(link, { method: 'GET' })).status).toBe(303);
    expect((await connect(alice.browser, link, 'alice-at-files')).text).toContain('Files is connected');
  });

  test('does nothing for a form of another site', async () => {
    const link = await linkFor(alice);
    const page = await alice.browser.get(link, { stopAt });
    const fields = page.forms[0]?.fields ?? {};
    const foreign = await alice.browser.post(
      link,
      { ...fields, decision: 'connect' },
      { stopAt, from: 'https://evil.example/' },
    );
    // Browsers send no session with it, so it ends at the sign-in.
    expect(foreign.url).toContain('/oauth/dev-login');
    const forged = await alice.browser.post(link, { csrf: 'forged', decision: 'connect' }, { stopAt, from: page });
    expect(forged.status).toBe(400);
    expect(await isConnected(alice)).toBe(false);
  });

  test('is made 30 times in 15 minutes for one user, who is told to open an earlier one then', async () => {
    const links: string[] = [];
    for (let time = 0; time < 30; time += 1) links.push(await linkFor(alice));
    expect(new Set(links).size).toBe(30);
    const over = await call(alice);
    expect(over.json?.result).toMatchObject({ isError: true });
    expect([over.text, over.text]).toEqual([
      expect.not.stringContaining('/oauth/connect/'),
      expect.stringContaining('Open the link of an earlier answer'),
    ]);
    expect(await linkFor(bob)).toMatch(/./);
    // Each of the earlier ones still works, once.
    const link = links.at(-1) as string;
    expect((await connect(alice.browser, link, 'alice-at-files')).text).toContain('Files is connected');
    expect((await alice.browser.get(link, { stopAt })).status).toBe(400);
  });

  test('is made again 15 minutes later', async () => {
    for (let time = 0; time < 30; time += 1) await linkFor(alice);
    expect((await call(alice)).text).not.toContain('/oauth/connect/');
    Date.now = () => realNow() + 901_000;
    // By then the access token has ended too.
    expect(await linkFor(await signIn(files.gateway.url, alice.name))).toMatch(/./);
  });

  test('names neither the user nor anything secret', async () => {
    const link = await linkFor(alice);
    expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/oauth\/connect\/[A-Za-z0-9_-]{43}$/);
    const page = await alice.browser.get(link, { stopAt });
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(page.headers.get('cache-control')).toBe('no-store');
  });
});

describe('the callback of a connection', () => {
  /** Up to the redirect back to the gateway, which is not followed. */
  async function untilCallback(user: User): Promise<string> {
    const isCallback = (url: string) => stopAt(url) || url.includes('/oauth/connect/callback');
    const page = await user.browser.get(await linkFor(user), { stopAt: isCallback });
    const away = await user.browser.submit(page, 'decision', { decision: 'connect' }, { stopAt: isCallback });
    const back =
      away.location === undefined
        ? await user.browser.submit(
            away,
            'upstreamLogin',
            { upstreamLogin: `${user.name}-at-files` },
            { stopAt: isCallback },
          )
        : away;
    return back.location as string;
  }

  test('in another browser stores nothing, and does not use the connection up', async () => {
    const callback = await untilCallback(alice);
    for (const thief of [bob.browser, createBrowser()])
      expect((await thief.get(callback, { stopAt })).status).toBe(400);
    expect([await isConnected(alice), await isConnected(bob)]).toEqual([false, false]);
    expect((await alice.browser.get(callback, { stopAt })).text).toContain('Files is connected');
    expect(whoAmI(await call(alice)).extra?.sub).toBe(`${alice.name}-at-files`);
  });

  test('works once', async () => {
    const callback = await untilCallback(alice);
    await alice.browser.get(callback, { stopAt });
    expect((await alice.browser.get(callback, { stopAt })).status).toBe(400);
  });

  test.each([
    ['the issuer of another server (RFC 9207)', (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
    ['no issuer, where the server promises one (RFC 9207)', (url: URL) => url.searchParams.delete('iss')],
    ['a code of somebody else', (url: URL) => url.searchParams.set('code', 'stolen')],
    ['an error', (url: URL) => url.searchParams.set('error', 'access_denied')],
  ])('with %s stores nothing', async (_what, change) => {
    const callback = new URL(await untilCallback(alice));
    change(callback);
    const page = await alice.browser.get(callback.href, { stopAt });
    expect([page.status, page.text]).toEqual([400, expect.stringContaining('was not connected')]);
    expect(await isConnected(alice)).toBe(false);
  });

  test.each(['state', 'code', 'iss'])('with two values of %s is refused', async (name) => {
    const callback = new URL(await untilCallback(alice));
    callback.searchParams.append(name, 'second');
    expect((await alice.browser.get(callback.href, { stopAt })).status).toBe(400);
    expect(await isConnected(alice)).toBe(false);
  });

  test('of one user never connects another, also with the state of both in one browser', async () => {
    const shared = createBrowser();
    const [first, second] = [
      await signIn(files.gateway.url, `${alice.name}-x`, '/files', shared),
      await signIn(files.gateway.url, `${bob.name}-y`, '/files', createBrowser()),
    ];
    const callback = await untilCallback(first);
    await second.browser.get(callback, { stopAt });
    expect([await isConnected(first), await isConnected(second)]).toEqual([false, false]);
  });

  test('tells a refusal at the upstream, without its words', async () => {
    const page = await alice.browser.get(await linkFor(alice), { stopAt });
    const away = await alice.browser.submit(page, 'decision', { decision: 'connect' }, { stopAt });
    const back = await alice.browser.submit(away, 'upstreamLogin', { action: 'cancel' }, { stopAt });
    expect([back.status, back.text]).toEqual([400, expect.stringContaining('Files was not connected')]);
    expect(refusals()).toEqual(['refused: access_denied']);
  });
});
