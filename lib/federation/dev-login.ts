import type { IncomingMessage } from 'node:http';
import { isLoopbackAddress, isLoopbackHost } from '../shared/address-policy.ts';
import type { EventSink } from '../shared/events.ts';
import { html } from '../shared/html.ts';
import { BodyError, type Endpoint, type Exchange, readForm, redirect } from '../shared/http.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { LoginRequest } from '../shared/login-request.ts';
import { errorPage, type Page, sendPage } from '../shared/page.ts';
import type { FinishLogin, Login } from './login.ts';
import type { LoginStates } from './login-state.ts';

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

interface DevLoginModel {
  readonly action: string;
  readonly state: string;
  /** `form-action` sources: the redirects that follow the form end at the client. */
  readonly formAction: readonly string[];
}

/** A name and roles, no password. */
export function devLoginPage({ action, state, formAction }: DevLoginModel): Page {
  return {
    title: 'Development sign-in',
    formAction,
    body: html`<p class="warn">Anyone on this computer can sign in as anyone here. This page does not exist in production.</p>
<form method="post" action="${action}"><input type="hidden" name="state" value="${state}">
<label for="name">Name</label><input id="name" name="name" value="dev-browser-user" required maxlength="200" autocomplete="off">
<label for="roles">Roles, separated by spaces</label><input id="roles" name="roles" maxlength="500" autocomplete="off">
<div class="actions"><button>Sign in</button></div></form>`,
  };
}

export interface DevLoginOptions {
  readonly states: LoginStates;
  readonly events: EventSink;
  readonly finish: FinishLogin;
  /** Path of the page, without the issuer's prefix. */
  readonly path: string;
}

/** Stands in for an identity provider during development: same states, same binding to the browser. */
export function createDevLogin({ states, events, finish, path }: DevLoginOptions): Login {
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
    await finish.succeed(exchange, state, {
      iss: `${exchange.issuer.identifier}${path}`,
      sub: name,
      roles,
      claims: { name },
    });
  }

  const endpoint: Endpoint = async (exchange) => {
    const { req, res, url, issuer } = exchange;
    const refusal = checkDevLogin(req, issuer);
    if (refusal) {
      events.emit({ type: 'login.failed', reason: `dev login: ${refusal}` });
      return sendPage(
        res,
        403,
        errorPage({
          title: 'Not available here',
          explanation: 'The development sign-in answers only requests made on the same computer.',
        }),
      );
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
    sendPage(res, 200, devLoginPage({ action: `${issuer.pathPrefix}${path}`, state: state as string, formAction }));
  };

  return {
    async start(exchange, { uid, flowId, clientId, expiresAt, redirectSource }: LoginRequest) {
      const ttlSeconds = Math.max(1, expiresAt - Math.floor(Date.now() / 1000));
      const login = { uid, flowId, clientId, redirectSource, nonce: '', codeVerifier: '' };
      const state = await states.begin(exchange, login, ttlSeconds);
      events.emit({ type: 'login.started', flowId, clientId });
      redirect(exchange.res, `${exchange.issuer.identifier}${path}?state=${state}`);
    },
    callback: endpoint,
  };
}
