import { type Html, html } from '../shared/html.ts';
import { errorPage, type Page } from '../shared/page.ts';

/** One upstream on a page. */
export interface UpstreamCard {
  readonly id: string;
  readonly displayName: string;
  readonly host: string;
  readonly summary?: string;
  readonly isConnected: boolean;
  readonly isRequired: boolean;
}

interface FormModel {
  readonly action: string;
  readonly csrf: string;
  /** `form-action` sources of everywhere the form's redirects may lead. */
  readonly formAction: readonly string[];
  /** The signed-in person. */
  readonly account: string;
}

/** Behind a link: who connects what. */
export interface ConnectModel extends FormModel {
  readonly upstream: UpstreamCard;
  /** Everybody uses the connection. */
  readonly isShared: boolean;
}

/** After a login: what the application will use. */
export interface ConnectListModel extends FormModel {
  readonly clientName: string;
  readonly upstreams: readonly UpstreamCard[];
}

function row(term: string, description: Html | string): Html {
  return html`<div><dt>${term}</dt><dd>${description}</dd></div>`;
}

const csrfField = (csrf: string) => html`<input type="hidden" name="csrf" value="${csrf}">`;

/** Asks before the browser leaves for the upstream. */
export function connectPage({ upstream, account, isShared, action, csrf, formAction }: ConnectModel): Page {
  return {
    title: `Connect ${upstream.displayName}?`,
    formAction,
    body: html`${upstream.summary !== undefined && html`<p>${upstream.summary}</p>`}
<dl>${row('Signed in as', account)}${row('Service', html`${upstream.displayName}<br><code>${upstream.host}</code>`)}</dl>
${isShared && html`<p class="warn">Everybody here will use this connection.</p>`}
<p>You will be asked there to allow access.</p>
<form method="post" action="${action}">${csrfField(csrf)}
<div class="actions"><button name="decision" value="connect">Connect</button></div></form>`,
  };
}

function card(upstream: UpstreamCard, { action, csrf }: FormModel): Html {
  const state = upstream.isConnected
    ? html`<p class="soft">Connected</p>`
    : html`<form method="post" action="${action}">${csrfField(csrf)}<input type="hidden" name="upstream" value="${upstream.id}">
<div class="actions"><button name="decision" value="connect">Connect ${upstream.displayName}</button></div></form>`;
  return html`<div><dt>${upstream.displayName}${upstream.isRequired && ' (required)'}</dt><dd>${upstream.summary}<br><code>${upstream.host}</code>${state}</dd></div>`;
}

/** Lists upstreams after a login; the code waits for required ones. */
export function connectListPage(model: ConnectListModel): Page {
  const isReady = model.upstreams.every(({ isConnected, isRequired }) => isConnected || !isRequired);
  return {
    title: 'Connect your accounts',
    formAction: model.formAction,
    body: html`<p>${model.clientName} works with these services in your name. Signed in as ${model.account}.</p>
<dl>${model.upstreams.map((upstream) => card(upstream, model))}</dl>
<form method="post" action="${model.action}">${csrfField(model.csrf)}
<div class="actions">${isReady && html`<button name="decision" value="continue">Continue</button>`}<button class="quiet" name="decision" value="deny">Cancel</button></div></form>`,
  };
}

export function connectedPage(displayName: string): Page {
  return {
    title: `${displayName} is connected`,
    body: html`<p>You can close this page and go back to your application.</p>`,
  };
}

export const expiredLinkPage = (): Page =>
  errorPage({
    title: 'This link has expired',
    explanation: 'It was used already, or is older than 15 minutes.',
    advice: 'Go back to your application and try again: it gives you a new link.',
    code: 'invalid_request',
  });

export const otherAccountPage = (): Page =>
  errorPage({
    title: 'This link is not yours',
    explanation: 'It was made for another account. Nothing was connected.',
    advice:
      'If somebody sent it to you, do not use it. If it is your own, sign in with the account that you use in your application.',
    code: 'access_denied',
  });

export const notConnectedPage = (displayName: string, isOutage: boolean): Page =>
  errorPage({
    title: `${displayName} was not connected`,
    explanation: isOutage
      ? 'The service does not answer at the moment.'
      : 'The service did not allow access, or its answer could not be verified.',
    advice: 'Go back to your application and try again: it gives you a new link.',
    code: isOutage ? 'temporarily_unavailable' : 'access_denied',
  });
