import { type Html, html } from '../html.ts';
import { fill, fillText, type PageMessages } from './messages.ts';
import type { ConsentModel, PageClient } from './models.ts';
import { pageDocument } from './page-document.ts';
import { isReady, notConnectedNote, upstreamRow } from './upstream-list.ts';

function row(term: string, description: Html | string): Html {
  return html`<div><dt>${term}</dt><dd>${description}</dd></div>`;
}

/** How far the name of an application can be relied on. */
function verification({ verification: how, verifiedHost }: PageClient, messages: PageMessages['consent']): Html {
  switch (how) {
    case 'unverified':
      return html`<p class="who"><span class="badge">${messages.unverified}</span> <span>${messages.unverifiedHint}</span></p>`;
    case 'domain':
      return html`<p class="who"><span class="badge good">${messages.domain}</span> <span>${fill(messages.domainHint, { host: verifiedHost ?? '' })}</span></p>`;
    case 'operator':
      return html`<p class="who"><span class="badge good">${messages.operator}</span> <span>${messages.operatorHint}</span></p>`;
  }
}

/** Scopes in words; one without words as it is. */
export function scopeList(scopes: readonly string[], messages: PageMessages): Html {
  return html`<ul>${scopes.map((scope) => html`<li>${messages.scopes[scope] ?? html`<code>${scope}</code>`}</li>`)}</ul>`;
}

/** Services of the route. Their buttons belong to the one form of the page, so that what is ticked there is sent with them. */
function services({ upstreams, isHeldBack, notConnected, page }: ConsentModel): Html {
  const { consent, connect } = page.messages;
  const rows = upstreams.map((upstream) =>
    upstreamRow(
      upstream,
      page.messages,
      'h3',
      (label) =>
        html`<button${!upstream.isRequired && html` class="quiet"`} name="connect" value="${upstream.id}"><span>${label}</span></button>`,
    ),
  );
  const waiting = isHeldBack
    ? html`<p class="note" role="alert">${connect.waiting}</p>`
    : html`<p class="soft">${connect.waiting}</p>`;
  return html`<section aria-labelledby="services"><h2 id="services">${consent.services}</h2>${notConnectedNote(notConnected, page.messages)}<ul class="plain">${rows}</ul>${!isReady(upstreams) && waiting}</section>
`;
}

/**
 * The client approval page (MCP 2026-07-28, Confused Deputy). With a session it is the only one before the code: services
 * are connected from it, too.
 */
export function consentPage(model: ConsentModel): Html {
  const { client, resource, page } = model;
  const messages = page.messages.consent;
  const warning = { web: undefined, loopback: messages.loopback, 'private-scheme': messages.privateScheme }[
    client.reach
  ];
  return pageDocument(page, {
    title: fillText(messages.title, { client: client.name ?? messages.unnamed, resource: resource.name }),
    body: html`${verification(client, messages)}
<dl>${row(messages.permissions, scopeList(model.scopes, page.messages))}${row(
      messages.access,
      html`<bdi>${resource.name}</bdi><br><code>${resource.url}</code>`,
    )}${row(messages.redirect, html`<bdi>${client.redirectHost}</bdi>`)}${
      model.account !== undefined && row(messages.account, html`<bdi>${model.account}</bdi>`)
    }</dl>
${warning !== undefined && html`<p class="note">${warning}</p>`}${model.account === undefined && html`<p class="soft">${messages.signInNext}</p>`}
<form method="post" action="${model.action}"><input type="hidden" name="csrf" value="${model.csrf}">
${model.upstreams.length > 0 && services(model)}${model.mayRemember && html`<label class="check"><input type="checkbox" name="remember" value="yes"${model.wasRemembered && html` checked`}><span>${messages.remember}</span></label>`}
<div class="actions">${isReady(model.upstreams) && html`<button name="decision" value="approve">${messages.allow}</button>`}<button class="quiet" name="decision" value="deny">${messages.deny}</button></div></form>`,
  });
}
