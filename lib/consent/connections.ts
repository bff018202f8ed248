import { beginBrowserSession, browserSession } from '../shared/browser-session.ts';
import { cookieNames } from '../shared/cookie-names.ts';
import type { EventSink } from '../shared/events.ts';
import { newFlowId } from '../shared/flow-id.ts';
import { BodyError, type Endpoint, type Exchange, readForm, redirect, setCookie } from '../shared/http.ts';
import { type Identities, type Identity, nameOf } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { LoginRequest } from '../shared/login-request.ts';
import type { OidcProvider } from '../shared/oidc-provider.ts';
import { foreignForm } from '../shared/own-form.ts';
import type { ConnectedClient, ConnectedUpstream } from '../shared/pages/models.ts';
import type { PageContent, Pages } from '../shared/pages/pages.ts';
import { recordId } from '../shared/record-ids.ts';
import type { Resources } from '../shared/resources.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import { type ClientGrant, connectedClients } from './connected-clients.ts';

export interface ConnectionsOptions {
  readonly provider: (issuer: Issuer) => Promise<{ provider: OidcProvider }>;
  readonly resources: Resources;
  readonly identities: Identities;
  readonly keyRing: KeyRingSource;
  readonly events: EventSink;
  readonly pages: Pages;
  readonly grants: {
    list(
      issuer: Issuer,
      accountId: string,
      page: { limit: number; after?: string },
    ): Promise<{ grants: readonly ClientGrant[]; next: string | undefined }>;
    endAll(owner: { readonly index: 'account'; readonly key: string }, clientId?: string): Promise<number>;
  };
  readonly upstreams: {
    connections(
      issuer: Issuer,
      identity: Identity,
    ): Promise<readonly { upstream: string; displayName: string; connectedAt: number }[]>;
    disconnect(issuer: Issuer, identity: Identity, upstream: string): Promise<boolean>;
  };
  /** Ends every session and every grant of a person. */
  readonly endEverything: (issuer: Issuer, identity: Identity) => Promise<unknown>;
  /** Ends the login where it was made. @returns where the browser goes */
  readonly leave: (exchange: Exchange, signInId: string | undefined) => Promise<string>;
  readonly endSession: (issuer: Issuer, uid: string) => Promise<void>;
  /** Ends a session here that rests on one of the app's which is over. */
  readonly settleSession: (exchange: Exchange) => Promise<void>;
  readonly isOperatorClient: (clientId: string) => boolean;
  readonly startLogin: (exchange: Exchange, login: LoginRequest) => Promise<void>;
  /** Seconds that a sign-in may take, and that a session lasts. */
  readonly stateTtlSeconds: number;
  readonly sessionTtlSeconds: number;
  /** Paths without the issuer's prefix. */
  readonly paths: { readonly endSession: string };
}

/** The page on which a person sees and ends what applications may do in their name. */
export interface Connections {
  readonly endpoint: Endpoint;
  /** Ends a login: one for this page here, every other one by `next`. */
  completeLogin<Login extends { readonly accountId: string; readonly signInId: string }>(
    next: (exchange: Exchange, uid: string, login: Login) => Promise<boolean>,
  ): (exchange: Exchange, uid: string, login: Login) => Promise<boolean>;
  /** The same for a login that failed. */
  failLogin(
    next: (exchange: Exchange, uid: string, error: LoginFailure) => Promise<boolean>,
  ): (exchange: Exchange, uid: string, error: LoginFailure) => Promise<boolean>;
}

/** What went wrong with a login, as a client may know it. */
interface LoginFailure {
  readonly code: string;
  readonly description: string;
  readonly flowId: string;
}

/** Begins the uid of logins for this page; its path follows. */
const loginUid = 'connections.';

/** Grants on one page: more than nearly anybody has. Each is one record. */
const grantsPerPage = 500;

/** Parameter of the page's own address: where the page before ended. */
const afterParameter = 'after';
const recordIdPattern = /^[\w:-]{1,128}$/;

const notices = ['revoked', 'disconnected'] as const;

const nowSeconds = () => Math.floor(Date.now() / 1000);

interface Person {
  readonly uid: string;
  readonly accountId: string;
  readonly identity: Identity;
  /** The sign-in that the session rests on. */
  readonly signInId: string | undefined;
}

export function createConnections(options: ConnectionsOptions): Connections {
  const { pages, grants, upstreams, events } = options;
  const csrfText = (uid: string) => `connections:${uid}`;
  const pathOf = ({ issuer, path }: Exchange) => `${issuer.pathPrefix}${path}`;

  /** Who is signed in at this browser. */
  async function personAt(exchange: Exchange): Promise<Person | undefined> {
    const { provider } = await options.provider(exchange.issuer);
    const { uid, accountId, acr: signInId } = await browserSession(provider, exchange);
    const identity = accountId === undefined ? undefined : await options.identities.find(exchange.issuer, accountId);
    return accountId !== undefined && identity ? { uid, accountId, identity, signInId } : undefined;
  }

  function signIn(exchange: Exchange): Promise<void> {
    return options.startLogin(exchange, {
      uid: `${loginUid}${exchange.path}`,
      flowId: newFlowId(),
      clientId: '',
      expiresAt: nowSeconds() + options.stateTtlSeconds,
      redirectSource: "'self'",
    });
  }

  /** Clients with grants after this one. @returns also where the next page begins */
  async function clientsOf(
    issuer: Issuer,
    accountId: string,
    start: string | undefined,
  ): Promise<{ clients: ConnectedClient[]; next: string | undefined }> {
    const found: ClientGrant[] = [];
    let after = start;
    do {
      const page = await grants.list(issuer, accountId, { limit: 100, ...(after !== undefined && { after }) });
      found.push(...page.grants);
      after = page.next;
    } while (after !== undefined && found.length < grantsPerPage);
    const { provider } = await options.provider(issuer);
    const clients = await connectedClients(issuer, provider, options.resources, options.isOperatorClient, found);
    return { clients, next: after };
  }

  async function show(exchange: Exchange, { uid, accountId, identity }: Person): Promise<void> {
    const { issuer, url } = exchange;
    const given = url.searchParams.get(afterParameter) ?? '';
    const start = recordIdPattern.test(given) ? given : undefined;
    const [{ clients, next }, kept, ring] = await Promise.all([
      clientsOf(issuer, accountId, start),
      upstreams.connections(issuer, identity),
      options.keyRing(),
    ]);
    const notice = notices.find((name) => name === url.searchParams.get('done'));
    const content: PageContent<'connections'> = {
      account: nameOf(identity),
      clients,
      upstreams: kept.map(
        ({ upstream: id, displayName: name, connectedAt }): ConnectedUpstream => ({ id, name, connectedAt }),
      ),
      ...(notice && { notice }),
      ...(next !== undefined && { moreUrl: `${pathOf(exchange)}?${afterParameter}=${encodeURIComponent(next)}` }),
      ...(start !== undefined && { startUrl: pathOf(exchange) }),
      now: nowSeconds(),
      action: pathOf(exchange),
      csrf: ring.sign('csrf', csrfText(uid)),
      signOutUrl: `${issuer.pathPrefix}${options.paths.endSession}`,
    };
    // Signing out leads on to the identity provider, and to whomever it tells.
    pages.send(exchange, 'connections', content, { formAction: [issuer.isLoopback ? 'http:' : 'https:'] });
  }

  async function change(exchange: Exchange, person: Person): Promise<void> {
    const { issuer, res } = exchange;
    const form = await readForm(exchange.req);
    const foreign = foreignForm(exchange, await options.keyRing(), csrfText(person.uid), form.get('csrf'));
    // Of another session or site: back to the list, with forms of this session, and nothing has happened.
    if (foreign !== undefined) {
      events.emit({ type: 'authorization.refused', reason: `connections: ${foreign}` });
      return redirect(res, `${issuer.identifier}${exchange.path}`);
    }
    if (form.get('decision') === 'sign-out') {
      const location = await options.leave(exchange, person.signInId); // While it is known where that was.
      await options.endEverything(issuer, person.identity);
      const { session: cookie } = cookieNames(issuer);
      for (const name of [cookie, `${cookie}.sig`]) setCookie(res, issuer, name, '', 0);
      return redirect(res, location);
    }
    const done = await act(issuer, person, form);
    redirect(res, `${issuer.identifier}${exchange.path}${done === undefined ? '' : `?done=${done}`}`);
  }

  async function act(
    issuer: Issuer,
    { accountId, identity }: Person,
    form: URLSearchParams,
  ): Promise<(typeof notices)[number] | undefined> {
    const owner = { index: 'account', key: recordId(issuer, accountId) } as const;
    switch (form.get('decision')) {
      case 'revoke': {
        const clientId = form.get('client') ?? '';
        const ended = clientId === '' ? 0 : await grants.endAll(owner, clientId);
        events.emit({
          type: 'token.revoked',
          grants: ended,
          subject: accountId,
          clientId,
          reason: 'connections: revoke',
        });
        return 'revoked';
      }
      case 'revoke-all':
        events.emit({
          type: 'token.revoked',
          grants: await grants.endAll(owner),
          subject: accountId,
          reason: 'connections: revoke all',
        });
        return 'revoked';
      case 'disconnect':
        return (await upstreams.disconnect(issuer, identity, form.get('upstream') ?? '')) ? 'disconnected' : undefined;
    }
  }

  return {
    async endpoint(exchange) {
      const { req, res } = exchange;
      if (req.method !== 'GET' && req.method !== 'POST') {
        res.setHeader('allow', 'GET, POST');
        return pages.send(exchange, 'error', { kind: 'notUsable', code: 'invalid_request' }, { status: 405 });
      }
      await options.settleSession(exchange);
      const person = await personAt(exchange);
      // A form of a session that has ended changes nothing: the list comes after the sign-in.
      if (!person) return signIn(exchange);
      if (req.method === 'GET') return show(exchange, person);
      try {
        await change(exchange, person);
      } catch (error) {
        if (!(error instanceof BodyError)) throw error;
        events.emit({ type: 'authorization.refused', reason: `connections: ${error.message}` });
        redirect(res, `${exchange.issuer.identifier}${exchange.path}`);
      }
    },

    completeLogin: (next) => async (exchange, uid, login) => {
      if (!uid.startsWith(loginUid)) return next(exchange, uid, login);
      const { provider } = await options.provider(exchange.issuer);
      const present = await browserSession(provider, exchange);
      if (present.accountId !== undefined) await options.endSession(exchange.issuer, present.uid);
      await beginBrowserSession(provider, exchange, login, options.sessionTtlSeconds);
      redirect(exchange.res, `${exchange.issuer.identifier}${uid.slice(loginUid.length)}`);
      return true;
    },

    failLogin: (next) => async (exchange, uid, error) => {
      if (!uid.startsWith(loginUid)) return next(exchange, uid, error);
      const back = { label: 'tryAgain', href: `${exchange.issuer.pathPrefix}${uid.slice(loginUid.length)}` } as const;
      const isOutage = error.code === 'temporarily_unavailable';
      const { code, flowId } = error;
      const content = { kind: isOutage ? 'unavailable' : 'signInFailed', code, flowId, next: back } as const;
      pages.send(exchange, 'error', content, { status: isOutage ? 503 : 403 });
      return true;
    },
  };
}
