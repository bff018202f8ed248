import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createOAuthClient, type OAuthClient, send } from '../helpers/oauth-client.ts';
import {
  axeProblems,
  type CompanyApp,
  callbackAt,
  clientSite,
  focusRing,
  meetPerson,
  type Person,
  signInAtProvider,
  startCompanyApp,
  useChromium,
  withMiddleware,
} from './support.ts';

const { browser } = useChromium();
const documentUrl = 'https://apps.example/client.json';
const documentRedirect = 'http://127.0.0.1:45555/callback';

/** The call that all of it is for. @returns its status */
async function callWith(code: string | null, client: OAuthClient, url: string): Promise<number> {
  const { json } = await client.redeem(code ?? '');
  return (await send(`${url}/mcp`, { headers: { authorization: `Bearer ${json?.access_token}` } })).status;
}

describe.each([
  ['alone', undefined],
  ['with helmet() and compression() in front', withMiddleware],
])('in an app %s', (_what, beforeAuth) => {
  let company: CompanyApp;
  let person: Person;

  beforeAll(async () => {
    company = await startCompanyApp({
      ...(beforeAuth && { beforeAuth }),
      options: () => ({
        cimd: {
          pinned: {
            [documentUrl]: {
              client_id: documentUrl,
              client_name: 'Desk helper',
              redirect_uris: [documentRedirect],
              token_endpoint_auth_method: 'none',
            },
          },
        },
      }),
    });
  });
  afterAll(() => company.close());
  beforeEach(async () => {
    person = await meetPerson(browser());
  });
  afterEach(async () => {
    expect(person.complaints).toEqual([]);
    await person.leave();
  });

  it('a registered client with an https redirect gets its code by mouse, through the identity provider and back', async () => {
    const { page } = person;
    const { url } = company.gateway;
    const client = await createOAuthClient(url, {
      redirect_uris: [`${clientSite}/callback`],
      client_name: 'Web client',
    });

    await page.goto(client.authorizeUrl());
    expect(await page.title()).toBe('Allow Web client to use Company files?');
    expect(await page.getByText('Unverified', { exact: true }).isVisible()).toBe(true);
    expect(await axeProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Allow' }).click();
    await signInAtProvider(page);
    const answer = await callbackAt(page, client.redirectUri);
    expect(answer.get('state')).toBe('the state');
    expect(await callWith(answer.get('code'), client, url)).toBe(200);

    await page.goto(client.authorizeUrl());
    expect(await page.getByText('Alice Adams').isVisible()).toBe(true);
    expect(await axeProblems(page)).toEqual([]);
    await page.getByLabel('Do not ask again').check();
    await page.getByRole('button', { name: 'Allow' }).click();
    expect((await callbackAt(page, client.redirectUri)).has('code')).toBe(true);

    // Typed again, nothing is asked; as a link of another site, it is.
    await page.goto(client.authorizeUrl({ state: 'silent' }));
    expect((await callbackAt(page, client.redirectUri)).get('state')).toBe('silent');
    await page.evaluate(`location.href = ${JSON.stringify(client.authorizeUrl())}`);
    await page.waitForURL((at) => at.href.startsWith(`${url}/oauth/interaction/`));
    expect(await page.getByRole('button', { name: 'Allow' }).isVisible()).toBe(true);
    await page.reload();
    expect(await page.getByRole('button', { name: 'Allow' }).isVisible()).toBe(true);
  });

  it('a client known by its document, with a loopback redirect, gets its code by keyboard', async () => {
    const { page } = person;
    const { url } = company.gateway;
    const client = await createOAuthClient(url, { redirect_uris: [documentRedirect] });

    await page.goto(client.authorizeUrl({ client_id: documentUrl }));
    expect(await page.getByText('Published by apps.example.').isVisible()).toBe(true);
    expect(await page.getByText('runs on your computer').isVisible()).toBe(true);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Allow');
    expect(await focusRing(page)).toEqual({ style: 'solid', width: 3 });
    await page.keyboard.press('Enter');
    await page.getByLabel('User').waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.type('bob');
    const atClient = page.waitForRequest((request) => request.url().startsWith(documentRedirect));
    await page.keyboard.press('Enter');
    const answer = new URL((await atClient).url()).searchParams;
    const { json } = await client.redeem(answer.get('code') ?? '', { client_id: documentUrl });
    expect(json).toMatchObject({ token_type: 'Bearer' });
  });

  it('a person who denies goes back with access_denied, and stays signed out', async () => {
    const { page } = person;
    const client = await createOAuthClient(company.gateway.url, { redirect_uris: [`${clientSite}/callback`] });
    await page.goto(client.authorizeUrl());
    await page.getByRole('button', { name: 'Deny' }).click();
    const answer = await callbackAt(page, client.redirectUri);
    expect([answer.get('error'), answer.get('state'), answer.get('code')]).toEqual([
      'access_denied',
      'the state',
      null,
    ]);
    await page.goto(client.authorizeUrl());
    expect(await page.getByText('You will sign in next.').isVisible()).toBe(true);
  });

  it('a person who cancels at the identity provider goes back with its error', async () => {
    const { page } = person;
    const client = await createOAuthClient(company.gateway.url, { redirect_uris: [`${clientSite}/callback`] });
    await page.goto(client.authorizeUrl());
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect((await callbackAt(page, client.redirectUri)).get('error')).toBe('access_denied');
  });
});
