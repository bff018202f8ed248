import { type Html, html } from '../html.ts';
import type { ChooserModel } from './models.ts';
import { pageDocument } from './page-document.ts';

/** Where somebody has their account, where there are several places. */
export function chooserPage({ page, providers, asksEmail, isUnknownEmail, form }: ChooserModel): Html {
  const { chooser } = page.messages;
  const fields = form.fields.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`);
  return pageDocument(page, {
    title: chooser.title,
    body: html`<p>${chooser.lead}</p>
<form method="${form.method}" action="${form.action}">${fields}<div class="choices">${providers.map(
      ({ id, name }) => html`<button name="identity_provider" value="${id}"><bdi>${name}</bdi></button>`,
    )}</div></form>
${
  asksEmail &&
  html`<form method="${form.method}" action="${form.action}">${fields}${isUnknownEmail && html`<p class="note" role="alert">${chooser.unknownEmail}</p>`}
<label for="email">${chooser.email}</label><input type="text" inputmode="email" id="email" name="email" required maxlength="254" autocomplete="email">
<div class="actions"><button class="quiet">${chooser.proceed}</button></div></form>`
}`,
  });
}
