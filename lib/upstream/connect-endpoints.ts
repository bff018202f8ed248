import { endpointUrl } from '../shared/endpoint-paths.ts';
import { type Exchange, redirect } from '../shared/http.ts';
import { nameOf } from '../shared/identity.ts';
import type { PageContent } from '../shared/pages/pages.ts';
import { isReady } from '../shared/pages/upstream-list.ts';
import { readConnectForm } from './connect-form.ts';
import { createConnectJourney } from './connect-journey.ts';
import { type ConnectLink, linkSeconds } from './connect-links.ts';
import { anywhere, createConnectLogin } from './connect-login.ts';
import { createConnectRefusals } from './connect-refusal.ts';
import { createBrowserRecords } from './connect-states.ts';
import type {
  ConnectableUpstream,
  ConnectEndpoints,
  ConnectOptions,
  LoginContinuation,
} from './connectable-upstream.ts';
import { createOfferedUpstreams } from './offered-upstreams.ts';

/** Begins the uid of logins that a link has asked for. */
export const connectUid = 'connect.';

export function createConnectEndpoints(options: ConnectOptions, continuation: LoginContinuation): ConnectEndpoints {
  const { events, pages, identities, links, paths, keyRing } = options;
  const refusals = createConnectRefusals(events, pages);
  const { refuse, allow } = refusals;
  const offered = createOfferedUpstreams(options);
  const journey = createConnectJourney(options, refusals);
  const login = createConnectLogin(options, continuation, { offered, journey, refusals });
  const proofs = createBrowserRecords<{ account: string; link: string }>('ConnectProof', options.storage, keyRing);

  /** Who is at the browser: by a login for this very link, or by the session here. */
  async function accountAt(
    exchange: Exchange,
    linkId: string,
  ): Promise<{ account: string; isFresh: boolean } | undefined> {
    const proof = await proofs.peek(exchange, exchange.url.searchParams.get('login'));
    if (proof?.link === linkId) return { account: proof.account, isFresh: true };
    const account = await options.sessionAccount(exchange);
    return account === undefined ? undefined : { account, isFresh: false };
  }

  async function signIn(exchange: Exchange, linkId: string, { account }: ConnectLink): Promise<void> {
    const knownAt = (await identities.find(exchange.issuer, account))?.iss;
    return options.startLogin(exchange, {
      ...(knownAt !== undefined && { knownAt }),
      uid: `${connectUid}${linkId}`,
      flowId: linkId.slice(0, 8),
      clientId: '',
      expiresAt: Math.floor(Date.now() / 1000) + linkSeconds,
      redirectSource: "'self'",
    });
  }

  async function showLink(
    exchange: Exchange,
    linkId: string,
    link: ConnectLink,
    upstream: ConnectableUpstream,
  ): Promise<void> {
    const identity = await identities.find(exchange.issuer, link.account);
    const proof = exchange.url.searchParams.get('login');
    const query = proof === null ? '' : `?login=${encodeURIComponent(proof)}`;
    const content: PageContent<'connect'> = {
      upstream: await offered.card(upstream, exchange.issuer, link.account),
      account: identity ? nameOf(identity) : 'you',
      action: `${exchange.issuer.pathPrefix}${exchange.path}${query}`,
      csrf: (await keyRing()).sign('csrf', `connect ${linkId} ${link.account}`),
    };
    pages.send(exchange, 'connect', content, { formAction: [anywhere(exchange)] });
  }

  return {
    async link(exchange) {
      if (!allow(exchange, 'GET', 'POST')) return;
      const linkId = exchange.path.slice(exchange.path.lastIndexOf('/') + 1);
      const link = await links.peek(exchange.issuer, linkId);
      const upstream = link && options.find(link.upstream);
      if (!link || !upstream) return refuse(exchange, 'linkExpired', 'link: unknown, used or expired');
      const person = await accountAt(exchange, linkId);
      // Where a login is all that it takes, an older session is not enough: it is what has not worked.
      if (!person || (!upstream.client && !person.isFresh)) return signIn(exchange, linkId, link);
      if (person.account !== link.account) {
        return refuse(exchange, 'linkOfAnother', 'link: of another account', upstream);
      }
      if (!upstream.client) {
        await links.take(exchange.issuer, linkId);
        events.emit({ type: 'upstream.connected', upstream: upstream.id, subject: link.account });
        return pages.send(exchange, 'connected', { upstreamName: upstream.displayName });
      }
      if (exchange.req.method === 'GET') return showLink(exchange, linkId, link, upstream);
      const form = await readConnectForm(exchange, await keyRing(), `connect ${linkId} ${link.account}`);
      if (form?.get('decision') !== 'connect') {
        return refuse(exchange, 'linkExpired', 'link: not a form of this page', upstream);
      }
      const { account, scopes } = link;
      const mayLeave = async () => (await links.take(exchange.issuer, linkId)) !== undefined;
      return journey.leave(exchange, { ...upstream, client: upstream.client }, { account, scopes, mayLeave });
    },

    callback: journey.callback,
    afterLogin: login.endpoint,
    offer: login.offer,
    list: offered.list,

    async connect(exchange, { account, path, upstream, returnTo }) {
      const chosen = await offered.find(exchange.issuer, account, path, upstream);
      if (!chosen) return false;
      await journey.leave(exchange, chosen, { account, returnTo });
      return true;
    },

    async signedIn(exchange, uid, account) {
      const link = uid.slice(connectUid.length);
      const name = await proofs.begin(exchange, { account, link }, linkSeconds);
      redirect(exchange.res, `${endpointUrl(exchange.issuer, `${paths.connect}/${link}`)}?login=${name}`);
    },

    isReady: async (issuer, account, path) => isReady(await offered.list(issuer, account, path)),
  };
}
