import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { userOAuth } from '../../lib/index.ts';
import { startGateway } from '../helpers/gateway.ts';
import { createOAuthClient, type OAuthClient, send } from '../helpers/oauth-client.ts';
import { type OAuthUpstream, startOAuthUpstream } from '../helpers/oauth-upstream.ts';
import { rpc, whoAmI } from '../upstream/support.ts';
import {
  axeProblems,
  type CompanyApp,
  callbackAt,
  clientSite,
  focusRing,
  meetPerson,
  overflows,
  type Person,
  signInAtProvider,
  smallTargets,
  startCompanyApp,
  useChromium,
  withMiddleware,
} from './support.ts';

const { browser, sites } = useChromium();
let company: CompanyApp;
let upstream: OAuthUpstream;
let person: Person;
let page: Page;

beforeAll(async () => {
  upstream = await startOAuthUpstream();
  company = await startCompanyApp({
    beforeAuth: withMiddleware,
    routes(app, auth) {
      const files = userOAuth({ id: 'files', displayName: 'Files', connect: 'required' });
      app.use(auth.proxy('/files', { target: upstream.url, upstream: files, displayName: 'Team files' }));
    },
  });
});
afterAll(async () => {
  await company.close();
  await upstream.close();
});
beforeEach(async () => {
  person = await meetPerson(browser());
  page = person.page;
});
afterEach(async () => {
  expect(person.complaints).toEqual([]);
  await person.leave();
});

const button = (name: string) => page.getByRole('button', { name });
const heading = () => page.getByRole('heading', { level: 1 }).textContent();

async function tokenOf(client: OAuthClient, code: string | null): Promise<string> {
  return String((await client.redeem(code ?? '')).json?.access_token);
}

it('a person connects an upstream on the way to the code, sees it, disconnects it, and revokes the client: its next call is 401', async () => {
  const { url } = company.gateway;
  const resource = `${url}/files`;
  const metadata = { redirect_uris: [`${clientSite}/callback`], client_name: 'Editor' };
  const client = await createOAuthClient(url, metadata, resource);

  await page.goto(client.authorizeUrl());
  await button('Allow').click();
  await signInAtProvider(page);
  expect(await heading()).toBe('Connect your accounts');
  expect(await page.getByRole('button', { name: 'Continue' }).count()).toBe(0);
  expect(await axeProblems(page)).toEqual([]);
  await button('Connect Files').click();
  await page.locator('input[name=upstreamLogin]').fill('alice-at-files');
  await page.keyboard.press('Enter');
  await page.getByText('Connected', { exact: true }).waitFor();
  await button('Continue').click();
  const token = await tokenOf(client, (await callbackAt(page, client.redirectUri)).get('code'));
  const call = () => rpc(resource, { accessToken: token }, 'tools/call', { name: 'whoami', arguments: {} });
  expect(whoAmI(await call()).extra?.sub).toBe('alice-at-files');

  await page.goto(`${url}/oauth/connections`);
  expect(await axeProblems(page)).toEqual([]);
  expect(await page.getByText('Team files').isVisible()).toBe(true);
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await page.getByText('The service was disconnected.').waitFor();
  expect((await call()).text).toContain(`${url}/oauth/connect/`); // The link to connect it again.
  await page.getByRole('button', { name: 'Revoke the access of' }).click();
  await page.getByText('Access was revoked.').waitFor();
  expect(await page.getByText('No application has access').isVisible()).toBe(true);
  expect((await call()).status).toBe(401);
});

it('with a session, one page asks for everything: by keyboard, a service is connected from it, and what was ticked stays', async () => {
  const { url } = company.gateway;
  const client = await createOAuthClient(
    url,
    { redirect_uris: [`${clientSite}/callback`], client_name: 'Desk' },
    `${url}/files`,
  );
  await page.goto(`${url}/oauth/connections`);
  await signInAtProvider(page, 'alice');
  await page.getByRole('heading', { name: 'Your connections' }).waitFor();

  await page.goto(client.authorizeUrl());
  expect(await heading()).toBe('Allow Desk to use Team files?');
  expect(await page.getByRole('button', { name: 'Allow' }).count()).toBe(0);
  expect([await axeProblems(page), await smallTargets(page), await overflows(page)]).toEqual([[], [], false]);
  const focused = () => page.evaluate<string>('document.activeElement.textContent || document.activeElement.name');
  const reach = async (name: string) => {
    for (let presses = 0; presses < 10 && (await focused()) !== name; presses += 1) await page.keyboard.press('Tab');
    expect([await focused(), await focusRing(page)]).toEqual([name, { style: 'solid', width: 3 }]);
  };
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('Connect Files'); // Nothing before it takes the keyboard.
  await reach('remember');
  await page.keyboard.press('Space');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await page.locator('input[name=upstreamLogin]').fill('alice-at-files');
  await page.keyboard.press('Enter');
  await page.getByText('Connected', { exact: true }).waitFor();
  expect(await page.getByLabel('Do not ask again').isChecked()).toBe(true);
  await reach('Allow');
  await page.keyboard.press('Enter');
  expect((await callbackAt(page, client.redirectUri)).has('code')).toBe(true);

  // Typed again, nothing is asked.
  await page.goto(client.authorizeUrl({ state: 'silent' }));
  expect((await callbackAt(page, client.redirectUri)).get('state')).toBe('silent');
});

it('a service that the person refused is named on the page, and Back leads to the same question', async () => {
  const { url } = company.gateway;
  const client = await createOAuthClient(url, { redirect_uris: [`${clientSite}/callback`] }, `${url}/files`);
  await page.goto(`${url}/oauth/connections`);
  await signInAtProvider(page, 'bob');
  await page.getByRole('heading', { name: 'Your connections' }).waitFor();
  await page.goto(client.authorizeUrl());
  await button('Connect Files').click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('Files was not connected. You can try again.').waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await button('Connect Files').click();
  await page.locator('input[name=upstreamLogin]').waitFor();
  await page.goBack();
  await button('Deny').click();
  expect((await callbackAt(page, client.redirectUri)).get('error')).toBe('access_denied');
});

it('a person who is signed in nowhere signs in for the list, by keyboard, and signs out everywhere', async () => {
  const { url } = company.gateway;
  const client = await createOAuthClient(url, { redirect_uris: [`${clientSite}/callback`], client_name: 'Editor' });
  await page.goto(client.authorizeUrl());
  await button('Allow').click();
  await signInAtProvider(page, 'bob');
  const token = await tokenOf(client, (await callbackAt(page, client.redirectUri)).get('code'));
  const status = async () => (await send(`${url}/mcp`, { headers: { authorization: `Bearer ${token}` } })).status;
  expect(await status()).toBe(200);
  await person.leave();

  person = await meetPerson(browser(), { colorScheme: 'dark' });
  page = person.page;
  await page.goto(`${url}/oauth/connections`);
  await signInAtProvider(page, 'bob');
  expect(await heading()).toBe('Your connections');
  const focused = () => page.evaluate<string>('document.activeElement.textContent');
  for (let presses = 0; presses < 10 && (await focused()) !== 'Sign out everywhere'; presses += 1)
    await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  // The identity provider asks, too, and sends back.
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
  expect(await status()).toBe(401);
});

it('a sign-in for the list that is cancelled is told here, with a way to try again', async () => {
  await page.goto(`${company.gateway.url}/oauth/connections`);
  await page.getByRole('button', { name: 'Cancel' }).click();
  expect(await heading()).toBe('You were not signed in');
  expect(await axeProblems(page)).toEqual([]);
  await page.getByRole('link', { name: 'Try again' }).click();
  await page.getByLabel('User').waitFor();
  person.complaints.splice(0); // A 403 page is a failed resource to the console.
});

it('under https, with cookies of the __Host- kind, a person of the app’s own login has a session for clients and list alike', async () => {
  const issuer = 'https://gateway.example';
  const redirectUri = `${clientSite}/callback`;
  const gateway = await startGateway({
    options: () => ({
      issuer,
      browserLogin: {},
      clients: [{ client_id: 'web', client_name: 'Web', redirect_uris: [redirectUri] }],
      login: { url: '/login', authenticate: async () => ({ sub: 'carol', claims: { name: 'Carol' } }) },
    }),
    beforeAuth: withMiddleware,
    routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({ ok: true })),
  });
  sites.forward(issuer, gateway.app);
  const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
  const query = { client_id: 'web', redirect_uri: redirectUri, response_type: 'code', code_challenge: challenge };
  await page.goto(`${issuer}/oauth/authorize?${new URLSearchParams({ ...query, code_challenge_method: 'S256' })}`);
  expect(await page.getByText('Known here').isVisible()).toBe(true);
  await button('Allow').click();
  expect((await callbackAt(page, redirectUri)).has('code')).toBe(true);
  await page.goto(`${issuer}/oauth/connections`);
  expect(await page.getByText('Signed in as Carol').isVisible()).toBe(true);
  await person.context.clearCookies();
  await page.goto(`${issuer}/oauth/connections`);
  expect(await page.getByRole('heading', { name: 'Web' }).isVisible()).toBe(true);
  const cookies = await person.context.cookies();
  const session = cookies.filter(
    ({ name, secure, httpOnly }) => name.startsWith('__Host-mcp_session') && secure && httpOnly,
  );
  expect(session).toHaveLength(2); // With its signature.
  await gateway.close();
});
