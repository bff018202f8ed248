import type { IncomingMessage } from 'node:http';
import { isLoopbackAddress, isLoopbackHost } from '../shared/address-policy.ts';
import { type EventSink, resourceMember } from '../shared/events.ts';
import { newFlowId } from '../shared/flow-id.ts';
import { BodyError, type Endpoint, type Exchange, readForm, redirect } from '../shared/http.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { LoginRequest } from '../shared/login-request.ts';
import type { Pages } from '../shared/pages/pages.ts';
import type { FinishLogin, Login } from './login.ts';
import { type LoginStates, loginContext } from './login-state.ts';

/** Why the dev login does not answer: it signs anybody in, so it is for this computer alone. */
export type DevLoginRefusal =
  | 'peer_not_loopback'
  | 'host_not_loopback'
  | 'trust_proxy'
  | 'forwarded_header'
  | 'issuer_not_loopback';

type ExpressRequest = IncomingMessage & { readonly app?: { get(name: string): unknown } };

/** @returns the refusal, or undefined for a request made on this computer without any proxy between */
export function checkDevLogin(req: IncomingMessage, issuer: Issuer): DevLoginRefusal | undefined {
  if (!issuer.isLoopback) return 'issuer_not_loopback';
  const trust = (req as ExpressRequest).app?.get('trust proxy');
  if (trust !== undefined && trust !== false) return 'trust_proxy';
  if (
    Object.keys(req.headers).some((name) => name === 'forwarded' || name === 'via' || name.startsWith('x-forwarded-'))
  )
    return 'forwarded_header';
  if (!isLoopbackAddress((req.socket.remoteAddress ?? '').replace(/^::ffff:/, ''))) return 'peer_not_loopback';
  const host = URL.parse(`http://${req.headers.host ?? ''}`);
  return host && isLoopbackHost(host.hostname) ? undefined : 'host_not_loopback';
}

export interface DevLoginOptions {
  readonly states: LoginStates;
  readonly events: EventSink;
  readonly finish: FinishLogin;
  readonly pages: Pages;
  /** Path of the page, without the issuer's prefix. */
  readonly path: string;
}

/** Stands in for an identity provider during development: same states, same binding to the browser. */
export function createDevLogin({ states, events, finish, pages, path }: DevLoginOptions): Login {
  async function signIn(exchange: Exchange): Promise<void> {
    const form = await readForm(exchange.req);
    const state = await states.take(exchange, form.get('state'));
    if (typeof state === 'string') return finish.refuse(exchange, state);
    // No U+0000 and no half of a surrogate pair: not every store can keep them.
    const field = (key: string, length: number) =>
      [...(form.get(key) ?? '').replaceAll('\0', '').trim()].slice(0, length).join('');
    const name = field('name', 200) || 'dev-browser-user';
    const roles = field('roles', 500)
      .split(/[\s,]+/)
      .filter(Boolean);
    const identity = { iss: `${exchange.issuer.identifier}${path}`, sub: name, roles, claims: { name } };
    await finish.succeed(exchange, state, { identity });
  }

  const endpoint: Endpoint = async (exchange) => {
    const { req, url, issuer } = exchange;
    const refusal = checkDevLogin(req, issuer);
    if (refusal) {
      const flowId = newFlowId();
      events.emit({ type: 'login.failed', flowId, reason: `dev login: ${refusal}` });
      return pages.send(exchange, 'error', { kind: 'devLoginRefused', flowId }, { status: 403 });
    }
    if (req.method === 'POST') {
      try {
        return await signIn(exchange);
      } catch (error) {
        if (!(error instanceof BodyError)) throw error;
        return finish.refuse(exchange, 'state_missing');
      }
    }
    const state = url.searchParams.get('state');
    const found = await states.peek(exchange, state);
    if (typeof found === 'string') return finish.refuse(exchange, found);
    const formAction = found.redirectSource === undefined ? [] : [found.redirectSource];
    const content = { action: `${issuer.pathPrefix}${path}`, state: state as string };
    pages.send(exchange, 'devLogin', content, { formAction, uiLocales: url.searchParams.get('ui_locales') });
  };

  return {
    async start(exchange, { uid, flowId, clientId, resource, expiresAt, redirectSource, uiLocales }: LoginRequest) {
      const ttlSeconds = Math.max(1, expiresAt - Math.floor(Date.now() / 1000));
      const login = { uid, flowId, clientId, ...resourceMember(resource), redirectSource, nonce: '', codeVerifier: '' };
      const state = await states.begin(exchange, login, ttlSeconds);
      events.emit({ type: 'login.started', ...loginContext(login) });
      const query = new URLSearchParams({ state, ...(uiLocales !== undefined && { ui_locales: uiLocales }) });
      redirect(exchange.res, `${exchange.issuer.identifier}${path}?${query}`);
    },
    callback: endpoint,
  };
}
