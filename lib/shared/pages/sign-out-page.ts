import { type Html, html } from '../html.ts';
import { fill, fillText } from './messages.ts';
import type { SignedOutModel, SignOutModel } from './models.ts';
import { pageDocument } from './page-document.ts';

/** Asks before the browser is signed out: a link elsewhere must not do it. */
export function signOutPage({ page, account, action, csrf }: SignOutModel): Html {
  const { connections, signedOut } = page.messages;
  return pageDocument(page, {
    title: fillText(connections.signOut, {}),
    body: html`<p>${fill(connections.account, { account: html`<bdi>${account}</bdi>` })}</p><p class="soft">${signedOut.hint}</p>
<form method="post" action="${action}"><input type="hidden" name="csrf" value="${csrf}">
<div class="actions"><button>${connections.signOut}</button></div></form>`,
  });
}

/** Where the identity provider sends the browser back to. */
export function signedOutPage({ page }: SignedOutModel): Html {
  const { title, text, hint } = page.messages.signedOut;
  return pageDocument(page, { title, body: html`<p>${text}</p><p class="soft">${hint}</p>` });
}
