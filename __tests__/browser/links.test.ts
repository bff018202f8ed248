import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { userOAuth } from '../../lib/index.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type IdentityProvider, startIdentityProvider } from '../helpers/identity-provider.ts';
import { createOAuthClient } from '../helpers/oauth-client.ts';
import { type OAuthUpstream, startOAuthUpstream } from '../helpers/oauth-upstream.ts';
import { linkIn, rpc, whoAmI } from '../upstream/support.ts';
import {
  axeProblems,
  callbackAt,
  clientSite,
  meetPerson,
  overflows,
  type Person,
  signInAtProvider,
  smallTargets,
  useChromium,
  withMiddleware,
} from './support.ts';

const { browser } = useChromium();
let providers: IdentityProvider[];
let upstream: OAuthUpstream;
let gateway: Gateway;
let person: Person;
let page: Page;

beforeAll(async () => {
  providers = [await startIdentityProvider(), await startIdentityProvider()];
  upstream = await startOAuthUpstream();
  gateway = await startGateway({
    beforeAuth: withMiddleware,
    options: () => ({
      browserLogin: undefined as never,
      identityProviders: providers.map(({ issuer, clientId, clientSecret }, index) => ({
        id: index === 0 ? 'acme' : 'partner',
        displayName: index === 0 ? 'Acme Corporation' : 'Partner Ltd',
        emailDomains: [index === 0 ? 'acme.example' : 'partner.example'],
        oidc: { issuer },
        browserLogin: { clientId, clientSecret },
      })),
    }),
    routes(app, auth) {
      const files = userOAuth({ id: 'files', displayName: 'Files', summary: 'Your files.', connect: 'on-demand' });
      app.use(auth.proxy('/files', { target: upstream.url, upstream: files, displayName: 'Team files' }));
    },
  });
  for (const [index, { redirectUris }] of providers.entries())
    redirectUris.push(`${gateway.url}/oauth/callback/${index === 0 ? 'acme' : 'partner'}`);
});
afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
  for (const provider of providers ?? []) await provider.close();
});
beforeEach(async () => {
  person = await meetPerson(browser());
  page = person.page;
});
afterEach(() => person.leave());

const heading = () => page.getByRole('heading', { level: 1 }).textContent();
const focused = () => page.evaluate<string>('document.activeElement.textContent || document.activeElement.name');

/** Nothing that hinders anybody, on the page that is shown. */
async function expectFine(): Promise<void> {
  expect([await axeProblems(page), await smallTargets(page), await overflows(page)]).toEqual([[], [], false]);
}

/** Approves a client and signs in at one of the providers, by keyboard. @returns what calls the route */
async function signIn(provider: string): Promise<() => ReturnType<typeof rpc>> {
  const resource = `${gateway.url}/files`;
  const client = await createOAuthClient(gateway.url, { redirect_uris: [`${clientSite}/callback`] }, resource);
  await page.goto(client.authorizeUrl());
  await page.getByRole('button', { name: 'Allow' }).click();
  expect(await heading()).toBe('Sign in');
  await expectFine();
  for (let presses = 0; presses < 5 && (await focused()) !== provider; presses += 1) await page.keyboard.press('Tab');
  expect(await focused()).toBe(provider);
  await page.keyboard.press('Enter');
  await signInAtProvider(page);
  const { json } = await client.redeem((await callbackAt(page, client.redirectUri)).get('code') ?? '');
  const user = { accessToken: String(json?.access_token) };
  return () => rpc(resource, user, 'tools/call', { name: 'whoami', arguments: {} });
}

it('a person chooses where to sign in, and connects a service by the link of a call, all by keyboard; the link is used once', async () => {
  const call = await signIn('Acme Corporation');
  const link = linkIn((await call()).text);
  await page.goto(link);
  expect(await heading()).toBe('Connect Files?');
  expect(await page.getByText('Alice Adams').isVisible()).toBe(true);
  await expectFine();
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('Connect');
  await page.keyboard.press('Enter');
  await page.locator('input[name=upstreamLogin]').fill('alice-at-files');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Files is connected' }).waitFor();
  await expectFine();
  expect(whoAmI(await call()).extra?.sub).toBe('alice-at-files');
  expect(person.complaints).toEqual([]);

  await page.goto(link);
  expect(await heading()).toBe('This link has expired');
  await expectFine();
});

it('a link that somebody else sent says that it is not theirs, and connects nothing', async () => {
  const call = await signIn('Partner Ltd');
  await person.leave();
  const link = linkIn((await call()).text);

  person = await meetPerson(browser(), { locale: 'de-DE' });
  page = person.page;
  await page.goto(link);
  await signInAtProvider(page, 'bob');
  expect(await heading()).toBe('Dieser Link gehört nicht Ihnen');
  await expectFine();
  expect(linkIn((await call()).text)).toEqual(expect.any(String));
});
