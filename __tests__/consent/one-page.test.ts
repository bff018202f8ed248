import { afterEach, describe, expect, test } from '@jest/globals';
import { type McpOAuthOptions, sharedOAuth } from '../../lib/index.ts';
import { type Browser, createBrowser, type Page } from '../helpers/browser.ts';
import { callbackOf, createOAuthClient, type OAuthClient } from '../helpers/oauth-client.ts';
import { startOAuthUpstream } from '../helpers/oauth-upstream.ts';
import { type FilesGateway, type FilesGatewaySettings, rpc, startFilesGateway, whoAmI } from '../upstream/support.ts';

const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const part of closing.splice(0)) await part.close();
});

const redirectUri = 'https://client.example/callback';
const stopAt = (url: string) => url.startsWith(redirectUri);
const init = { stopAt };

interface Scene extends FilesGateway {
  readonly client: OAuthClient;
  readonly browser: Browser;
  /** Opens the page of a person who is signed in. */
  open(overrides?: Parameters<OAuthClient['authorizeUrl']>[0]): Promise<Page>;
}

/** Somebody who is signed in here already, for another resource. */
async function start(
  connect: 'required' | 'offered' = 'required',
  options: Partial<McpOAuthOptions> = {},
  credential: FilesGatewaySettings['credential'] = {},
  routes: FilesGatewaySettings['routes'] = () => undefined,
): Promise<Scene> {
  const files = await startFilesGateway({
    credential: { connect, summary: 'Your files.', ...credential },
    options: () => options,
    routes(app, auth) {
      app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({ ok: true }));
      routes(app, auth);
    },
  });
  closing.push(files);
  const browser = createBrowser();
  await (await createOAuthClient(files.gateway.url)).login(browser);
  const client = await createOAuthClient(
    files.gateway.url,
    { redirect_uris: [redirectUri], client_name: 'Web' },
    files.url,
  );
  return { ...files, client, browser, open: (overrides) => browser.get(client.authorizeUrl(overrides), init) };
}

const controls = ({ forms }: Page) =>
  forms.flatMap((form) => form.controls.map(({ name, value }) => `${name}=${value}`));
const offers = (page: Page) => controls(page).filter((control) => /^(?:connect|decision)=/.test(control));
const isTicked = ({ html }: Page) => / name="remember" value="yes" checked>/.test(html);
const formAction = ({ headers }: Page) => /form-action ([^;]*)/.exec(headers.get('content-security-policy') ?? '')?.[1];

/** Presses Connect, and goes on up to the upstream's sign-in. */
const leave = ({ browser }: Pick<Scene, 'browser'>, page: Page, remember = false) =>
  browser.submit(page, 'csrf', { connect: 'files', ...(remember && { remember }) }, init);
const returnAs = ({ browser }: Pick<Scene, 'browser'>, away: Page, name: string) =>
  browser.submit(away, 'upstreamLogin', { upstreamLogin: name }, init);
const approve = ({ browser }: Pick<Scene, 'browser'>, page: Page, remember = false) =>
  browser.submit(page, 'csrf', { decision: 'approve', ...(remember && { remember }) }, init);

describe('with a session here', () => {
  test('client, account, permissions and services are on one page, and its approval gives the code', async () => {
    const scene = await start();
    const page = await scene.open();
    for (const words of [
      'Allow Web to use',
      'Signed in as',
      'alice',
      'Files',
      'Your files.',
      'Required',
      'Do not ask again',
    ])
      expect(page.text).toContain(words);
    expect(offers(page)).toEqual(['connect=files', 'decision=deny']);
    expect(page.text).toContain('Connect the required services to go on.');

    const back = await returnAs(scene, await leave(scene, page), 'alice-at-files');
    expect(new URL(back.url).pathname).toBe(new URL(page.url).pathname);
    expect(back.text).toContain('Connected');
    expect(offers(back)).toEqual(['decision=approve', 'decision=deny']);
    expect(scene.gateway.events.filter(({ type }) => type === 'consent.granted')).toHaveLength(1); // That of the other client.

    const { json } = await scene.client.redeem(String(callbackOf(await approve(scene, back)).code));
    const user = { accessToken: String(json?.access_token) };
    const called = await rpc(scene.url, user, 'tools/call', { name: 'whoami', arguments: {} });
    expect(whoAmI(called).extra?.sub).toBe('alice-at-files');
  });

  test('an optional service is offered and not insisted on', async () => {
    const scene = await start('offered');
    const page = await scene.open();
    expect(offers(page)).toEqual(['connect=files', 'decision=approve', 'decision=deny']);
    expect(page.text).toContain('Optional');
    expect(callbackOf(await approve(scene, page)).code).toEqual(expect.any(String));
  });

  test('a shared service is offered to those who may connect it, with a word about who uses it then', async () => {
    const upstream = await startOAuthUpstream();
    const mayConnect = ({ sub }: { sub: string }) => sub === 'alice';
    const wiki = sharedOAuth({ id: 'wiki', displayName: 'Wiki', connect: 'required', mayConnect });
    const scene = await start('offered', {}, {}, (app, auth) => {
      app.use(auth.proxy('/wiki', { target: upstream.url, upstream: wiki }));
    });
    closing.push(upstream);
    const client = await createOAuthClient(
      scene.gateway.url,
      { redirect_uris: [redirectUri] },
      `${scene.gateway.url}/wiki`,
    );
    const page = await scene.browser.get(client.authorizeUrl(), init);
    expect(offers(page)).toEqual(['connect=wiki', 'decision=deny']);
    expect(page.text).toContain('Everybody here will use this connection.');
    const bob = createBrowser();
    await (await createOAuthClient(scene.gateway.url)).login(bob, {}, { name: 'bob' });
    expect(offers(await bob.get(client.authorizeUrl(), init))).toEqual(['decision=approve', 'decision=deny']);
  });

  test('the wish to be remembered survives the way to the service and back, and counts with the approval alone', async () => {
    const scene = await start();
    const back = await returnAs(scene, await leave(scene, await scene.open(), true), 'alice-at-files');
    expect(isTicked(back)).toBe(true);
    expect(isTicked(await scene.open())).toBe(false); // Connecting has approved nothing.
    const fields = back.forms[0]?.fields;
    expect(fields?.remember).toBe('yes');
    await approve(scene, back, true);
    expect(callbackOf(await scene.open()).code).toEqual(expect.any(String));
  });

  test('a remembered approval whose service was disconnected asks again, and connecting alone does not spend it', async () => {
    const scene = await start();
    await approve(scene, await returnAs(scene, await leave(scene, await scene.open()), 'alice-at-files'), true);
    const list = await scene.browser.get(`${scene.gateway.url}/oauth/connections`);
    const form = list.forms.find(({ fields }) => fields.decision === 'disconnect');
    await scene.browser.post(form?.action ?? '', { ...form?.fields }, { from: list });
    const page = await scene.open();
    expect(offers(page)).toEqual(['connect=files', 'decision=deny']);
    const back = await leave(scene, page); // The service knows the person already.
    expect([back.location, back.text]).toEqual([undefined, expect.stringContaining('Connected')]);
    expect(offers(back)).toContain('decision=approve');
    // Somebody else's link still does not spend it; the person's own does.
    expect(
      offers(await scene.browser.get(scene.client.authorizeUrl(), { ...init, from: 'https://evil.example/' })),
    ).toContain('decision=approve');
    expect(callbackOf(await scene.open()).code).toEqual(expect.any(String));
  });

  test('an approval while a required service is missing says so, and gives nothing', async () => {
    const scene = await start();
    const page = await scene.open();
    const forged = { csrf: page.forms[0]?.fields.csrf ?? '', decision: 'approve', remember: 'yes' };
    const held = await scene.browser.post(page.url, forged, { from: page, stopAt });
    expect([held.status, held.location]).toEqual([200, undefined]);
    expect(held.html).toContain('role="alert">Connect the required services to go on.');
    expect(isTicked(held)).toBe(true);
    const back = await returnAs(scene, await leave(scene, held), 'alice-at-files');
    expect(callbackOf(await approve(scene, back)).code).toEqual(expect.any(String));
  });

  test.each([
    [
      'that the person refused',
      (scene: Scene, away: Page) => scene.browser.submit(away, 'upstreamLogin', { action: 'cancel' }, init),
    ],
    [
      'whose server gives no tokens',
      (scene: Scene, away: Page) => {
        scene.upstream.faults.token = { status: 503 };
        return returnAs(scene, away, 'alice-at-files');
      },
    ],
  ])('a service %s is told on the page, with what was ticked; the person may deny then', async (_what, attempt) => {
    const scene = await start();
    const back = await attempt(scene, await leave(scene, await scene.open(), true));
    expect(back.text).toContain('Files was not connected. You can try again.');
    expect(isTicked(back)).toBe(true);
    expect(offers(back)).toEqual(['connect=files', 'decision=deny']);
    const denied = await scene.browser.submit(back, 'csrf', { decision: 'deny' }, init);
    expect(callbackOf(denied)).toMatchObject({ error: 'access_denied', state: 'the state' });
  });

  test('a service whose server is away is told on the page', async () => {
    const scene = await start();
    const page = await scene.open();
    await scene.upstream.close();
    const back = await leave(scene, page);
    expect(back.text).toContain('Files was not connected. You can try again.');
  });

  test('denying keeps what was connected, and gives no code', async () => {
    const scene = await start();
    const back = await returnAs(scene, await leave(scene, await scene.open()), 'alice-at-files');
    const denied = await scene.browser.submit(back, 'csrf', { decision: 'deny', remember: true }, init);
    expect(callbackOf(denied)).toMatchObject({ error: 'access_denied' });
    expect(offers(await scene.open())).toEqual(['decision=approve', 'decision=deny']);
  });
});

describe('the way there and back', () => {
  test('two tabs: what one connects the other has', async () => {
    const scene = await start();
    const [one, other] = [await scene.open({ state: 'one' }), await scene.open({ state: 'other' })];
    const away = await leave(scene, other);
    await returnAs(scene, await leave(scene, one), 'alice-at-files');
    // The page of the other tab is stale: its Connect leads back to it, and so does the way out that it took before.
    expect(offers(await leave(scene, other))).toEqual(['decision=approve', 'decision=deny']);
    const late = await returnAs(scene, away, 'alice-at-files');
    expect(callbackOf(await approve(scene, late))).toMatchObject({ state: 'other', code: expect.any(String) });
    expect(callbackOf(await approve(scene, await scene.browser.get(one.url, init)))).toMatchObject({
      state: 'one',
      code: expect.any(String),
    });
  });

  test('Connect pressed twice, then Allow pressed twice: a code, and a page that says so for what came too late', async () => {
    const scene = await start();
    const page = await scene.open();
    const first = await leave(scene, page);
    const second = await leave(scene, page);
    await returnAs(scene, first, 'alice-at-files');
    const back = await returnAs(scene, second, 'alice-at-files');
    const answers = await Promise.all([approve(scene, back), approve(scene, back)]);
    const codes = answers.flatMap((answer) => callbackOf(answer).code ?? []);
    for (const answer of answers)
      if (answer.location === undefined) expect(answer.text).toContain('This page has expired');
    const redeemed = await Promise.all(codes.map((code) => scene.client.redeem(code)));
    expect(redeemed.map(({ status }) => status)).toContain(200);
  });

  test('a request that was finished meanwhile ends in words; the service is connected', async () => {
    const scene = await start('offered');
    const page = await scene.open();
    const away = await leave(scene, page);
    await scene.browser.submit(page, 'csrf', { decision: 'deny' }, init);
    const back = await returnAs(scene, away, 'alice-at-files');
    expect([back.status, back.text]).toEqual([400, expect.stringContaining('This page has expired')]);
    expect((await scene.open()).text).toContain('Connected');
  });

  test.each([
    [
      'from another site',
      (page: Page) => ({ fields: page.forms[0]?.fields ?? {}, from: 'https://evil.example/' as Page | string }),
    ],
    ['without the token of the page', (page: Page) => ({ fields: { csrf: 'x' }, from: page as Page | string })],
  ])('Connect %s leads nowhere (CWE-352)', async (_what, forge) => {
    const scene = await start();
    const page = await scene.open();
    const { fields, from } = forge(page);
    const answer = await scene.browser.post(page.url, { ...fields, connect: 'files' }, { stopAt, from });
    expect([answer.status, answer.url]).toEqual([400, page.url]);
    expect(scene.upstream.requests.filter(({ url }) => url.startsWith('/auth'))).toEqual([]);
  });

  test('Connect before the sign-in, or for a service that the route does not have, leads nowhere', async () => {
    const scene = await start();
    const stranger = createBrowser();
    const before = await stranger.get(scene.client.authorizeUrl(), init);
    const csrf = before.forms[0]?.fields.csrf ?? '';
    const refused = await stranger.post(before.url, { csrf, connect: 'files' }, { from: before, stopAt });
    expect([refused.status, refused.url]).toEqual([400, before.url]);
    const page = await scene.open();
    const fields = { csrf: page.forms[0]?.fields.csrf ?? '', connect: 'nothing' };
    expect(offers(await scene.browser.post(page.url, fields, { from: page, stopAt }))).toEqual([
      'connect=files',
      'decision=deny',
    ]);
  });

  test('the policy lets the form lead to the client and, while something can be connected, to services (CSP Level 3 section 6.7.2)', async () => {
    const scene = await start();
    const page = await scene.open();
    expect(formAction(page)).toBe("'self' https://client.example http:");
    const back = await returnAs(scene, await leave(scene, page), 'alice-at-files');
    expect(formAction(back)).toBe("'self' https://client.example");
  });

  test('a person whom the app refuses connects nothing', async () => {
    let isAllowed = true;
    const scene = await start('offered', { authorizeUser: () => isAllowed });
    const page = await scene.open();
    isAllowed = false;
    const refused = await leave(scene, page);
    expect([refused.status, refused.text]).toEqual([403, expect.stringContaining('You have no access here')]);
    expect(scene.upstream.requests.filter(({ url }) => url.startsWith('/auth'))).toEqual([]);
  });

  test('the page of somebody who was revoked meanwhile gives no code and connects nothing (CWE-613)', async () => {
    const scene = await start('offered');
    const page = await scene.open();
    await scene.gateway.auth.revoke({ sub: 'alice' });
    for (const answer of [await approve(scene, page), await leave(scene, page)])
      expect([answer.status, answer.location]).toEqual([400, undefined]);
  });

  test('nobody gives their account at a service to the person whose page was left open', async () => {
    const scene = await start();
    const away = await leave(scene, await scene.open());
    const logout = await scene.browser.get(`${scene.gateway.url}/oauth/logout`);
    await scene.browser.submit(logout, 'csrf');
    const list = await scene.browser.get(`${scene.gateway.url}/oauth/connections`);
    await scene.browser.submit(list, 'name', { name: 'bob' });
    const back = await returnAs(scene, away, 'bob-at-files');
    expect([back.status, back.text]).toEqual([403, expect.stringContaining('This link is not yours')]);
    expect(scene.upstream.tokenRequests).toEqual([]);
    const alice = createBrowser();
    await (await createOAuthClient(scene.gateway.url)).login(alice);
    expect(offers(await alice.get(scene.client.authorizeUrl(), init))).toEqual(['connect=files', 'decision=deny']);
  });
});
