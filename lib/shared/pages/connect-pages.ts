import { type Html, html } from '../html.ts';
import { fill, fillText } from './messages.ts';
import type { ConnectedModel, ConnectListModel, ConnectModel } from './models.ts';
import { pageDocument } from './page-document.ts';
import { isReady, notConnectedNote, upstreamRow } from './upstream-list.ts';

const csrfField = (csrf: string) => html`<input type="hidden" name="csrf" value="${csrf}">`;

/** Asks before the browser leaves for the upstream. */
export function connectPage({ page, upstream, account, action, csrf }: ConnectModel): Html {
  const { connect, consent } = page.messages;
  return pageDocument(page, {
    title: fillText(connect.title, { service: upstream.name }),
    body: html`${upstream.summary !== undefined && html`<p><bdi>${upstream.summary}</bdi></p>`}
<dl><div><dt>${connect.service}</dt><dd><bdi>${upstream.name}</bdi><br><code>${upstream.host}</code></dd></div><div><dt>${consent.account}</dt><dd><bdi>${account}</bdi></dd></div></dl>
${upstream.isShared && html`<p class="note">${connect.shared}</p>`}<p class="soft">${connect.next}</p>
<form method="post" action="${action}">${csrfField(csrf)}<div class="actions"><button name="decision" value="connect">${connect.connect}</button></div></form>`,
  });
}

/** Lists upstreams after a login; the code waits for required ones. */
export function connectListPage(model: ConnectListModel): Html {
  const { page, clientName, account, upstreams, action, csrf } = model;
  const { connect, connections, consent } = page.messages;
  const mayGoOn = isReady(upstreams);
  const rows = upstreams.map((upstream) =>
    upstreamRow(
      upstream,
      page.messages,
      'h2',
      (label) =>
        html`<form method="post" action="${action}">${csrfField(csrf)}<input type="hidden" name="upstream" value="${upstream.id}"><button${!upstream.isRequired && html` class="quiet"`} name="decision" value="connect"><span>${label}</span></button></form>`,
    ),
  );
  return pageDocument(page, {
    title: connect.listTitle,
    body: html`${notConnectedNote(model.notConnected, page.messages)}<p>${fill(connect.listLead, { client: clientName ?? consent.unnamed })}</p><p class="soft">${fill(connections.account, { account })}</p>
<ul class="plain">${rows}</ul>
${!mayGoOn && html`<p class="soft">${connect.waiting}</p>`}<form method="post" action="${action}">${csrfField(csrf)}<div class="actions">${
      mayGoOn && html`<button name="decision" value="continue">${connect.proceed}</button>`
    }<button class="quiet" name="decision" value="deny">${connect.cancel}</button></div></form>`,
  });
}

/** The end of a link. */
export function connectedPage({ page, upstreamName }: ConnectedModel): Html {
  const { connect } = page.messages;
  return pageDocument(page, {
    title: fillText(connect.doneTitle, { service: upstreamName }),
    body: html`<p>${connect.done}</p>`,
  });
}
