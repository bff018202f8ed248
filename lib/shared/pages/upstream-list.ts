import { type Html, html } from '../html.ts';
import { fill, type PageMessages } from './messages.ts';
import type { PageUpstream } from './models.ts';

/** Whether a person who wants to go on may: every required service is connected. */
export function isReady(upstreams: readonly PageUpstream[]): boolean {
  return upstreams.every(({ isConnected, isRequired }) => isConnected || !isRequired);
}

const notConnectedParameter = 'not_connected';

/** Address of a page that waited for a service to be connected, which it was not. */
export function withNotConnected(address: string, upstream: string): string {
  return `${address}${address.includes('?') ? '&' : '?'}${notConnectedParameter}=${upstream}`;
}

/** Name of the service that such an address is about; undefined where it is connected by now, or none of these. */
export function notConnectedName(upstreams: readonly PageUpstream[], { searchParams }: URL): string | undefined {
  const id = searchParams.get(notConnectedParameter);
  return upstreams.find((upstream) => upstream.id === id && !upstream.isConnected)?.name;
}

/** That a service was not connected just now, and that nothing is lost. */
export function notConnectedNote(service: string | undefined, { connect }: PageMessages): Html | false {
  return service !== undefined && html`<p class="note" role="alert">${fill(connect.notConnected, { service })}</p>`;
}

/** One service, and the control that connects it. @param level of its heading */
export function upstreamRow(
  upstream: PageUpstream,
  { connect }: PageMessages,
  level: 'h2' | 'h3',
  control: (button: Html) => Html,
): Html {
  const name = html`<bdi>${upstream.name}</bdi>`;
  const heading = level === 'h2' ? html`<h2>${name}</h2>` : html`<h3>${name}</h3>`;
  const state = upstream.isConnected
    ? html`<span class="badge good">${connect.connected}</span>`
    : control(fill(connect.connectService, { service: upstream.name }));
  return html`<li class="row"><div>${heading}${upstream.summary !== undefined && html`<p><bdi>${upstream.summary}</bdi></p>`}<p class="soft"><code>${upstream.host}</code> · ${upstream.isRequired ? connect.required : connect.optional}</p>${upstream.isShared && html`<p class="soft">${connect.shared}</p>`}</div>${state}</li>`;
}
