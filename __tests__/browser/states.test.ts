import type { RequestListener } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { createOAuthClient, type OAuthClient } from '../helpers/oauth-client.ts';
import {
  axeProblems,
  type CompanyApp,
  callbackAt,
  clientSite,
  meetPerson,
  overflows,
  type Person,
  signInAtProvider,
  startCompanyApp,
  useChromium,
  withMiddleware,
} from './support.ts';

const { browser, sites } = useChromium();
let company: CompanyApp;
let client: OAuthClient;
let person: Person;
let page: Page;
/** In place of the pages' own policy. */
let policy: string | undefined;

beforeAll(async () => {
  company = await startCompanyApp({
    beforeAuth(app) {
      withMiddleware(app);
      app.use((_req, res, next) => {
        const setHeader = res.setHeader.bind(res);
        res.setHeader = (name, value) =>
          setHeader(name, policy !== undefined && name === 'content-security-policy' ? policy : value);
        next();
      });
    },
  });
  client = await createOAuthClient(company.gateway.url, {
    redirect_uris: [`${clientSite}/callback`],
    client_name: 'Web client',
  });
});
afterAll(() => company.close());
beforeEach(async () => {
  policy = undefined;
  person = await meetPerson(browser());
  page = person.page;
});
afterEach(() => person.leave());

const allow = (at: Page = page) => at.getByRole('button', { name: 'Allow' });
const heading = (at: Page = page) => at.getByRole('heading', { level: 1 }).textContent();

/** An error page of ours, in words, with a reference that an event carries. */
async function expectExpired(at: Page = page): Promise<void> {
  expect(await heading(at)).toMatch(/has expired$/);
  const reference = await at.locator('code').last().textContent();
  expect(company.gateway.events.map(({ flowId }) => flowId)).toContain(reference);
}

describe('what a person may do besides going straight on', () => {
  it('two tabs end at the client, each with its own code', async () => {
    const other = await person.context.newPage();
    await page.goto(client.authorizeUrl({ state: 'one' }));
    await other.goto(client.authorizeUrl({ state: 'two' }));
    await allow().click();
    await allow(other).click();
    await signInAtProvider(page);
    const one = await callbackAt(page, client.redirectUri);
    await signInAtProvider(other);
    const two = await callbackAt(other, client.redirectUri);
    expect([one.get('state'), two.get('state')]).toEqual(['one', 'two']);
    expect([
      (await client.redeem(one.get('code') ?? '')).status,
      (await client.redeem(two.get('code') ?? '')).status,
    ]).toEqual([200, 200]);
    expect(person.complaints).toEqual([]);
  });

  it('Back after the end shows no page that works; a form sent again says that it has expired', async () => {
    await page.goto(client.authorizeUrl());
    const interaction = page.url();
    const csrf = await page.locator('input[name=csrf]').inputValue();
    await allow().click();
    await signInAtProvider(page);
    await callbackAt(page, client.redirectUri);
    await page.goto(interaction);
    await expectExpired();
    expect(await axeProblems(page)).toEqual([]);
    await page.evaluate(`(() => {
      const form = document.createElement('form');
      form.method = 'post';
      form.action = ${JSON.stringify(interaction)};
      form.innerHTML = '<input name="csrf" value="${csrf}"><input name="decision" value="approve">';
      document.body.append(form);
      form.submit();
    })()`);
    await page.waitForLoadState();
    await expectExpired();
  });

  it('Back from the identity provider leads to the same question, which can be answered again', async () => {
    await page.goto(client.authorizeUrl());
    await allow().click();
    await page.getByLabel('User').waitFor();
    await page.goBack();
    expect(await heading()).toContain('Allow Web client');
    await allow().click();
    await signInAtProvider(page);
    expect((await callbackAt(page, client.redirectUri)).has('code')).toBe(true);
    expect(person.complaints).toEqual([]);
  });

  it('an impatient double click goes on like one', async () => {
    await page.goto(client.authorizeUrl());
    await allow().dblclick();
    await signInAtProvider(page);
    expect((await callbackAt(page, client.redirectUri)).has('code')).toBe(true);
    await page.goto(client.authorizeUrl());
    await allow().dblclick();
    await page.getByRole('heading', { name: /Back at the client|has expired/ }).waitFor();
  });

  it('a page left open until its cookies have ended says that it has expired', async () => {
    await page.goto(client.authorizeUrl());
    await person.context.clearCookies();
    await allow().click();
    await expectExpired();
  });

  it('a callback opened a second time says that the sign-in has expired', async () => {
    await page.goto(client.authorizeUrl());
    await allow().click();
    const callback = page.waitForRequest((request) => request.url().includes('/oauth/callback'));
    await signInAtProvider(page);
    const url = (await callback).url();
    await callbackAt(page, client.redirectUri);
    await page.goto(url);
    await expectExpired();
  });

  it('an identity provider that answers nonsense ends at the client with server_error', async () => {
    company.identityProvider.misbehave.token = 'html' as never;
    await page.goto(client.authorizeUrl());
    await allow().click();
    await signInAtProvider(page);
    const answer = await callbackAt(page, client.redirectUri);
    company.identityProvider.behave();
    expect(answer.get('error')).toMatch(/^(?:server_error|temporarily_unavailable)$/);
  });

  it('an application that is not known is named as such, in the language of the browser', async () => {
    const german = await meetPerson(browser(), { locale: 'de-DE' });
    await german.page.goto(client.authorizeUrl({ client_id: 'nobody' }));
    expect(await heading(german.page)).toBe('Diese Anwendung ist hier nicht bekannt');
    expect(await axeProblems(german.page)).toEqual([]);
    await german.leave();
  });
});

describe('redirects that Chromium checks against form-action', () => {
  it.each(['com.example.native:/callback', 'http://[::1]:45555/callback'])(
    'to %s pass, with a sign-in and without (RFC 8252 section 7)',
    async (redirectUri) => {
      const native = await createOAuthClient(company.gateway.url, { redirect_uris: [redirectUri] });
      // Nobody is there: that Chromium asks at all says that the policy has let it through.
      await page.goto(native.authorizeUrl());
      await allow().click();
      const sent = company.nextLocation(`${redirectUri}?code=`);
      await signInAtProvider(page);
      await sent;
      const other = await person.context.newPage();
      await other.goto(native.authorizeUrl());
      const passed = other.waitForRequest((request) => request.url().startsWith(`${redirectUri}?code=`));
      await allow(other).click();
      await passed;
      expect(person.complaints).toEqual([]);
    },
  );

  it('would be stopped by the policy that helmet sets: the check is real', async () => {
    policy = "form-action 'self'";
    await page.goto(client.authorizeUrl());
    const stopped = page.waitForEvent('console', (message) => message.text().includes('form-action'));
    await allow().click();
    expect((await stopped).type()).toBe('error');
  });
});

describe('a client in a popup', () => {
  const opener = `<button onclick="window.open('/start', 'login')">Connect</button>
<script>addEventListener('message', (event) => { document.title = String(event.data); })</script>`;
  const redirectTo =
    (location: string): RequestListener =>
    (_request, response) =>
      response.writeHead(302, { location }).end();

  /** Opens the client's site and its popup, which starts at `location`. */
  async function openPopup(location: string): Promise<Page> {
    sites.serve(`${clientSite}/app`, opener);
    sites.serve(`${clientSite}/start`, redirectTo(location));
    await page.goto(`${clientSite}/app`);
    const opening = person.context.waitForEvent('page');
    await page.getByRole('button').click();
    return opening;
  }

  it('hears from its own callback: no page of ours cuts it off from its opener', async () => {
    const redirectUri = `${clientSite}/popup-callback`;
    const web = await createOAuthClient(company.gateway.url, { redirect_uris: [redirectUri] });
    sites.serve(redirectUri, '<script>opener.postMessage("connected", "*")</script>');
    const popup = await openPopup(web.authorizeUrl());
    await allow(popup).click();
    await signInAtProvider(popup);
    await page.waitForFunction('document.title === "connected"');
    expect(person.complaints).toEqual([]);
  });

  it.each(['same-origin', 'same-origin-allow-popups', 'noopener-allow-popups'])(
    'would lose its opener by Cross-Origin-Opener-Policy: %s, which is why it sees none',
    async (value) => {
      sites.serve('https://gateway.example/', (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/html', 'cross-origin-opener-policy': value });
        response.end(
          `<!doctype html><title>x</title><link rel="icon" href="data:,"><a href="${clientSite}/done">on</a>`,
        );
      });
      const popup = await openPopup('https://gateway.example/');
      await popup.getByRole('link').click();
      await popup.waitForURL(`${clientSite}/done`);
      expect(await popup.evaluate('window.opener === null')).toBe(true);
    },
  );
});

describe('a hostile client', () => {
  const hostile = {
    markup: '</h1><img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>',
    'a name of 10 KB': 'W'.repeat(10_000),
    'bidirectional overrides': '\u202egnp.exe\u202d\u2066 اختبار שלום',
  };

  it.each(Object.entries(hostile))('with %s as its name is inert and readable', async (_what, name) => {
    const registered = await createOAuthClient(company.gateway.url, {
      redirect_uris: [`${clientSite}/callback`],
      client_name: name,
      client_uri: 'javascript:alert(1)',
      logo_uri: 'https://evil.example/logo.svg',
    }).catch((error: Error) => error);
    if (registered instanceof Error) {
      expect(registered.message).toContain('400');
      return;
    }
    const asked: string[] = [];
    page.on('request', (request) => void asked.push(new URL(request.url()).host));
    await page.setViewportSize({ width: 320, height: 800 });
    await page.goto(registered.authorizeUrl());
    expect(await page.title()).toMatch(/^Allow .* to use Company files\?$/);
    expect(await page.locator('img, script, a[href^=javascript]').count()).toBe(0);
    expect(new Set(asked)).toEqual(new Set([new URL(company.gateway.url).host]));
    expect(await overflows(page)).toBe(false);
    expect(await axeProblems(page)).toEqual([]);
    expect(person.complaints).toEqual([]);
  });
});
