import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { type Html, html, trusted } from './html.ts';

/** A page: title and body. Pages are functions `(model) => Page`, without script or external assets. */
export interface Page {
  readonly title: string;
  readonly body: Html;
  /** Extra `form-action` sources: Chromium applies it to the redirects that follow a form post, up to the client. */
  readonly formAction?: readonly string[];
}

const style = `:root{color-scheme:light dark;--ink:#1c1f24;--soft:#5b6470;--paper:#fff;--ground:#f3f4f6;--line:#d7dbe0;--accent:#1f5eff;--warn:#8a4b00;--warn-ground:#fff4e2}
@media(prefers-color-scheme:dark){:root{--ink:#eceef1;--soft:#a9b2bd;--paper:#1b1e23;--ground:#111317;--line:#363c45;--accent:#7aa2ff;--warn:#ffc27a;--warn-ground:#3a2a12}}
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{width:100%;max-width:30rem;background:var(--paper);border:1px solid var(--line);border-radius:.75rem;padding:1.75rem}
h1{font-size:1.3rem;line-height:1.3;margin:0 0 1rem;overflow-wrap:anywhere}p{margin:.75rem 0}.soft{color:var(--soft);font-size:.9rem}
dl{margin:1rem 0;border-top:1px solid var(--line)}dl>div{padding:.6rem 0;border-bottom:1px solid var(--line)}dt{color:var(--soft);font-size:.85rem}dd{margin:0;overflow-wrap:anywhere}
ul{margin:.25rem 0 0;padding-inline-start:1.2rem}.warn{background:var(--warn-ground);color:var(--warn);border-radius:.5rem;padding:.6rem .8rem;font-size:.9rem}
label{display:block;margin:.75rem 0 .25rem;font-weight:600}input{width:100%;min-height:2.75rem;padding:.4rem .7rem;font:inherit;color:inherit;background:var(--ground);border:1px solid var(--soft);border-radius:.5rem}
.actions{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.5rem}button{flex:1;min-height:2.75rem;min-width:8rem;padding:.4rem 1rem;font:inherit;font-weight:600;border-radius:.5rem;border:1px solid var(--accent);background:var(--accent);color:var(--paper);cursor:pointer}
button.quiet{background:none;color:var(--ink);border-color:var(--soft)}:focus-visible{outline:3px solid var(--accent);outline-offset:2px}code{font-size:.85rem;overflow-wrap:anywhere}`;

const styleHash = createHash('sha256').update(style).digest('base64');

/** Headers of every page. They replace what the app's own middleware (helmet, say) may have set. */
export function pageHeaders(page: Page): Record<string, string> {
  const formAction = ["'self'", ...(page.formAction ?? [])].join(' ');
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; form-action ${formAction}; frame-ancestors 'none'; base-uri 'none'`,
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  };
}

/** The whole document of a page. */
export function renderPage(page: Page): string {
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${page.title}</title><style>${trusted(style)}</style></head>
<body><main><h1>${page.title}</h1>${page.body}</main></body>
</html>`.markup;
}

/** Sends a page. */
export function sendPage(res: ServerResponse, status: number, page: Page): void {
  const body = renderPage(page);
  res.statusCode = status;
  for (const [name, value] of Object.entries(pageHeaders(page))) res.setHeader(name, value);
  res.setHeader('content-length', Buffer.byteLength(body));
  res.end(body);
}

/** What a person sees when something failed: what happened, what to do, and the flow id to quote. */
export interface ErrorPageModel {
  readonly title: string;
  readonly explanation: string;
  readonly advice?: string;
  /** Registered OAuth error code. */
  readonly code?: string;
  readonly flowId?: string;
}

/** The error page. */
export function errorPage(model: ErrorPageModel): Page {
  return {
    title: model.title,
    body: html`<p>${model.explanation}</p>${model.advice !== undefined && html`<p>${model.advice}</p>`}
<p class="soft">${model.code !== undefined && html`Error: <code>${model.code}</code>. `}${
      model.flowId !== undefined && html`Reference: <code>${model.flowId}</code>`
    }</p>`,
  };
}
