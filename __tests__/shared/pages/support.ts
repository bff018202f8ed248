import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type Issuer, parseIssuer } from '../../../lib/shared/issuer.ts';
import { readOptions } from '../../../lib/shared/option-reader.ts';
import type { PageModels, PageName } from '../../../lib/shared/pages/models.ts';
import { createPages, type PageContent, type PageSettings } from '../../../lib/shared/pages/pages.ts';
import type { PagesOptions } from '../../../lib/shared/pages/pages-options.ts';
import { readPagesOptions } from '../../../lib/shared/pages/resolve-pages-options.ts';

const issuer = parseIssuer('https://mcp.example.com') as Issuer;

/** Every problem of the option `pages`, as `option: message`. */
export function problemsOf(pages: unknown): string[] {
  const options = readOptions({ pages }, ['pages']);
  readPagesOptions(options);
  return options.problems.map(({ option, message }) => `${option}: ${message}`);
}

function pagesOf(options: PagesOptions): ReturnType<typeof createPages> {
  return createPages(readPagesOptions(readOptions({ pages: options }, ['pages'])));
}

/** A page as text and its headers. */
export function render<Name extends PageName>(
  name: Name,
  content: PageContent<Name>,
  { language, settings, ...options }: PagesOptions & { language?: string; settings?: PageSettings } = {},
): { body: string; headers: Record<string, string> } {
  const req = { headers: language === undefined ? {} : { 'accept-language': language } } as IncomingMessage;
  return pagesOf(options).render({ req, issuer }, name, content, settings);
}

/** A server with one page, behind what a middleware of the app, such as helmet, may have set before. */
export function serve<Name extends PageName>(name: Name, content: PageContent<Name>, settings?: PageSettings): Server {
  const pages = pagesOf({});
  return createServer((req, res) => {
    res.setHeader('content-security-policy', "default-src * 'unsafe-inline'");
    res.setHeader('cache-control', 'public, max-age=3600');
    res.setHeader('x-frame-options', 'SAMEORIGIN');
    res.setHeader('cross-origin-opener-policy', 'same-origin');
    pages.send({ req, res, issuer }, name, content, settings);
  });
}

const upstreamWith = (text: string) => ({
  id: text,
  name: text,
  host: text,
  summary: text,
  isConnected: false,
  isRequired: true,
  isShared: true,
});

/** Contents of every page with the same text in each place that a peer or the app fills. */
export function contentsWith(text: string): { readonly [Name in keyof PageModels]: PageContent<Name> } {
  return {
    consent: {
      client: {
        name: text,
        verification: 'domain',
        verifiedHost: text,
        redirectHost: text,
        reach: 'loopback',
      },
      resource: { name: text, url: text },
      scopes: [text, 'mcp:tools'],
      account: text,
      upstreams: [
        { ...upstreamWith(text), isRequired: false },
        { ...upstreamWith(text), isConnected: true },
      ],
      notConnected: text,
      isHeldBack: true,
      mayRemember: true,
      wasRemembered: true,
      action: text,
      csrf: text,
    },
    devLogin: { action: text, state: text },
    chooser: {
      providers: [{ id: text, name: text }],
      asksEmail: true,
      isUnknownEmail: true,
      form: { method: 'post', action: text, fields: [[text, text]] },
    },
    signOut: { account: text, action: text, csrf: text },
    signedOut: {},
    connect: { upstream: upstreamWith(text), account: text, action: text, csrf: text },
    connectList: {
      clientName: text,
      account: text,
      upstreams: [upstreamWith(text), { ...upstreamWith(text), isConnected: true, isRequired: false }],
      notConnected: text,
      action: text,
      csrf: text,
    },
    connected: { upstreamName: text },
    connections: {
      account: text,
      clients: [
        {
          id: text,
          name: text,
          verification: 'domain',
          verifiedHost: text,
          resources: [{ name: text, url: text }],
          scopes: [text, 'mcp:tools'],
          allowedAt: 1_000_000,
          lastUsedAt: 2_000_000,
        },
        { id: 'nameless', verification: 'unverified', resources: [], scopes: [], allowedAt: 3_000_000 },
      ],
      upstreams: [{ id: text, name: text, connectedAt: 1_000_000 }],
      notice: 'revoked',
      moreUrl: text,
      startUrl: text,
      now: 3_000_030,
      action: text,
      csrf: text,
      signOutUrl: text,
    },
    error: { kind: 'clientUnverifiable', code: text, flowId: text, values: { url: text, reason: text }, detail: text },
  };
}
