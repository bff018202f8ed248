import { type Html, html } from '../html.ts';
import { scopeList } from './consent-page.ts';
import { fill, fillText } from './messages.ts';
import type { ConnectedClient, ConnectionsModel, PageContext } from './models.ts';
import { pageDocument } from './page-document.ts';

const units: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

/** How long ago, in the words of the language: a date would need the person's time zone. */
function timeAgo(seconds: number, now: number, locale: string): Html {
  const ago = Math.max(0, now - seconds);
  const [unit, size] = units.find(([, length]) => ago >= length) ?? ['second', 1];
  const count = unit === 'second' ? 0 : Math.floor(ago / size);
  const words = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(-count, unit);
  return html`<time datetime="${new Date(seconds * 1000).toISOString()}">${words}</time>`;
}

/** One form of the page: its action and what it names. */
function form({ action, csrf }: ConnectionsModel, fields: Readonly<Record<string, string>>, button: Html): Html {
  const hidden = Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  return html`<form method="post" action="${action}"><input type="hidden" name="csrf" value="${csrf}">${hidden}${button}</form>`;
}

function badge(client: ConnectedClient, page: PageContext): Html {
  const { consent } = page.messages;
  switch (client.verification) {
    case 'unverified':
      return html`<span class="badge">${consent.unverified}</span>`;
    case 'domain':
      return html`<span class="badge good"><bdi>${client.verifiedHost}</bdi></span>`;
    case 'operator':
      return html`<span class="badge good">${consent.operator}</span>`;
  }
}

function clientRow(client: ConnectedClient, model: ConnectionsModel): Html {
  const { page, now } = model;
  const { connections, consent } = page.messages;
  const name = client.name ?? consent.unnamed;
  const since = fill(connections.since, { time: timeAgo(client.allowedAt, now, page.locale) });
  const use =
    client.lastUsedAt === undefined
      ? connections.neverUsed
      : fill(connections.lastUse, { time: timeAgo(client.lastUsedAt, now, page.locale) });
  const label = fillText(connections.revokeLabel, { client: name });
  return html`<li class="row"><div><h3><bdi>${name}</bdi> ${badge(client, page)}</h3>
<p>${client.resources.map(({ name: resource, url }, index) => html`${index > 0 && ' · '}<bdi title="${url}">${resource}</bdi>`)}</p>${scopeList(client.scopes, page.messages)}
<p class="soft">${since} · ${use}</p></div>${form(
    model,
    { decision: 'revoke', client: client.id },
    html`<button class="danger" aria-label="${label}">${connections.revoke}</button>`,
  )}</li>`;
}

function upstreams(model: ConnectionsModel): Html {
  const { page, now } = model;
  const { connections } = page.messages;
  const rows = model.upstreams.map(({ id, name, connectedAt }) => {
    const since = fill(connections.connectedSince, { time: timeAgo(connectedAt, now, page.locale) });
    const label = fillText(connections.disconnectLabel, { service: name });
    return html`<li class="row"><div><h3><bdi>${name}</bdi></h3><p class="soft">${since}</p></div>${form(
      model,
      { decision: 'disconnect', upstream: id },
      html`<button class="danger" aria-label="${label}">${connections.disconnect}</button>`,
    )}</li>`;
  });
  return html`<section aria-labelledby="upstreams"><h2 id="upstreams">${connections.upstreams}</h2><p class="soft">${connections.upstreamsHint}</p><ul class="plain">${rows}</ul></section>`;
}

/** Everything that works in a person's name, and how to end it. */
export function connectionsPage(model: ConnectionsModel): Html {
  const { page, clients, notice, account, moreUrl, startUrl } = model;
  const { connections } = page.messages;
  const pager =
    (moreUrl !== undefined || startUrl !== undefined) &&
    html`<p class="split">${startUrl !== undefined && html`<a class="button quiet" href="${startUrl}">${connections.first}</a>`}${moreUrl !== undefined && html`<a class="button quiet" href="${moreUrl}">${connections.more}</a>`}</p>`;
  const revokeAll =
    (clients.length > 1 || pager !== false) &&
    form(model, { decision: 'revoke-all' }, html`<button class="danger">${connections.revokeAll}</button>`);
  const list =
    clients.length === 0
      ? html`<p class="soft">${connections.noClients}</p>`
      : html`<ul class="plain">${clients.map((client) => clientRow(client, model))}</ul>`;
  return pageDocument(page, {
    title: connections.title,
    isWide: true,
    body: html`${notice && html`<p class="note good" role="status">${connections[notice]}</p>`}
<div class="split"><p class="soft">${fill(connections.account, { account })}</p><a class="button quiet" href="${model.signOutUrl}">${connections.signOut}</a></div>
<section aria-labelledby="clients"><div class="split"><h2 id="clients">${connections.clients}</h2>${revokeAll}</div>${list}${pager}</section>
${model.upstreams.length > 0 && upstreams(model)}
<section class="split"><p class="soft grow">${connections.signOutHint}</p>${form(
      model,
      { decision: 'sign-out' },
      html`<button class="danger">${connections.signOutEverywhere}</button>`,
    )}</section>`,
  });
}
