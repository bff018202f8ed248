/** A person at a real Chromium, in front of a real app. */
import { EventEmitter } from 'node:events';
import type { RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, jest } from '@jest/globals';
import axe, { type AxeResults } from 'axe-core';
import compression from 'compression';
import type { Express } from 'express';
import helmet from 'helmet';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { launchChromium } from '../helpers/chromium.ts';
import { type Gateway, type GatewaySettings, startGateway } from '../helpers/gateway.ts';
import { type IdentityProvider, startIdentityProvider } from '../helpers/identity-provider.ts';
import { createTestAuthority } from '../helpers/listeners.ts';

/** Sites elsewhere, on loopback, under https. */
export interface Sites {
  /** Answers a URL without its query, as HTML or as the listener does. */
  serve(url: string, answer: string | RequestListener): void;
  /** Answers everything at an origin. */
  forward(origin: string, app: RequestListener): void;
}

/** Where the clients of these tests live on the web. */
export const clientSite = 'https://client.example';

const html = (body: string) =>
  `<!doctype html><html lang="en"><title>Client</title><link rel="icon" href="data:,"><body>${body}</body></html>`;

/** One Chromium and the sites that it can reach, for a test file. */
export function useChromium(): { readonly browser: () => Browser; readonly sites: Sites } {
  jest.setTimeout(180_000); // A busy machine takes ten times as long as an idle one.
  const names = ['client.example', 'gateway.example'];
  const answers = new Map<string, string | RequestListener>();
  const { certificate } = createTestAuthority(names.map((name) => `DNS:${name}`));
  const server = https.createServer(certificate, (request, response) => {
    const url = new URL(request.url ?? '/', `https://${request.headers.host}`);
    const answer = answers.get(url.origin + url.pathname) ?? answers.get(url.origin) ?? '<h1>Back at the client</h1>';
    if (typeof answer === 'function') return answer(request, response);
    return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html(answer));
  });
  let browser: Browser;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    browser = await launchChromium(Object.fromEntries(names.map((name) => [name, port])));
  });
  afterAll(async () => {
    await browser.close();
    server.close();
    server.closeAllConnections();
  });
  const set = (url: string, answer: string | RequestListener) => void answers.set(url, answer);
  return { browser: () => browser, sites: { serve: set, forward: set } };
}

/** What many apps put in front of everything. */
export function withMiddleware(app: Express): void {
  app.use(helmet());
  app.use(compression({ threshold: 0 }));
}

export interface CompanyApp {
  readonly gateway: Gateway;
  readonly identityProvider: IdentityProvider;
  /** Resolves when an answer of the app redirects to something that begins like this. */
  nextLocation(prefix: string): Promise<void>;
  close(): Promise<void>;
}

/** An app whose people sign in at the company's identity provider, a second oidc-provider. */
export async function startCompanyApp(settings: GatewaySettings = {}): Promise<CompanyApp> {
  const identityProvider = await startIdentityProvider();
  const answers = new EventEmitter();
  const gateway = await startGateway({
    ...settings,
    beforeAuth(app) {
      app.use((_req, res, next) => {
        res.on('finish', () => answers.emit('location', String(res.getHeader('location') ?? '')));
        next();
      });
      settings.beforeAuth?.(app);
    },
    options: (issuer) => ({
      oidc: { issuer: identityProvider.issuer },
      browserLogin: { clientId: identityProvider.clientId, clientSecret: identityProvider.clientSecret },
      ...settings.options?.(issuer),
    }),
    routes: (app, auth, issuer) => {
      app.all('/mcp', auth.authenticate('/mcp', { displayName: 'Company files' }), (_req, res) =>
        res.json({ ok: true }),
      );
      settings.routes?.(app, auth, issuer);
    },
  });
  identityProvider.redirectUris.push(`${gateway.url}/oauth/callback`);
  identityProvider.postLogoutRedirectUris.push(`${gateway.url}/oauth/logout/done`);
  return {
    gateway,
    identityProvider,
    nextLocation: (prefix) =>
      new Promise((resolve) => {
        answers.on('location', (location: string) => location.startsWith(prefix) && resolve());
      }),
    async close() {
      await gateway.close();
      await identityProvider.close();
    },
  };
}

export interface Person {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Every console message, failed script and violated policy, on any page. */
  readonly complaints: string[];
  leave(): Promise<void>;
}

/** A fresh browser profile. */
export async function meetPerson(browser: Browser, options: BrowserContextOptions = {}): Promise<Person> {
  const context = await browser.newContext({
    locale: 'en-US',
    viewport: { width: 900, height: 900 },
    ignoreHTTPSErrors: true,
    ...options,
  });
  context.setDefaultTimeout(60_000);
  const complaints: string[] = [];
  context.on('console', (message) => {
    // The identity provider's page has no icon; ours name one and never ask.
    if (!message.location().url.endsWith('/favicon.ico')) complaints.push(`${message.type()}: ${message.text()}`);
  });
  context.on('weberror', (error) => void complaints.push(`error: ${error.error().message}`));
  const page = await context.newPage();
  return { context, page, complaints, leave: () => context.close() };
}

/** The identity provider's own page. */
export async function signInAtProvider(page: Page, name = 'alice'): Promise<void> {
  await page.getByLabel('User').fill(name);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** The redirect that the client got. */
export async function callbackAt(page: Page, redirectUri: string): Promise<URLSearchParams> {
  await page.waitForURL((url) => url.href.startsWith(redirectUri));
  return new URL(page.url()).searchParams;
}

/** What axe finds wrong with a page, in both colour schemes unless told otherwise, as `scheme: rule: where`. */
export async function axeProblems(
  page: Page,
  schemes: readonly ('light' | 'dark')[] = ['light', 'dark'],
): Promise<string[]> {
  await page.evaluate(axe.source);
  const problems: string[] = [];
  for (const colorScheme of schemes) {
    await page.emulateMedia({ colorScheme });
    const results = await page.evaluate<AxeResults>("axe.run({ resultTypes: ['violations', 'incomplete'] })");
    for (const { id, nodes } of [...results.violations, ...results.incomplete])
      problems.push(`${colorScheme}: ${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  }
  return problems;
}

/** Controls that are smaller than 44 by 44 CSS pixels (WCAG 2.2 section 2.5.5). */
export function smallTargets(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(`
    [...document.querySelectorAll('a, button, input:not([type=hidden]):not([type=checkbox]), label.check')]
      .filter((control) => {
        const { width, height } = control.getBoundingClientRect();
        return width < 44 || height < 44;
      })
      .map((control) => control.outerHTML.slice(0, 80))`);
}

/** Whether anything sticks out to the side. */
export function overflows(page: Page): Promise<boolean> {
  return page.evaluate<boolean>('document.documentElement.scrollWidth > document.documentElement.clientWidth');
}

/** The ring around what has the keyboard's focus: its style, and its width in pixels. */
export function focusRing(page: Page): Promise<{ style: string; width: number }> {
  return page.evaluate<{ style: string; width: number }>(`(() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    return { style: outlineStyle, width: Number.parseFloat(outlineWidth) };
  })()`);
}
