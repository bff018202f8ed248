import { endpointUrl } from '../shared/endpoint-paths.ts';
import { type Endpoint, type Exchange, redirect } from '../shared/http.ts';
import { nameOf } from '../shared/identity.ts';
import type { ApprovedLogin } from '../shared/login-request.ts';
import type { PageContent } from '../shared/pages/pages.ts';
import { isReady, notConnectedName } from '../shared/pages/upstream-list.ts';
import { readConnectForm } from './connect-form.ts';
import type { ConnectJourney } from './connect-journey.ts';
import type { ConnectRefusals } from './connect-refusal.ts';
import { createBrowserRecords } from './connect-states.ts';
import type { ConnectOptions, LoginContinuation } from './connectable-upstream.ts';
import type { OfferedUpstreams } from './offered-upstreams.ts';

export interface ConnectLogin {
  /** Where there are upstreams to offer, shows them; the continuation then goes on with the login. @returns whether it did */
  offer(exchange: Exchange, login: ApprovedLogin): Promise<boolean>;
  /** `/oauth/connect/login/:id` */
  readonly endpoint: Endpoint;
}

/** What a login is told where it was refused on this page (RFC 6749 section 4.1.2.1). */
const denial = { code: 'access_denied', description: 'the person refused the request' };

/** The page between a login and its code (DESIGN.md 4.4): upstreams, each with its way to connect it. */
export function createConnectLogin(
  options: ConnectOptions,
  continuation: LoginContinuation,
  { offered, journey, refusals }: { offered: OfferedUpstreams; journey: ConnectJourney; refusals: ConnectRefusals },
): ConnectLogin {
  const { identities, keyRing, pages, paths } = options;
  const logins = createBrowserRecords<ApprovedLogin>('ConnectLogin', options.storage, keyRing);

  async function show(exchange: Exchange, login: ApprovedLogin, csrf: string): Promise<void> {
    const { issuer, url } = exchange;
    const identity = await identities.find(issuer, login.account);
    const upstreams = await offered.list(issuer, login.account, login.path);
    const failed = notConnectedName(upstreams, url);
    const content: PageContent<'connectList'> = {
      ...(login.clientName !== undefined && { clientName: login.clientName }),
      account: identity ? nameOf(identity) : 'you',
      upstreams,
      ...(failed !== undefined && { notConnected: failed }),
      action: `${issuer.pathPrefix}${exchange.path}`,
      csrf,
    };
    const { redirectSource, uiLocales } = login;
    pages.send(exchange, 'connectList', content, { formAction: [redirectSource, anywhere(exchange)], uiLocales });
  }

  /** @returns false where it was finished meanwhile */
  async function end(exchange: Exchange, name: string, decision: 'continue' | 'deny'): Promise<boolean> {
    const login = await logins.take(exchange, name);
    if (!login) return false;
    if (decision === 'deny') return continuation.fail(exchange, login.uid, denial);
    return continuation.finish(exchange, login);
  }

  return {
    async offer(exchange, login) {
      const { issuer } = exchange;
      const upstreams = await offered.list(issuer, login.account, login.path);
      if (upstreams.every(({ isConnected }) => isConnected)) return false;
      const ttlSeconds = Math.max(1, login.expiresAt - Math.floor(Date.now() / 1000));
      const name = await logins.begin(exchange, login, ttlSeconds);
      redirect(exchange.res, endpointUrl(issuer, `${paths.connectLogin}/${name}`));
      return true;
    },

    async endpoint(exchange) {
      if (!refusals.allow(exchange, 'GET', 'POST')) return;
      const { issuer, path, req } = exchange;
      const name = path.slice(path.lastIndexOf('/') + 1);
      const login = await logins.peek(exchange, name);
      if (!login) {
        return refusals.refuse(exchange, 'linkExpired', 'login: finished, expired or of another browser');
      }
      const { account } = login;
      const ring = await keyRing();
      const text = `connect ${name} ${account}`;
      if (req.method === 'POST') {
        const form = await readConnectForm(exchange, ring, text);
        if (!form) return refusals.refuse(exchange, 'linkExpired', 'login: not a form of this page');
        const decision = form.get('decision');
        if (decision === 'connect') {
          const chosen = await offered.find(issuer, account, login.path, form.get('upstream') ?? '');
          if (chosen) return journey.leave(exchange, chosen, { account, returnTo: path });
        }
        const mayGoOn = decision === 'continue' && isReady(await offered.list(issuer, account, login.path));
        if (decision === 'deny' || mayGoOn) {
          if (await end(exchange, name, decision)) return;
          return refusals.refuse(exchange, 'linkExpired', 'login: finished');
        }
      }
      await show(exchange, login, ring.sign('csrf', text));
    },
  };
}

/** Where a form that leads to an upstream may end up. `http:` stands for https too (CSP 3 section 6.7.2.8). */
export function anywhere({ issuer }: Pick<Exchange, 'issuer'>): string {
  return issuer.isLoopback ? 'http:' : 'https:';
}
