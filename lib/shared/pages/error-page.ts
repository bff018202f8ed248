import { type Html, html } from '../html.ts';
import { fill, fillText } from './messages.ts';
import type { ErrorModel } from './models.ts';
import { pageDocument } from './page-document.ts';

/** What happened, what to do, and what to quote. */
export function errorPage({ page, kind, code, flowId, values = {}, detail, explanation, next }: ErrorModel): Html {
  const { common, errors } = page.messages;
  const { title, text, advice } = errors[kind];
  return pageDocument(page, {
    title: fillText(title, values),
    body: html`<p>${fill(text, values)}</p>${explanation !== undefined && html`<p><bdi>${explanation}</bdi></p>`}${detail !== undefined && html`<p><code lang="en" dir="ltr">${detail}</code></p>`}<p>${advice}</p>${next && html`<p><a href="${next.href}">${common[next.label]}</a></p>`}
<p class="soft">${code !== undefined && fill(common.errorCode, { code: html`<code>${code}</code>` })} ${
      flowId !== undefined && fill(common.reference, { reference: html`<code>${flowId}</code>` })
    }</p>`,
  });
}
