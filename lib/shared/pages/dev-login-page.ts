import { type Html, html } from '../html.ts';
import type { DevLoginModel } from './models.ts';
import { pageDocument } from './page-document.ts';

/** A name and roles, no password. */
export function devLoginPage({ page, action, state }: DevLoginModel): Html {
  const messages = page.messages.devLogin;
  return pageDocument(page, {
    title: messages.title,
    body: html`<p class="note">${messages.warning}</p>
<form method="post" action="${action}"><input type="hidden" name="state" value="${state}">
<label for="name">${messages.name}</label><input type="text" id="name" name="name" value="dev-browser-user" required maxlength="200" autocomplete="off">
<label for="roles">${messages.roles}</label><input type="text" id="roles" name="roles" maxlength="500" autocomplete="off">
<div class="actions"><button>${messages.signIn}</button></div></form>`,
  });
}
