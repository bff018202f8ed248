/** Every page with what a real one holds: for the look of it, and for axe. */
import type { IncomingMessage } from 'node:http';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { readOptions } from '../../lib/shared/option-reader.ts';
import type { PageModels, PageName } from '../../lib/shared/pages/models.ts';
import { createPages, type PageContent } from '../../lib/shared/pages/pages.ts';
import type { PagesOptions } from '../../lib/shared/pages/pages-options.ts';
import { readPagesOptions } from '../../lib/shared/pages/resolve-pages-options.ts';

const now = 1_790_000_000;
const csrf = 'xr6SGkG0r5cSYGh9XbBgkcmtF-mXRS2S2mF5H9tSw8E';
const action = '/oauth/interaction/3Wq0Jt';
const resource = { name: 'Company files', url: 'https://mcp.example.com/files' };

const linear = {
  id: 'linear',
  name: 'Linear',
  host: 'mcp.linear.app',
  summary: 'Issues and projects of your team',
  isConnected: false,
  isRequired: true,
  isShared: false,
};
const calendar = {
  id: 'calendar',
  name: 'Calendar',
  host: 'calendar.example.com',
  isConnected: true,
  isRequired: false,
  isShared: false,
};

const wiki = {
  id: 'wiki',
  name: 'Wiki',
  host: 'wiki.example.com',
  isConnected: false,
  isRequired: false,
  isShared: true,
};

type Samples = { readonly [Name in PageName]: Readonly<Record<string, PageContent<Name>>> };

const noServices = { upstreams: [], isHeldBack: false, wasRemembered: false };

/** Contents by page and by name of the picture. */
export const pageSamples: Samples = {
  consent: {
    consent: {
      client: {
        name: 'Claude',
        verification: 'domain',
        verifiedHost: 'claude.ai',
        redirectHost: 'claude.ai',
        reach: 'web',
      },
      resource,
      scopes: ['mcp:tools', 'files:read', 'offline_access'],
      account: 'Ada Lovelace',
      ...noServices,
      mayRemember: true,
      action,
      csrf,
    },
    'consent-connect': {
      client: {
        name: 'Claude',
        verification: 'domain',
        verifiedHost: 'claude.ai',
        redirectHost: 'claude.ai',
        reach: 'web',
      },
      resource,
      scopes: ['mcp:tools'],
      account: 'Ada Lovelace',
      upstreams: [linear, calendar, wiki],
      isHeldBack: false,
      mayRemember: true,
      wasRemembered: true,
      action,
      csrf,
    },
    'consent-held-back': {
      client: {
        name: 'Claude',
        verification: 'domain',
        verifiedHost: 'claude.ai',
        redirectHost: 'claude.ai',
        reach: 'web',
      },
      resource,
      scopes: ['mcp:tools'],
      account: 'Ada Lovelace',
      upstreams: [linear],
      notConnected: 'Linear',
      isHeldBack: true,
      mayRemember: true,
      wasRemembered: false,
      action,
      csrf,
    },
    'client-approval': {
      client: { name: 'Cursor', verification: 'unverified', redirectHost: '127.0.0.1:33418', reach: 'loopback' },
      resource,
      scopes: ['mcp:tools'],
      ...noServices,
      mayRemember: false,
      action,
      csrf,
    },
  },
  connectList: {
    'connect-list': { clientName: 'Claude', account: 'Ada Lovelace', upstreams: [linear, calendar], action, csrf },
  },
  connect: { connect: { upstream: wiki, account: 'Ada Lovelace', action, csrf } },
  connected: { connected: { upstreamName: 'Wiki' } },
  connections: {
    connections: {
      account: 'Ada Lovelace',
      clients: [
        {
          id: 'https://claude.ai/oauth/client.json',
          name: 'Claude',
          verification: 'domain',
          verifiedHost: 'claude.ai',
          resources: [resource],
          scopes: ['mcp:tools', 'files:read'],
          allowedAt: now - 9 * 86_400,
          lastUsedAt: now - 7200,
        },
        {
          id: 'desk',
          name: 'Service desk',
          verification: 'operator',
          resources: [resource, { name: 'Linear', url: 'https://mcp.example.com/linear' }],
          scopes: ['mcp:tools'],
          allowedAt: now - 86_400,
        },
        {
          id: 'cursor',
          name: 'Cursor',
          verification: 'unverified',
          resources: [resource],
          scopes: ['mcp:tools'],
          allowedAt: now - 40 * 86_400,
          lastUsedAt: now - 31 * 86_400,
        },
      ],
      upstreams: [{ id: 'linear', name: 'Linear', connectedAt: now - 9 * 86_400 }],
      notice: 'revoked',
      now,
      action,
      csrf,
      signOutUrl: '/oauth/logout',
    },
    'connections-last': {
      account: 'Ada Lovelace',
      clients: [
        {
          id: 'desk',
          name: 'Service desk',
          verification: 'operator',
          resources: [resource],
          scopes: ['mcp:tools'],
          allowedAt: now,
        },
      ],
      moreUrl: '/oauth/connections?after=x',
      startUrl: '/oauth/connections',
      upstreams: [],
      now,
      action,
      csrf,
      signOutUrl: '/oauth/logout',
    },
    'connections-empty': {
      account: 'Ada Lovelace',
      clients: [],
      upstreams: [],
      now,
      action,
      csrf,
      signOutUrl: '/oauth/logout',
    },
  },
  chooser: {
    chooser: {
      providers: [
        { id: 'acme', name: 'Acme Corporation' },
        { id: 'partner', name: 'Partner Ltd' },
      ],
      asksEmail: true,
      isUnknownEmail: false,
      form: { method: 'post', action, fields: [['csrf', csrf]] },
    },
  },
  signOut: { 'sign-out': { account: 'Ada Lovelace', action, csrf } },
  signedOut: { 'signed-out': {} },
  devLogin: { 'dev-login': { action, state: csrf } },
  error: {
    'error-expired': { kind: 'expired', code: 'invalid_request', flowId: 'b3JbYqfJ0sVhT2kL' },
    'error-metadata': {
      kind: 'clientUnverifiable',
      code: 'invalid_client',
      flowId: 'b3JbYqfJ0sVhT2kL',
      values: { url: 'https://apps.example.com/client.json', reason: 'status 404' },
    },
  },
};

const words = {
  en: { scopes: { 'files:read': 'Read your files' } },
  de: { scopes: { 'files:read': 'Ihre Dateien lesen' } },
  ar: { scopes: { 'files:read': 'قراءة ملفاتك' } },
};

/** The documents of all samples in one language. */
export function renderSamples(
  language: string,
  options: PagesOptions = {},
): { readonly picture: string; readonly body: string; readonly headers: Record<string, string> }[] {
  const pages = createPages(readPagesOptions(readOptions({ pages: { messages: words, ...options } }, ['pages'])));
  const issuer = parseIssuer('https://mcp.example.com') as Issuer;
  const req = { headers: { 'accept-language': language } } as IncomingMessage;
  return Object.entries(pageSamples).flatMap(([name, contents]) =>
    Object.entries(contents).map(([picture, content]) => ({
      picture,
      ...pages.render({ req, issuer }, name as PageName, content as unknown as PageContent<keyof PageModels>),
    })),
  );
}
