import { type Html, html, trusted } from '../html.ts';
import { fill } from './messages.ts';
import type { PageContext } from './models.ts';

/** What goes into the common layout. */
export interface PageLayout {
  readonly title: string;
  readonly body: Html;
  /** For lists; the others are as wide as a form. @defaultValue false */
  readonly isWide?: boolean;
}

/** A key in a shield: constant markup of ours. */
const mark = trusted(
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false"><path d="M12 2.5 4 5.6v5.9c0 4.7 3.3 8.4 8 10 4.7-1.6 8-5.3 8-10V5.6z"/><circle cx="12" cy="9.7" r="2.1"/><path d="M12 11.8v4.6m0-1.9h1.8"/></svg>',
);

/** Isolates that titles carry as text stand as elements in markup. */
function heading(title: string): Html {
  const parts = title.split(/[\u2068\u2069]/);
  return html`${parts.map((part, index) => (index % 2 === 0 ? part : html`<bdi>${part}</bdi>`))}`;
}

/** Titles are text, without elements: in a left-to-right page its values need no isolates. */
function titleText(title: string, { direction }: PageContext): string {
  return direction === 'rtl' ? title : title.replace(/[\u2068\u2069]/g, '');
}

/** The common layout: the brand, one heading, the content, where one is and where help is. */
export function pageDocument(page: PageContext, { title, body, isWide = false }: PageLayout): Html {
  const { brand, messages } = page;
  return html`<!doctype html>
<html lang="${page.locale}" dir="${page.direction}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><link rel="icon" href="data:,"><title>${titleText(title, page)}</title><style nonce="${page.nonce}">${trusted(page.style)}</style></head>
<body${isWide && html` class="wide"`}>
<header>${brand.logo === undefined ? mark : html`<img src="${brand.logo}" alt="">`}<bdi>${brand.name ?? page.host}</bdi></header>
<main><h1>${heading(title)}</h1>${body}</main>
<footer>${brand.name !== undefined && html`<span>${fill(messages.common.address, { host: page.host })}</span>`}${brand.supportUrl !== undefined && html`<a href="${brand.supportUrl}">${messages.common.help}</a>`}</footer>
</body>
</html>`;
}
