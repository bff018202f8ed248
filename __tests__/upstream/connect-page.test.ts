import { afterEach, describe, expect, test } from '@jest/globals';
import { type McpOAuthOptions, sharedOAuth } from '../../lib/index.ts';
import { type Browser, createBrowser, type Page } from '../helpers/browser.ts';
import { startGateway } from '../helpers/gateway.ts';
import { callbackOf, createOAuthClient, type OAuthClient } from '../helpers/oauth-client.ts';
import { type OAuthUpstream, startOAuthUpstream } from '../helpers/oauth-upstream.ts';
import { connect, linkIn, rpc, startFilesGateway, whoAmI } from './support.ts';

const closing: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const part of closing.splice(0)) await part.close();
});

const stopAt = (url: string) => url.startsWith('http://127.0.0.1:1/');
const buttons = (page: Page) =>
  page.forms.flatMap(({ controls }) => controls.filter(({ kind }) => kind === 'button').map(({ value }) => value));

async function start(connectWhen: 'required' | 'offered' | 'on-demand', options?: Partial<McpOAuthOptions>) {
  const files = await startFilesGateway({
    credential: { connect: connectWhen, summary: 'Your files.' },
    ...(options && { options: () => options }),
  });
  closing.push(files);
  const client = await createOAuthClient(files.gateway.url, {}, files.url);
  return { ...files, client, browser: createBrowser() };
}

/** Approves the client and signs in. */
async function approve(client: OAuthClient, browser = createBrowser(), name = 'alice'): Promise<Page> {
  const approval = await browser.get(client.authorizeUrl(), { stopAt });
  const next = await browser.submit(approval, 'csrf', { decision: 'approve' }, { stopAt });
  return next.forms.some(({ controls }) => controls.some((control) => control.name === 'name'))
    ? browser.submit(next, 'name', { name }, { stopAt })
    : next;
}

async function connectOn(page: Page, browser = createBrowser()): Promise<Page> {
  const away = await browser.submit(page, 'upstream', { decision: 'connect' }, { stopAt });
  return away.forms.some(({ controls }) => controls.some(({ name }) => name === 'upstreamLogin'))
    ? browser.submit(away, 'upstreamLogin', { upstreamLogin: 'alice-at-files' }, { stopAt })
    : away;
}

const lastForm = (page: Page) => page.forms.length - 1;

describe('the page after a login', () => {
  test('keeps the code back until a required upstream is connected', async () => {
    const { client, browser, url } = await start('required');
    const page = await approve(client, browser);
    expect(page.text).toContain('Connect your accounts');
    expect(page.text).toContain('Signed in as alice');
    expect(page.text).toContain('Your files.');
    expect(buttons(page)).toEqual(['connect', 'deny']);
    // A form that claims to go on does not.
    const claimed = { ...page.forms[lastForm(page)]?.fields, decision: 'continue' };
    const early = await browser.post(page.url, claimed, { stopAt, from: page });
    expect(early.location).toBeUndefined();
    const again = await browser.get(page.url, { stopAt });
    const connected = await connectOn(again, browser);
    expect([connected.text, buttons(connected)]).toEqual([expect.stringContaining('Connected'), ['continue', 'deny']]);
    const done = await browser.submit(connected, lastForm(connected), { decision: 'continue' }, { stopAt });
    const { json } = await client.redeem(String(callbackOf(done).code));
    const user = { accessToken: String(json?.access_token) };
    expect(whoAmI(await rpc(url, user, 'tools/call', { name: 'whoami', arguments: {} })).extra?.sub).toBe(
      'alice-at-files',
    );
  });

  test('offers an optional one, and does not insist', async () => {
    const { client, browser } = await start('offered');
    const page = await approve(client, browser);
    expect(buttons(page)).toEqual(['connect', 'continue', 'deny']);
    const done = await browser.submit(page, lastForm(page), { decision: 'continue' }, { stopAt });
    expect(callbackOf(done).code).toEqual(expect.any(String));
  });

  test('does not come when everything is connected, and to each person for themselves', async () => {
    const { client, browser } = await start('offered');
    const connected = await connectOn(await approve(client, browser), browser);
    await browser.submit(connected, lastForm(connected), { decision: 'continue' }, { stopAt });
    expect(callbackOf(await approve(client, createBrowser())).code).toEqual(expect.any(String));
    expect(buttons(await approve(client, createBrowser(), 'bob'))).toContain('connect');
  });

  test.each([
    [
      'the person refused there',
      async (browser: Browser, page: Page) => {
        const away = await browser.submit(page, 'upstream', { decision: 'connect' }, { stopAt });
        return browser.submit(away, 'upstreamLogin', { action: 'cancel' }, { stopAt });
      },
    ],
    [
      'its server cannot be reached',
      async (browser: Browser, page: Page, upstream: OAuthUpstream) => {
        await upstream.close();
        return browser.submit(page, 'upstream', { decision: 'connect' }, { stopAt });
      },
    ],
  ])('says that an upstream was not connected because %s, and offers it again', async (_why, attempt) => {
    const { client, browser, upstream } = await start('required');
    const back = await attempt(browser, await approve(client, browser), upstream);
    expect(back.text).toContain('Files was not connected. You can try again.');
    expect(buttons(back)).toEqual(['connect', 'deny']);
  });

  test('does not come for an upstream that waits for a call', async () => {
    const { client } = await start('on-demand');
    expect(callbackOf(await approve(client)).code).toEqual(expect.any(String));
  });

  test('may be left: the client is told that the person refused', async () => {
    const { client, browser } = await start('required');
    const page = await approve(client, browser);
    const denied = await browser.submit(page, lastForm(page), { decision: 'deny' }, { stopAt });
    expect(callbackOf(denied)).toMatchObject({ error: 'access_denied' });
  });

  test('gives no code to who was revoked while it was open (CWE-613)', async () => {
    const { client, browser, gateway } = await start('offered');
    const page = await approve(client, browser);
    await gateway.auth.revoke({ sub: 'alice' });
    const done = await browser.submit(page, lastForm(page), { decision: 'continue' }, { stopAt });
    expect([done.status, done.location]).toEqual([400, undefined]);
  });

  test('is there for the browser that signed in, and once', async () => {
    const { client, browser } = await start('offered');
    const page = await approve(client, browser);
    expect((await createBrowser().get(page.url, { stopAt })).status).toBe(400);
    const fields = { ...page.forms[lastForm(page)]?.fields, decision: 'continue' };
    expect((await createBrowser().post(page.url, fields, { stopAt, from: page })).status).toBe(400);
    const foreign = await browser.post(page.url, fields, { stopAt, from: 'https://evil.example/' });
    expect(foreign.location).toBeUndefined();
    const done = await browser.submit(page, lastForm(page), { decision: 'continue' }, { stopAt });
    expect(callbackOf(done).code).toEqual(expect.any(String));
    expect((await browser.get(page.url, { stopAt })).status).toBe(400);
  });
});

describe('an upstream that everybody shares', () => {
  async function startShared() {
    const upstream = await startOAuthUpstream();
    const gateway = await startGateway({
      routes(app, auth) {
        const shared = sharedOAuth({
          id: 'wiki',
          displayName: 'Wiki',
          connect: 'on-demand',
          mayConnect: ({ roles }) => roles.includes('admin'),
        });
        app.use(auth.proxy('/wiki', { target: upstream.url, upstream: shared }));
      },
    });
    closing.push(gateway, upstream);
    const url = `${gateway.url}/wiki`;
    const signInAs = async (name: string, roles = '') => {
      const browser = createBrowser();
      const client = await createOAuthClient(gateway.url, {}, url);
      const { json } = await client.redeem(await client.login(browser, {}, { name, roles }));
      return { name, browser, accessToken: String(json?.access_token) };
    };
    const call = (user: { accessToken: string }) => rpc(url, user, 'tools/call', { name: 'whoami', arguments: {} });
    return { upstream, gateway, signInAs, call };
  }

  test('is connected by somebody who may, once, and serves all', async () => {
    const { signInAs, call, upstream } = await startShared();
    const [admin, alice] = [await signInAs('root', 'admin'), await signInAs('alice')];
    const refused = await call(alice);
    expect(refused.text).toContain('Ask an administrator');
    expect(refused.text).not.toContain('/oauth/connect/');
    const link = linkIn((await call(admin)).text);
    const asked = await admin.browser.get(link);
    expect(asked.text).toContain('Everybody here will use this connection');
    await connect(admin.browser, link, 'service-account');
    for (const user of [alice, admin]) expect(whoAmI(await call(user)).extra?.sub).toBe('service-account');
    expect(new Set(upstream.callers)).toEqual(new Set(['service-account']));
  });

  test('is not connected by a link that came to somebody who may not', async () => {
    const { signInAs, call } = await startShared();
    const [admin, alice] = [await signInAs('root', 'admin'), await signInAs('alice')];
    const link = linkIn((await call(admin)).text);
    expect((await alice.browser.get(link)).status).toBe(403);
    expect((await call(alice)).text).toContain('Ask an administrator');
  });
});
