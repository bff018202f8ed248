import { randomBytes } from 'node:crypto';
import { type Html, html } from '../shared/html.ts';
import { redirect } from '../shared/http.ts';
import { pageDocument } from '../shared/pages/page-document.ts';
import { pageHeaders } from '../shared/pages/page-headers.ts';
import type { PagesOptions } from '../shared/pages/pages.ts';
import { styleSheet } from '../shared/pages/theme.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import { type AdminRequest, readFields, refusal, segmentsOf } from './admin-request.ts';
import { type AdminRoute, findRoute } from './admin-routes.ts';

export interface AdminPageOptions {
  readonly routes: readonly AdminRoute[];
  readonly keyRing: KeyRingSource;
  readonly pages: Pick<PagesOptions, 'brand' | 'catalogues'>;
}

type Item = Readonly<Record<string, unknown>>;

interface Listed {
  readonly items?: readonly Item[];
  readonly next?: string | null;
  readonly events?: Readonly<Record<string, number>>;
}

/** A button of a row: what it does, by a route of the API. */
interface Act {
  readonly label: string;
  readonly method: 'POST' | 'DELETE';
  readonly path: string;
}

interface View {
  readonly name: string;
  readonly title: string;
  readonly isSearchable?: boolean;
  readonly heading: (item: Item) => unknown;
  readonly lines: (item: Item) => readonly unknown[];
  readonly acts: (item: Item) => readonly Act[];
  /** Links to other views, about an item. */
  readonly links?: (item: Item) => readonly (readonly [label: string, query: string])[];
}

const segment = (value: unknown) => encodeURIComponent(String(value));
const date = (seconds: unknown) =>
  typeof seconds === 'number' && seconds > 0
    ? new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')
    : '';

const views: readonly View[] = [
  {
    name: 'clients',
    title: 'Clients',
    isSearchable: true,
    heading: ({ name, id }) => name ?? id,
    lines: ({ id, kind, redirectUris, expiresAt }) => [
      id,
      kind,
      ...(redirectUris as string[]),
      date(expiresAt) && `until ${date(expiresAt)}`,
    ],
    acts: ({ id, kind }) =>
      kind === 'registered' ? [{ label: 'Remove', method: 'DELETE', path: `/clients/${segment(id)}` }] : [],
    links: ({ id }) => [['Grants', `view=grants&client=${segment(id)}`]],
  },
  {
    name: 'users',
    title: 'Users',
    isSearchable: true,
    heading: ({ name, email, sub }) => name ?? email ?? sub,
    lines: ({ sub, iss, email, roles }) => [email, `${sub} at ${iss}`, (roles as string[]).join(', ')],
    acts: ({ id }) => [{ label: 'Sign out everywhere', method: 'POST', path: `/users/${segment(id)}/revoke` }],
    links: ({ id }) => [
      ['Grants', `view=grants&user=${segment(id)}`],
      ['Connections', `view=connections&user=${segment(id)}`],
    ],
  },
  {
    name: 'grants',
    title: 'Grants',
    isSearchable: true,
    heading: ({ clientId }) => clientId,
    lines: ({ resource, scopes, createdAt, user }) => [
      resource,
      (scopes as string[]).join(' '),
      `since ${date(createdAt)}, user ${user}`,
    ],
    acts: ({ id }) => [{ label: 'End', method: 'DELETE', path: `/grants/${segment(id)}` }],
  },
  {
    name: 'connections',
    title: 'Connections',
    heading: ({ displayName }) => displayName,
    lines: ({ upstream, user, connectedAt }) => [upstream, `since ${date(connectedAt)}, user ${user}`],
    acts: ({ user, upstream }) => [
      { label: 'Disconnect', method: 'DELETE', path: `/connections/${segment(user)}/${segment(upstream)}` },
    ],
  },
  {
    name: 'keys',
    title: 'Keys',
    heading: ({ kid }) => kid,
    lines: ({ alg, state, signsFrom }) => [alg, state, `from ${date(signsFrom)}`],
    acts: () => [],
  },
  {
    name: 'blocks',
    title: 'Blocks',
    heading: ({ value }) => value,
    lines: ({ type, actor, at, reason }) => [type, `by ${actor}, ${date(at)}`, reason],
    acts: ({ id }) => [{ label: 'Unblock', method: 'DELETE', path: `/blocks/${segment(id)}` }],
  },
  {
    name: 'counters',
    title: 'Counters',
    heading: ({ name }) => name,
    lines: ({ count }) => [`${count}`],
    acts: () => [],
  },
];

const csrfPurpose = 'admin csrf';

/** The page over the API: each button sends a form that names one of its routes. */
export function createAdminPage({ routes, keyRing, pages }: AdminPageOptions) {
  const style = styleSheet(pages.brand.accent);

  async function tokenOf(actor: string): Promise<string> {
    return (await keyRing()).sign(csrfPurpose, actor);
  }

  function button(base: string, view: string, csrf: string, { label, method, path }: Act, about: unknown): Html {
    const name = `${label} ${about}`;
    return html`<form method="post" action="${base}/?view=${view}"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="method" value="${method}"><input type="hidden" name="path" value="${path}"><button class="danger" aria-label="${name}">${label}</button></form>`;
  }

  function row(base: string, view: View, csrf: string, item: Item): Html {
    const heading = String(view.heading(item));
    const lines = view.lines(item).filter((line) => typeof line === 'string' && line !== '');
    const links = view.links?.(item) ?? [];
    return html`<li class="row"><div><h2><bdi>${heading}</bdi></h2>${lines.map((line) => html`<p class="soft"><bdi>${String(line)}</bdi></p>`)}</div>${links.map(
      ([label, query]) =>
        html`<a class="button quiet" href="${base}/?${query}" aria-label="${label} of ${heading}">${label}</a>`,
    )}${view.acts(item).map((act) => button(base, view.name, csrf, act, heading))}</li>`;
  }

  function aboveList(base: string, view: View, csrf: string, query: URLSearchParams): Html {
    if (view.name === 'keys')
      return html`<div class="actions">${button(base, view.name, csrf, { label: 'Rotate', method: 'POST', path: '/keys/rotate' }, 'the signing key')}</div>`;
    if (view.name === 'blocks')
      return html`<form method="post" action="${base}/?view=blocks"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="method" value="POST"><input type="hidden" name="path" value="/blocks">
<label for="type">What (client, cimd-host or user)</label><input type="text" id="type" name="type" required value="client">
<label for="value">Client id, host, or id of a user</label><input type="text" id="value" name="value" required>
<label for="reason">Reason</label><input type="text" id="reason" name="reason">
<div class="actions"><button class="danger">Block</button></div></form>`;
    if (!view.isSearchable) return html``;
    return html`<form method="get" action="${base}/"><input type="hidden" name="view" value="${view.name}"><label for="search">Search</label><input type="text" id="search" name="search" value="${query.get('search') ?? ''}"><div class="actions"><button class="quiet">Search</button></div></form>`;
  }

  function itemsOf(listed: Listed): readonly Item[] {
    return listed.items ?? Object.entries(listed.events ?? {}).map(([name, count]) => ({ name, count }));
  }

  async function show(request: AdminRequest, base: string): Promise<void> {
    const { res, query, issuer, actor } = request;
    const view = views.find(({ name }) => name === (query.get('view') ?? 'clients'));
    if (!view) throw refusal(404, 'there is no such view');
    const found = findRoute(routes, 'GET', [view.name]);
    if (!('route' in found)) throw refusal(404, 'there is no such view');
    const listed = (await found.route.run({ ...request, segments: [view.name] }, {})) as Listed;
    const csrf = await tokenOf(actor);
    const nonce = randomBytes(16).toString('base64url');
    const items = itemsOf(listed);
    const more = new URLSearchParams(query);
    more.set('cursor', listed.next ?? '');
    const isDone = query.get('done') === 'yes';
    const body = html`${isDone && html`<p class="note good" role="status">Done.</p>`}
<nav aria-label="Views"><ul class="plain actions">${views.map(
      ({ name, title }) =>
        html`<li><a class="button quiet" href="${base}/?view=${name}"${name === view.name && html` aria-current="page"`}>${title}</a></li>`,
    )}</ul></nav>
${aboveList(base, view, csrf, query)}
<section aria-label="${view.title}">${items.length === 0 ? html`<p class="soft">Nothing here.</p>` : html`<ul class="plain">${items.map((item) => row(base, view, csrf, item))}</ul>`}
${typeof listed.next === 'string' && html`<p><a class="button quiet" href="${base}/?${more.toString()}">Next page</a></p>`}</section>`;
    const page = {
      locale: 'en',
      direction: 'ltr',
      messages: pages.catalogues.en,
      brand: pages.brand,
      host: URL.parse(issuer.origin)?.host ?? issuer.host,
      nonce,
      style,
    } as const;
    const { markup } = pageDocument(page, { title: view.title, body, isWide: true });
    const image = pages.brand.logo?.startsWith('data:')
      ? 'data:'
      : pages.brand.logo === undefined
        ? undefined
        : "'self'";
    const headers = pageHeaders({ nonce, formAction: [], image, isIsolated: true });
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
    res.setHeader('content-length', Buffer.byteLength(markup));
    res.end(request.req.method === 'HEAD' ? undefined : markup);
  }

  /** A form of the page, as the request of the API that it names. */
  async function act(request: AdminRequest, base: string): Promise<void> {
    const fields = await readFields(request.req);
    const ring = await keyRing();
    if (!ring.verify(csrfPurpose, request.actor, String(fields.csrf ?? '')))
      throw refusal(403, 'the form is of another session');
    const segments = segmentsOf(String(fields.path ?? ''));
    const found = segments && findRoute(routes, String(fields.method), segments);
    if (!found || !('route' in found) || found.route.method === 'GET')
      throw refusal(400, 'the form is none of this page');
    // The body was read: what the route reads of it is what the form has.
    const req = Object.create(request.req, { body: { value: fields }, readableEnded: { value: true } });
    const answer = await found.route.run({ ...request, req, segments }, found.named);
    const view = request.query.get('view') ?? 'clients';
    redirect(request.res, `${base}/?view=${encodeURIComponent(view)}${answer === undefined ? '' : '&done=yes'}`);
  }

  return async (request: AdminRequest, base: string): Promise<void> => {
    const { method } = request.req;
    if (method === 'GET' || method === 'HEAD') return show(request, base);
    if (method === 'POST') return act(request, base);
    request.res.setHeader('allow', 'GET, POST');
    throw refusal(405, 'use GET or POST');
  };
}
