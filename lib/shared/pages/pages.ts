import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Issuer } from '../issuer.ts';
import { createRandomBytes } from '../random-bytes.ts';
import { chooserPage } from './chooser-page.ts';
import { connectedPage, connectListPage, connectPage } from './connect-pages.ts';
import { connectionsPage } from './connections-page.ts';
import { consentPage } from './consent-page.ts';
import { devLoginPage } from './dev-login-page.ts';
import { errorPage } from './error-page.ts';
import { chooseLocale, directionOf } from './locale.ts';
import type { PageMessages } from './messages.ts';
import type { PageBrand, PageContext, PageFunctions, PageModels, PageName } from './models.ts';
import { pageHeaders } from './page-headers.ts';
import { signedOutPage, signOutPage } from './sign-out-page.ts';
import { styleSheet } from './theme.ts';

/** The pages that come with the library. */
export const defaultPages: PageFunctions = {
  consent: consentPage,
  devLogin: devLoginPage,
  chooser: chooserPage,
  signOut: signOutPage,
  signedOut: signedOutPage,
  connect: connectPage,
  connectList: connectListPage,
  connected: connectedPage,
  connections: connectionsPage,
  error: errorPage,
};

/** Pages that no client's popup leads through: they need no opener, so none may keep them. */
const isolatedPages: ReadonlySet<PageName> = new Set(['connections', 'signOut', 'signedOut']);

export interface PagesOptions {
  readonly brand: PageBrand;
  /** Complete catalogues by language. */
  readonly catalogues: Readonly<Record<string, PageMessages>> & { readonly en: PageMessages };
  /** The app's own pages, in place of ours. */
  readonly functions: Partial<PageFunctions>;
}

/** Who asks for a page. */
export interface PageRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly issuer: Issuer;
}

export interface PageSettings {
  /** @defaultValue 200 */
  readonly status?: number;
  /** Further places that the page's form may lead to. */
  readonly formAction?: readonly string[];
  /** `ui_locales` of the client, in order of preference. */
  readonly uiLocales?: unknown;
}

export type PageContent<Name extends PageName> = Omit<PageModels[Name], 'page'>;

/** Renders every page: language, brand and headers are decided here. */
export interface Pages {
  render<Name extends PageName>(
    request: Pick<PageRequest, 'req' | 'issuer'>,
    name: Name,
    content: PageContent<Name>,
    settings?: PageSettings,
  ): { body: string; headers: Record<string, string> };
  send<Name extends PageName>(
    request: PageRequest,
    name: Name,
    content: PageContent<Name>,
    settings?: PageSettings,
  ): void;
}

const hosts = new WeakMap<Issuer, string>();

function hostOf(issuer: Issuer): string {
  const host = hosts.get(issuer) ?? URL.parse(issuer.origin)?.host ?? issuer.host;
  hosts.set(issuer, host);
  return host;
}

const nextNonce = createRandomBytes(16);

export function createPages({ brand, catalogues, functions }: PagesOptions): Pages {
  let style: string | undefined; // Made for the first page: a process that only checks tokens shows none.
  const locales = Object.keys(catalogues);
  const image = brand.logo === undefined ? undefined : brand.logo.startsWith('data:') ? 'data:' : "'self'";

  function render<Name extends PageName>(
    { req, issuer }: Pick<PageRequest, 'req' | 'issuer'>,
    name: Name,
    content: PageContent<Name>,
    { formAction = [], uiLocales }: PageSettings = {},
  ): { body: string; headers: Record<string, string> } {
    const locale = chooseLocale(locales, typeof uiLocales === 'string' ? uiLocales : undefined, req.headers);
    const nonce = nextNonce().toString('base64url');
    style ??= styleSheet(brand.accent);
    const page: PageContext = {
      locale,
      direction: directionOf(locale),
      messages: catalogues[locale] ?? catalogues.en,
      brand,
      host: hostOf(issuer),
      nonce,
      style,
    };
    const show = (functions[name] ?? defaultPages[name]) as (model: PageModels[Name]) => { markup: string };
    const { markup } = show({ ...content, page } as unknown as PageModels[Name]);
    return { body: markup, headers: pageHeaders({ nonce, formAction, image, isIsolated: isolatedPages.has(name) }) };
  }

  return {
    render,
    send(request, name, content, settings = {}) {
      const { res } = request;
      const { body, headers } = render(request, name, content, settings);
      res.statusCode = settings.status ?? 200;
      for (const [header, value] of Object.entries(headers)) res.setHeader(header, value);
      res.setHeader('content-length', Buffer.byteLength(body));
      res.end(body);
    },
  };
}
