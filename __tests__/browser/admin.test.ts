import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { createOAuthClient, type OAuthClient } from '../helpers/oauth-client.ts';
import {
  axeProblems,
  meetPerson,
  overflows,
  type Person,
  smallTargets,
  useChromium,
  withMiddleware,
} from './support.ts';

const { browser } = useChromium();
let gateway: Gateway;
let person: Person;
let page: Page;
let client: OAuthClient;

beforeAll(async () => {
  gateway = await startGateway({
    beforeAuth: withMiddleware,
    routes(app, auth) {
      app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({}));
      app.use('/admin', auth.admin({ guard: () => 'ada' }));
    },
  });
  client = await createOAuthClient(gateway.url, { client_name: '<b>Editor</b>' }, `${gateway.url}/mcp`);
  await client.redeem(await client.login(createBrowser()));
});
afterAll(() => gateway.close());
beforeEach(async () => {
  person = await meetPerson(browser());
  page = person.page;
});
afterEach(async () => {
  expect(person.complaints).toEqual([]);
  await person.leave();
});

const button = (name: string) => page.getByRole('button', { name });
const link = (name: string) => page.getByRole('link', { name, exact: true });

it('an operator finds a client, ends its grant, blocks it, and unblocks it', async () => {
  await page.goto(`${gateway.url}/admin/`);
  await page.getByLabel('Search').fill('editor');
  await button('Search').click();
  expect(await page.getByRole('heading', { name: '<b>Editor</b>' }).count()).toBe(1);
  await link('Grants of <b>Editor</b>').click();
  await button(`End ${client.clientId}`).click();
  await page.getByRole('status').waitFor();
  await link('Blocks').click();
  await page.getByLabel('Client id, host, or id of a user').fill(client.clientId);
  await page.getByRole('button', { name: 'Block', exact: true }).click();
  await page.getByRole('status').waitFor();
  const acts = () => gateway.events.flatMap((event) => (event.type === 'admin.acted' ? [event.act] : []));
  expect(acts()).toEqual(['grant.ended', 'block.added']);
  await button(`Unblock ${client.clientId}`).click();
  await page.getByText('Nothing here.').waitFor();
  expect(acts()).toEqual(['grant.ended', 'block.added', 'block.removed']);
});

it.each(['clients', 'users', 'grants', 'connections', 'keys', 'blocks', 'counters'])(
  'the view of %s has nothing that axe finds wrong, no small target, and fits into 320 pixels',
  async (view) => {
    await page.goto(`${gateway.url}/admin/?view=${view}`);
    expect(await page.locator('[aria-current=page]').count()).toBe(1);
    expect(await axeProblems(page)).toEqual([]);
    expect(await smallTargets(page)).toEqual([]);
    await page.setViewportSize({ width: 320, height: 800 });
    expect(await overflows(page)).toBe(false);
  },
);
