import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { recordId } from '../../lib/shared/record-ids.ts';
import { type Browser, createBrowser, type Page } from '../helpers/browser.ts';
import { callbackOf, createOAuthClient, type OAuthClient, type Parameters } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';
import { startFilesGateway } from '../upstream/support.ts';

const redirectUris = ['https://client.example/callback', 'https://client.example/other'];
let gateway: ObservedGateway;
let client: OAuthClient;
let browser: Browser;

beforeAll(async () => {
  gateway = await startObservedGateway({
    routes: (app, auth) => {
      for (const path of ['/mcp', '/other'])
        app.all(path, auth.authenticate(path, { optionalScopes: ['mcp:write'], default: path === '/mcp' }), (_, res) =>
          res.json({ ok: true }),
        );
    },
  });
});
afterAll(() => gateway.close());

const stopAt = (url: string) => !url.startsWith(gateway.url);
const open = (overrides?: Parameters, from?: string, of = client) =>
  browser.get(of.authorizeUrl(overrides), { stopAt, ...(from !== undefined && { from }) });
const isAsked = (page: Page) => page.location === undefined && page.text.includes('Signed in as alice');
const isSilent = (page: Page) => callbackOf(page).code !== undefined;

/** Registers a client, signs in, and lets its approval be remembered. */
async function rememberApproval(metadata: Record<string, unknown> = {}): Promise<Page> {
  browser = createBrowser();
  client = await createOAuthClient(gateway.url, { redirect_uris: redirectUris, client_name: 'Web', ...metadata });
  await client.login(browser);
  const page = await open();
  return browser.submit(page, 'csrf', { decision: 'approve', remember: true }, { stopAt });
}

/** What a new version of a client's registration says. */
async function changeClient(changes: Record<string, unknown>): Promise<void> {
  const id = recordId(parseIssuer(gateway.url) as Issuer, client.clientId);
  const { value = {}, expiresAt } = (await gateway.storage.get('Client', id)) ?? {};
  await gateway.storage.put('Client', id, { ...value, ...changes }, { ...(expiresAt && { expiresAt }) });
}

describe('an approval that was to be remembered', () => {
  it('answers the same request with a code at once, under a grant of its own, and an event says so', async () => {
    const first = await rememberApproval();
    const { answer, events } = await gateway.observe(() => open());
    expect(isSilent(answer)).toBe(true);
    expect(events).toEqual(['consent.granted']);
    expect(gateway.events.at(-1)).toMatchObject({ isRemembered: true, clientId: client.clientId });
    const tokens = [
      await client.redeem(String(callbackOf(first).code)),
      await client.redeem(String(callbackOf(answer).code)),
    ];
    await client.revoke(String(tokens[1]?.json?.refresh_token));
    expect((await client.refresh(String(tokens[0]?.json?.refresh_token))).status).toBe(200);
  });

  it('also answers prompt=none, which shows no page (OpenID Connect Core section 3.1.2.6)', async () => {
    await rememberApproval();
    expect(isSilent(await open({ prompt: 'none' }))).toBe(true);
    expect(callbackOf(await open({ prompt: 'none', scope: 'mcp:write' }))).toMatchObject({
      error: 'consent_required',
    });
  });

  it.each([
    ['a link of another site', 'https://evil.example/'],
    ['a page of another port of this host', 'http://127.0.0.1:9/'],
  ])('is not spent by %s (GHSA-6x8h-498w-gv8c)', async (_what, from) => {
    await rememberApproval();
    expect(isAsked(await open({}, from))).toBe(true);
    expect(callbackOf(await open({ prompt: 'none' }, from))).toMatchObject({ error: 'consent_required' });
    expect(isSilent(await open())).toBe(true);
  });

  it.each([
    ['a browser that does not say where the request comes from', { 'sec-fetch-site': '' }],
    ['a frame', { 'sec-fetch-dest': 'iframe' }],
    ['a script', { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
  ])('is not spent by %s', async (_what, headers) => {
    await rememberApproval();
    expect(isAsked(await browser.get(client.authorizeUrl(), { stopAt, headers }))).toBe(true);
  });

  it.each<[string, Parameters]>([
    ['wider scopes', { scope: 'mcp:tools mcp:write' }],
    ['other scopes', { scope: 'mcp:write' }],
    ['another redirect URI of the client', { redirect_uri: redirectUris[1] }],
    ['prompt=consent', { prompt: 'consent' }],
  ])('does not answer a request with %s', async (_what, overrides) => {
    await rememberApproval();
    expect(isAsked(await open(overrides))).toBe(true);
  });

  it('does not answer a request for another resource (RFC 8707)', async () => {
    await rememberApproval();
    expect(isAsked(await open({ resource: `${gateway.url}/other` }))).toBe(true);
  });

  it.each([
    ['redirect URIs', { redirect_uris: [...redirectUris, 'https://new.example/callback'] }],
    ['authentication', { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://client.example/keys' }],
  ])('does not answer a client whose %s have changed', async (_what, changes) => {
    await rememberApproval();
    await changeClient(changes);
    expect(isAsked(await open())).toBe(true);
  });

  it('does not answer another client, nor another person in the same browser', async () => {
    await rememberApproval();
    const other = await createOAuthClient(gateway.url, { redirect_uris: redirectUris, client_name: 'Web' });
    expect(isAsked(await open({}, undefined, other))).toBe(true);
    const again = await open({ prompt: 'login' });
    const signIn = await browser.submit(again, 'csrf', { decision: 'approve' }, { stopAt });
    await browser.submit(signIn, 'name', { name: 'bob' }, { stopAt });
    expect((await open()).text).toContain('Signed in as bob');
  });

  it('answers nobody without a session', async () => {
    await rememberApproval();
    browser.clearCookies();
    expect((await open()).text).toContain('You will sign in next.');
  });

  it('is forgotten when what was granted is revoked: by the client, the operator or the person', async () => {
    const first = await rememberApproval();
    const { json } = await client.redeem(String(callbackOf(first).code));
    await client.revoke(String(json?.refresh_token));
    expect(isAsked(await open())).toBe(true);

    await rememberApproval();
    await gateway.auth.revoke({ clientId: client.clientId });
    expect(isAsked(await open())).toBe(true);
  });
});

describe('an approval is not remembered', () => {
  it('without the person’s wish', async () => {
    await rememberApproval();
    const page = await open({ scope: 'mcp:write' });
    await browser.submit(page, 'csrf', { decision: 'approve' }, { stopAt });
    expect(isAsked(await open({ scope: 'mcp:write' }))).toBe(true);
  });

  it('when it was a denial', async () => {
    await rememberApproval();
    const page = await open({ scope: 'mcp:write' });
    await browser.submit(page, 'csrf', { decision: 'deny', remember: true }, { stopAt });
    expect(isAsked(await open({ scope: 'mcp:write' }))).toBe(true);
  });

  it.each([['http://127.0.0.1:1/callback'], ['cursor://anysphere.cursor-mcp/callback']])(
    'for the public client at %s, which any program here could imitate, whatever the form says (RFC 8252 section 8.6)',
    async (redirectUri) => {
      browser = createBrowser();
      client = await createOAuthClient(gateway.url, { redirect_uris: [redirectUri] });
      await client.login(browser);
      const page = await open();
      expect(page.html).not.toContain('name="remember"');
      const csrf = page.forms[0]?.fields.csrf ?? '';
      const forged = { csrf, decision: 'approve', remember: 'yes' };
      const { writes } = await gateway.observe(() => browser.post(page.url, forged, { from: page, stopAt }));
      expect(writes).not.toContain('put Approval');
      expect(isAsked(await open())).toBe(true);
    },
  );

  it('where the operator says so', async () => {
    const strict = await startObservedGateway({ options: () => ({ consent: { rememberSeconds: 0 } }) });
    browser = createBrowser();
    client = await createOAuthClient(strict.url, { redirect_uris: redirectUris });
    await client.login(browser);
    const page = await browser.get(client.authorizeUrl(), { stopAt: (url) => !url.startsWith(strict.url) });
    expect(page.text).toContain('Signed in as alice');
    expect(page.html).not.toContain('name="remember"');
    await strict.close();
  });
});

it('a required upstream that is not connected any more is asked for, whatever was remembered', async () => {
  const files = await startFilesGateway({ credential: { connect: 'required' } });
  const { url } = files.gateway;
  const away = (at: string) => at.startsWith('https://client.example/');
  browser = createBrowser({ stopAt: away });
  client = await createOAuthClient(url, { redirect_uris: redirectUris }, files.url);
  const signIn = await browser.submit(await browser.get(client.authorizeUrl()), 'csrf', { decision: 'approve' });
  const list = await browser.submit(signIn, 'name', { name: 'alice' });
  const upstreamLogin = await browser.submit(list, 'upstream', { decision: 'connect' });
  const connected = await browser.submit(upstreamLogin, 'upstreamLogin', { upstreamLogin: 'alice-at-files' });
  await browser.submit(connected, 'csrf', { decision: 'continue' });
  const asked = await browser.get(client.authorizeUrl());
  await browser.submit(asked, 'csrf', { decision: 'approve', remember: true });
  expect(isSilent(await browser.get(client.authorizeUrl()))).toBe(true);

  const page = await browser.get(`${url}/oauth/connections`);
  const form = page.forms.find(({ fields }) => fields.decision === 'disconnect');
  await browser.post(form?.action ?? '', { ...form?.fields }, { from: page });
  expect((await browser.get(client.authorizeUrl())).text).toContain('Signed in as alice');
  await files.close();
});
