import { type Html, html } from '../html.ts';
import { fill, fillText, type PageMessages } from './messages.ts';
import type { ConsentModel, PageClient } from './models.ts';
import { pageDocument } from './page-document.ts';

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

/** The client approval page (MCP 2026-07-28, Confused Deputy). */
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
${model.mayRemember && html`<label class="check"><input type="checkbox" name="remember" value="yes"><span>${messages.remember}</span></label>`}
<div class="actions"><button name="decision" value="approve">${messages.allow}</button><button class="quiet" name="decision" value="deny">${messages.deny}</button></div></form>`,
  });
}
