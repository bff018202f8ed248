import { type Html, html } from '../shared/html.ts';
import type { Page } from '../shared/page.ts';

/** What the person is asked. All text of the client is untrusted and already cleaned of disguise. */
export interface ApprovalModel {
  readonly client: {
    readonly name: string;
    /** Host of the metadata document, for a client that has one: the only part of the name that is verified. */
    readonly verifiedHost?: string;
    readonly redirectHost: string;
    /** Any program on this computer could receive the answer (RFC 8252 section 8.6). */
    readonly isLocal: boolean;
  };
  readonly resource: { readonly name: string; readonly url: string };
  readonly scopes: readonly string[];
  /** The signed-in person; without one, the identity provider comes after the approval. */
  readonly account?: string;
  readonly action: string;
  readonly csrf: string;
  /** `form-action` sources of everywhere the form's redirects may lead. */
  readonly formAction: readonly string[];
}

function row(term: string, description: Html | string): Html {
  return html`<div><dt>${term}</dt><dd>${description}</dd></div>`;
}

/** The client approval page: before the browser leaves for the identity provider (MCP 2026-07-28, Confused Deputy). */
export function approvalPage(model: ApprovalModel): Page {
  const { client, resource } = model;
  const identity =
    client.verifiedHost === undefined
      ? 'The name is what the application says of itself.'
      : `Published by ${client.verifiedHost}.`;
  return {
    title: `Allow ${client.name} to use ${resource.name}?`,
    formAction: model.formAction,
    body: html`<p class="soft">${identity}</p>
<dl>${row('Application', client.name)}${client.verifiedHost !== undefined && row('Verified domain', client.verifiedHost)}${row('Sends you back to', client.redirectHost)}${row(
      'Access to',
      html`${resource.name}<br><code>${resource.url}</code>`,
    )}${row('Permissions', html`<ul>${model.scopes.map((scope) => html`<li><code>${scope}</code></li>`)}</ul>`)}${model.account !== undefined && row('Signed in as', model.account)}</dl>
${client.isLocal && html`<p class="warn">This application runs on your computer. Go on only if you started it yourself just now.</p>`}
${model.account === undefined && html`<p>You will sign in next.</p>`}
<form method="post" action="${model.action}"><input type="hidden" name="csrf" value="${model.csrf}">
<div class="actions"><button name="decision" value="approve">Allow</button><button class="quiet" name="decision" value="deny">Deny</button></div></form>`,
  };
}
