import { endpointUrl } from '../shared/endpoint-paths.ts';
import { newFlowId } from '../shared/flow-id.ts';
import { BodyError, type Exchange, readForm, redirect } from '../shared/http.ts';
import { type Identity, nameOf } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { ApprovedLogin } from '../shared/login-request.ts';
import { foreignForm } from '../shared/own-form.ts';
import type { PageUpstream } from '../shared/pages/models.ts';
import type { PageContent } from '../shared/pages/pages.ts';
import { type ConnectLink, linkSeconds } from './connect-links.ts';
import { createBrowserRecords } from './connect-states.ts';
import type {
  ConnectableUpstream,
  ConnectEndpoints,
  ConnectOptions,
  LoginContinuation,
} from './connectable-upstream.ts';
import type { OAuthClient, PendingAuthorization } from './oauth-client.ts';
import { redirectUriOf } from './redirect-uri.ts';
import { describeUpstreamProblem, UpstreamError } from './upstream-problem.ts';

interface ConnectState extends PendingAuthorization {
  readonly account: string;
  readonly upstream: string;
  /** Name of the pending login that goes on afterwards. */
  readonly login?: string;
}

/** What a person sees where nothing can be connected. */
const refusals = {
  linkExpired: { status: 400, code: 'invalid_request' },
  linkOfAnother: { status: 403, code: 'access_denied' },
  notConnected: { status: 400, code: 'access_denied' },
  serviceUnavailable: { status: 503, code: 'temporarily_unavailable' },
} as const satisfies { [Kind in PageContent<'error'>['kind']]?: { status: number; code: string } };

type Refusal = keyof typeof refusals;

/** Begins the uid of logins that a link has asked for. */
export const connectUid = 'connect.';

const stateSeconds = 900;
const maxCallbackLength = 8 * 1024;

export function createConnectEndpoints(options: ConnectOptions, continuation: LoginContinuation): ConnectEndpoints {
  const { events, pages, identities, vault, links, paths, keyRing, storage } = options;
  const states = createBrowserRecords<ConnectState>('ConnectState', storage, keyRing);
  const logins = createBrowserRecords<ApprovedLogin>('ConnectLogin', storage, keyRing);
  const proofs = createBrowserRecords<{ account: string; link: string }>('ConnectProof', storage, keyRing);

  const lastSegment = (exchange: Exchange) => exchange.path.slice(exchange.path.lastIndexOf('/') + 1);
  /** `http:` stands for https too (CSP 3 section 6.7.2.8). */
  const anywhere = ({ issuer }: Exchange) => (issuer.isLoopback ? 'http:' : 'https:');

  function refuse(exchange: Exchange, refusal: Refusal, reason: string, upstream?: ConnectableUpstream): void {
    const { status, ...content } = refusals[refusal];
    const flowId = newFlowId();
    const values = { service: upstream?.displayName ?? '' };
    events.emit({ type: 'upstream.connect_refused', flowId, reason, ...(upstream && { upstream: upstream.id }) });
    pages.send(exchange, 'error', { kind: refusal, ...content, flowId, values }, { status });
  }

  const card = async (upstream: ConnectableUpstream, issuer: Issuer, account: string): Promise<PageUpstream> => ({
    id: upstream.id,
    name: upstream.displayName,
    host: upstream.host,
    ...(upstream.summary !== undefined && { summary: upstream.summary }),
    isConnected: await vault.has(upstream.keyOf(issuer, account)),
    isRequired: upstream.connect === 'required',
  });

  /** A decision counts only as a form of this page, posted by this browser (RFC 9700 section 4.7). */
  async function readPost(exchange: Exchange, purpose: string): Promise<URLSearchParams | undefined> {
    try {
      const form = await readForm(exchange.req);
      return foreignForm(exchange, await keyRing(), `connect ${purpose}`, form.get('csrf')) ? undefined : form;
    } catch (error) {
      if (error instanceof BodyError) return undefined;
      throw error;
    }
  }

  /** Sends the browser to the upstream's authorization server. */
  async function leave(
    exchange: Exchange,
    upstream: ConnectableUpstream & { client: OAuthClient },
    state: { account: string; scopes: readonly string[]; login?: string },
    used: () => Promise<boolean>,
  ): Promise<void> {
    const { account, scopes, login } = state;
    try {
      // A link is used up only where the way out is known.
      const { url, pending } = await upstream.client.begin(exchange.issuer, scopes);
      if (!(await used())) return refuse(exchange, 'linkExpired', 'link: used or expired', upstream);
      const record = { ...pending, account, upstream: upstream.id, ...(login !== undefined && { login }) };
      const name = await states.begin(exchange, record, stateSeconds);
      const location = new URL(url);
      location.searchParams.set('state', name);
      redirect(exchange.res, location.href);
    } catch (error) {
      notConnected(exchange, upstream, error);
    }
  }

  function notConnected(exchange: Exchange, upstream: ConnectableUpstream, error: unknown): void {
    if (!(error instanceof UpstreamError)) throw error;
    const isOutage = error.problem.reason === 'unreachable';
    refuse(
      exchange,
      isOutage ? 'serviceUnavailable' : 'notConnected',
      describeUpstreamProblem(error.problem),
      upstream,
    );
  }

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
      upstream: await card(upstream, exchange.issuer, link.account),
      account: identity ? nameOf(identity) : 'you',
      isShared: upstream.isShared,
      action: `${exchange.issuer.pathPrefix}${exchange.path}${query}`,
      csrf: (await keyRing()).sign('csrf', `connect ${linkId} ${link.account}`),
    };
    pages.send(exchange, 'connect', content, { formAction: [anywhere(exchange)] });
  }

  async function afterLogin(exchange: Exchange): Promise<void> {
    const name = lastSegment(exchange);
    const login = await logins.peek(exchange, name);
    if (!login) return refuse(exchange, 'linkExpired', 'login: finished, expired or of another browser');
    const identity = await identities.find(exchange.issuer, login.account);
    const offered = identity ? offeredTo(identity, login.path) : [];
    const cards = await Promise.all(offered.map((upstream) => card(upstream, exchange.issuer, login.account)));
    const purpose = `${name} ${login.account}`;
    if (exchange.req.method === 'POST') {
      const form = await readPost(exchange, purpose);
      const decision = form?.get('decision');
      const isReady = cards.every(({ isConnected, isRequired }) => isConnected || !isRequired);
      const chosen = offered.find(({ id }) => id === form?.get('upstream'));
      if (decision === 'connect' && chosen?.client) {
        const target = { ...chosen, client: chosen.client };
        return leave(exchange, target, { account: login.account, scopes: [], login: name }, async () => true);
      }
      const isEnd = (decision === 'continue' && isReady) || decision === 'deny';
      if (isEnd && (await logins.take(exchange, name))) {
        const denial = { code: 'access_denied', description: 'the person refused the request' };
        const isDone =
          decision === 'deny'
            ? await continuation.fail(exchange, login.uid, denial)
            : await continuation.finish(exchange, login);
        if (isDone) return;
      }
      if (!form || isEnd) return refuse(exchange, 'linkExpired', 'login: finished, or not a form of this page');
    }
    const content: PageContent<'connectList'> = {
      ...(login.clientName !== undefined && { clientName: login.clientName }),
      account: identity ? nameOf(identity) : 'you',
      upstreams: cards,
      action: `${exchange.issuer.pathPrefix}${exchange.path}`,
      csrf: (await keyRing()).sign('csrf', `connect ${purpose}`),
    };
    pages.send(exchange, 'connectList', content, { formAction: [login.redirectSource, anywhere(exchange)] });
  }

  /** Upstreams of a route that this person may connect at a login. */
  function offeredTo(identity: Identity, path: string): ConnectableUpstream[] {
    return options
      .all()
      .filter((upstream) => upstream.path === path && upstream.connect !== 'on-demand' && upstream.client)
      .filter((upstream) => upstream.mayConnect(identity));
  }

  function allow(exchange: Exchange, ...methods: string[]): boolean {
    if (methods.includes(exchange.req.method ?? '')) return true;
    exchange.res.setHeader('allow', methods.join(', '));
    pages.send(exchange, 'error', { kind: 'notUsable', code: 'invalid_request' }, { status: 405 });
    return false;
  }

  return {
    async link(exchange) {
      if (!allow(exchange, 'GET', 'POST')) return;
      const linkId = lastSegment(exchange);
      const link = await links.peek(exchange.issuer, linkId);
      const upstream = link && options.find(link.upstream);
      if (!link || !upstream) return refuse(exchange, 'linkExpired', 'link: unknown, used or expired');
      const person = await accountAt(exchange, linkId);
      // Where a login is all that it takes, an older session is not enough: it is what has not worked.
      if (!person || (!upstream.client && !person.isFresh)) {
        const knownAt = (await identities.find(exchange.issuer, link.account))?.iss;
        return options.startLogin(exchange, {
          ...(knownAt !== undefined && { knownAt }),
          uid: `${connectUid}${linkId}`,
          flowId: linkId.slice(0, 8),
          clientId: '',
          expiresAt: Math.floor(Date.now() / 1000) + linkSeconds,
          redirectSource: "'self'",
        });
      }
      if (person.account !== link.account) {
        return refuse(exchange, 'linkOfAnother', 'link: of another account', upstream);
      }
      if (!upstream.client) {
        await links.take(exchange.issuer, linkId);
        events.emit({ type: 'upstream.connected', upstream: upstream.id, subject: link.account });
        return pages.send(exchange, 'connected', { upstreamName: upstream.displayName });
      }
      if (exchange.req.method === 'GET') return showLink(exchange, linkId, link, upstream);
      const form = await readPost(exchange, `${linkId} ${link.account}`);
      if (form?.get('decision') !== 'connect') {
        return refuse(exchange, 'linkExpired', 'link: not a form of this page', upstream);
      }
      const target = { ...upstream, client: upstream.client };
      const isUsed = async () => (await links.take(exchange.issuer, linkId)) !== undefined;
      return leave(exchange, target, link, isUsed);
    },

    async callback(exchange) {
      if (!allow(exchange, 'GET')) return;
      const { searchParams, search } = exchange.url;
      const isRepeated = ['state', 'code', 'error', 'iss'].some((name) => searchParams.getAll(name).length > 1);
      const name = isRepeated || search.length > maxCallbackLength ? null : searchParams.get('state');
      const begun = await states.peek(exchange, name);
      // A code that came to another upstream's redirect URI is that upstream's (RFC 9700 section 4.4).
      if (begun && begun.upstream !== lastSegment(exchange)) {
        return refuse(exchange, 'linkExpired', 'callback: of another upstream');
      }
      const state = begun && (await states.take(exchange, name));
      const upstream = state && options.find(state.upstream);
      if (!state || !upstream?.client) {
        return refuse(exchange, 'linkExpired', 'callback: no connection that this browser began');
      }
      const identity = await identities.find(exchange.issuer, state.account);
      if (!identity || !upstream.mayConnect(identity)) {
        return refuse(exchange, 'linkOfAnother', 'callback: this account may not connect', upstream);
      }
      try {
        // As the redirect URI spells it: token requests repeat that string exactly.
        const callback = new URL(redirectUriOf(exchange.issuer, paths, upstream.id));
        callback.search = search;
        const tokens = await upstream.client.redeem(exchange.issuer, callback, name as string, state);
        await vault.put(upstream.keyOf(exchange.issuer, state.account), tokens);
      } catch (error) {
        if (state.login === undefined || !(error instanceof UpstreamError)) {
          return notConnected(exchange, upstream, error);
        }
        // The page after the login offers it again.
        const reason = describeUpstreamProblem(error.problem);
        events.emit({ type: 'upstream.connect_refused', reason, upstream: upstream.id });
        return redirect(exchange.res, endpointUrl(exchange.issuer, `${paths.connectLogin}/${state.login}`));
      }
      events.emit({ type: 'upstream.connected', upstream: upstream.id, subject: state.account });
      if (state.login === undefined) return pages.send(exchange, 'connected', { upstreamName: upstream.displayName });
      redirect(exchange.res, endpointUrl(exchange.issuer, `${paths.connectLogin}/${state.login}`));
    },

    async afterLogin(exchange) {
      if (allow(exchange, 'GET', 'POST')) await afterLogin(exchange);
    },

    async signedIn(exchange, uid, account) {
      const link = uid.slice(connectUid.length);
      const name = await proofs.begin(exchange, { account, link }, linkSeconds);
      redirect(exchange.res, `${endpointUrl(exchange.issuer, `${paths.connect}/${link}`)}?login=${name}`);
    },

    async isReady(issuer, account, path) {
      const identity = await identities.find(issuer, account);
      const required = identity ? offeredTo(identity, path).filter(({ connect }) => connect === 'required') : [];
      const kept = await Promise.all(required.map(({ keyOf }) => vault.has(keyOf(issuer, account))));
      return kept.every(Boolean);
    },

    async offer(exchange, login) {
      const identity = await identities.find(exchange.issuer, login.account);
      const offered = identity ? offeredTo(identity, login.path) : [];
      const kept = await Promise.all(offered.map(({ keyOf }) => vault.has(keyOf(exchange.issuer, login.account))));
      if (kept.every(Boolean)) return false;
      const ttlSeconds = Math.max(1, login.expiresAt - Math.floor(Date.now() / 1000));
      const name = await logins.begin(exchange, login, ttlSeconds);
      redirect(exchange.res, endpointUrl(exchange.issuer, `${paths.connectLogin}/${name}`));
      return true;
    },
  };
}
