import { ConfigurationError } from '../errors.ts';
import { browserSession } from '../shared/browser-session.ts';
import type { EndpointPaths } from '../shared/endpoint-paths.ts';
import type { EventSink } from '../shared/events.ts';
import { type Endpoint, type Exchange, sendJson } from '../shared/http.ts';
import { accountIdOf, type Identities, type Identity } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { IssuerResolver } from '../shared/issuer-resolver.ts';
import type { LoginRequest } from '../shared/login-request.ts';
import type { OidcProvider } from '../shared/oidc-provider.ts';
import type { Outbound } from '../shared/outbound.ts';
import { namedHosts } from '../shared/outbound-hosts.ts';
import type { Pages } from '../shared/pages/pages.ts';
import type { ProviderTokenSource } from '../shared/provider-tokens.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import type { UpstreamCredential, UpstreamCredentials } from '../shared/upstream-credentials.ts';
import type { Storage } from '../storage/storage.ts';
import type { Caller } from './caller.ts';
import { createClientKeys } from './client-keys.ts';
import { createClientRegistration } from './client-registration.ts';
import type { LinkOffer } from './connect-answer.ts';
import { connectUid, createConnectEndpoints } from './connect-endpoints.ts';
import { createConnectLinks } from './connect-links.ts';
import type { ConnectableUpstream, ConnectEndpoints, LoginContinuation } from './connectable-upstream.ts';
import { readUpstreamMode } from './credentials.ts';
import { createDiscovery } from './discovery.ts';
import { createLinkLogins } from './link-logins.ts';
import { createLegacyClients } from './mcp-client.ts';
import { createOAuthClient, type OAuthClient } from './oauth-client.ts';
import { createExchange } from './provider-token-exchange.ts';
import type { IdJagUpstream, TokenExchangeUpstream } from './provider-token-upstreams.ts';
import { createStaticCredentials } from './static-headers.ts';
import { createTokenCredentials, type TokenUpstream } from './token-credentials.ts';
import type { OAuthUpstream } from './user-oauth.ts';
import { createVault, type Renew, type VaultKey } from './vault.ts';

/** A proxied route, as far as its credential goes. */
export interface UpstreamRoute {
  readonly target: string;
  readonly upstream?: UpstreamCredential;
}

export interface UpstreamsOptions {
  readonly storage: Storage;
  readonly keyRing: KeyRingSource;
  readonly events: EventSink;
  readonly pages: Pages;
  readonly identities: Identities;
  readonly issuerOf: IssuerResolver;
  readonly paths: EndpointPaths;
  /** A client that may also reach these internal `host:port`. */
  readonly outbound: (internalHosts: readonly string[]) => Outbound;
  readonly provider: (issuer: Issuer) => Promise<{ readonly provider: OidcProvider }>;
  readonly startLogin: (exchange: Exchange, login: LoginRequest) => Promise<void>;
  readonly continuation: LoginContinuation;
  /** What the identity provider gave at logins. */
  readonly providerTokens: Pick<ProviderTokenSource, 'forGrant' | 'require'>;
  /** Grants made in one sign-in end with it. */
  readonly bindGrant: (issuer: Issuer, grantId: string, signInId: string) => Promise<void>;
}

/** The upstream stage of one instance. */
export interface Upstreams {
  /**
   * The credentials of a route's upstream; undefined where it needs none.
   * @throws ConfigurationError where another route has an upstream of the same id
   */
  credentialsOf(route: UpstreamRoute, path: string): UpstreamCredentials | undefined;
  readonly connect: ConnectEndpoints;
  /** Ends a login: one for a link here, every other one by `next`. */
  completeLogin<Login extends { readonly accountId: string; readonly signInId: string }>(
    next: (exchange: Exchange, uid: string, login: Login) => Promise<boolean>,
  ): (exchange: Exchange, uid: string, login: Login) => Promise<boolean>;
  /** The published metadata document of an upstream; undefined for an id that none has. */
  clientDocument(id: string): Endpoint | undefined;
  /** `/oauth/client-jwks` */
  readonly clientJwks: Endpoint;
  /** Upstreams that a person is connected to. */
  connections(issuer: Issuer, identity: Pick<Identity, 'iss' | 'sub'>): Promise<UpstreamConnection[]>;
  /** Ends a connection and revokes its tokens at the upstream (RFC 7009). @returns false where there was none */
  disconnect(issuer: Issuer, identity: Pick<Identity, 'iss' | 'sub'>, upstream: string): Promise<boolean>;
}

/** A person's connection to an upstream. */
export interface UpstreamConnection {
  readonly upstream: string;
  readonly displayName: string;
  /** UNIX seconds. */
  readonly connectedAt: number;
}

interface Registered {
  readonly path: string;
  readonly upstream: ConnectableUpstream;
}

/** Of tokens that everybody uses; no account has this name, since accounts are digests. */
const sharedAccount = 'shared';

export function createUpstreams(options: UpstreamsOptions): Upstreams {
  const { storage, keyRing, events, issuerOf, paths } = options;
  const vault = createVault(storage, keyRing);
  const links = createConnectLinks(storage);
  const legacyClients = createLegacyClients(storage);
  const keys = createClientKeys(storage, keyRing);
  const registration = createClientRegistration({ storage, keyRing, keys, paths });
  const logins = createLinkLogins(storage, options.bindGrant);
  const registered = new Map<string, Registered>();
  const oauthUpstreams = new Map<string, OAuthUpstream>();

  function register(path: string, upstream: ConnectableUpstream): void {
    const other = registered.get(upstream.id);
    if (other && other.path !== path) {
      const message = `the upstream id '${upstream.id}' is that of ${other.path} already: each upstream needs its own`;
      throw new ConfigurationError('proxy(path, options)', [{ option: 'upstream.id', message }]);
    }
    registered.set(upstream.id, { path, upstream });
  }

  async function createLink(
    caller: Caller,
    upstream: ConnectableUpstream,
    scopes: readonly string[],
  ): Promise<LinkOffer> {
    if (!upstream.mayConnect(caller.identity)) return {};
    const { issuer, account } = caller;
    const id = await links.create(issuer, { upstream: upstream.id, account, scopes });
    return id === undefined ? { isLimited: true } : { url: `${issuer.identifier}${paths.connect}/${id}` };
  }

  /** Tells that a connection has ended: the person has to connect again. */
  function watched(renew: Renew, upstream: string, account: string): Renew {
    return async (current) => {
      const renewal = await renew(current);
      if (renewal.kind === 'ended') {
        events.emit({ type: 'upstream.connection_ended', upstream, subject: account, reason: renewal.reason });
      }
      return renewal;
    };
  }

  function oauth(mode: OAuthUpstream, route: UpstreamRoute, path: string): UpstreamCredentials {
    const hosts = namedHosts([route.target, mode.protectedResourceMetadataUrl, mode.authorizationServer]);
    const outbound = options.outbound(hosts);
    const client: OAuthClient = createOAuthClient({
      upstream: mode,
      target: route.target,
      outbound,
      discovery: createDiscovery(outbound),
      registration,
      paths,
    });
    const isShared = mode.mode === 'shared-oauth';
    const keyOf = (issuer: Issuer, account: string): VaultKey => ({
      issuer,
      account: isShared ? sharedAccount : account,
      upstream: mode.id,
    });
    const { id, displayName, connect, summary, connectTool } = mode;
    const mayConnect = (identity: Identity) => mode.mayConnect === undefined || mode.mayConnect(identity) === true;
    const host = new URL(route.target).host;
    const about = { id, displayName, host, path, connect, isShared, mayConnect, keyOf, client };
    const connectable: ConnectableUpstream = { ...about, ...(summary !== undefined && { summary }) };
    register(path, connectable);
    oauthUpstreams.set(id, mode);
    const upstream: TokenUpstream = {
      id,
      displayName,
      connectTool,
      canStart: false,
      offersAfterRefusal: true,
      keyOf: ({ issuer, account }) => keyOf(issuer, account),
      renew: ({ issuer, account }) =>
        watched(
          async (current) =>
            current ? client.refresh(issuer, current) : { kind: 'ended', reason: 'there are no tokens' },
          id,
          isShared ? sharedAccount : account,
        ),
      discard:
        ({ issuer }) =>
        (tokens) =>
          client.revoke(issuer, tokens),
      link: (caller, scopes) => createLink(caller, connectable, scopes),
    };
    return createTokenCredentials(upstream, path, { vault, legacyClients, issuerOf, events });
  }

  /** Upstreams whose tokens come of the identity provider's: a login here is all that a user can do for them. */
  function exchanged(
    mode: IdJagUpstream | TokenExchangeUpstream,
    route: UpstreamRoute,
    path: string,
  ): UpstreamCredentials {
    options.providerTokens.require();
    const urls = mode.mode === 'id-jag' ? [mode.idp.tokenUrl, mode.resourceAs.tokenUrl] : [mode.tokenUrl];
    const outbound = options.outbound(namedHosts(urls));
    const exchange = createExchange({ outbound, keys, providerTokens: options.providerTokens, loginOf: logins.find });
    const { id, displayName, connectTool } = mode;
    const keyOf = (issuer: Issuer, account: string): VaultKey => ({ issuer, account, upstream: id });
    const about = { id, displayName, host: new URL(route.target).host, path, keyOf };
    const connectable = { ...about, connect: 'on-demand', isShared: false, mayConnect: () => true } as const;
    register(path, connectable);
    const upstream: TokenUpstream = {
      id,
      displayName,
      connectTool,
      canStart: true,
      offersAfterRefusal: false,
      keyOf: ({ issuer, account }) => keyOf(issuer, account),
      renew: (caller) => () =>
        mode.mode === 'id-jag' ? exchange.idJag(mode, route.target, caller) : exchange.tokenExchange(mode, caller),
      link: (caller, scopes) => createLink(caller, connectable, scopes),
    };
    return createTokenCredentials(upstream, path, { vault, legacyClients, issuerOf, events });
  }

  const connect = createConnectEndpoints(
    {
      ...options,
      vault,
      links,
      find: (id) => registered.get(id)?.upstream,
      all: () => [...registered.values()].map(({ upstream }) => upstream),
      async sessionAccount(exchange) {
        const { provider } = await options.provider(exchange.issuer);
        return (await browserSession(provider, exchange)).accountId;
      },
    },
    options.continuation,
  );

  return {
    connect,
    completeLogin: (next) => async (exchange, uid, login) => {
      if (!uid.startsWith(connectUid)) return next(exchange, uid, login);
      await logins.remember(exchange.issuer, login);
      await connect.signedIn(exchange, uid, login.accountId);
      return true;
    },
    credentialsOf(route, path) {
      if (!route.upstream) return undefined;
      const mode = readUpstreamMode(route.upstream);
      switch (mode.mode) {
        case 'static-headers':
          return createStaticCredentials(mode);
        case 'user-oauth':
        case 'shared-oauth':
          return oauth(mode, route, path);
        case 'id-jag':
        case 'token-exchange':
          return exchanged(mode, route, path);
      }
    },
    clientDocument(id) {
      const upstream = oauthUpstreams.get(id);
      if (!upstream) return undefined;
      return async ({ res, issuer }) => {
        const headers = { 'cache-control': 'public, max-age=300', 'access-control-allow-origin': '*' };
        sendJson(res, 200, await registration.document(issuer, upstream), headers);
      };
    },
    clientJwks: async ({ res, issuer }) =>
      sendJson(res, 200, await keys.publicKeys(issuer), { 'cache-control': 'public, max-age=300' }),
    async connections(issuer, identity) {
      const kept = await vault.list(issuer, accountIdOf(identity));
      return kept.flatMap(({ upstream, connectedAt }) => {
        const found = registered.get(upstream)?.upstream;
        return found?.client ? [{ upstream, displayName: found.displayName, connectedAt }] : [];
      });
    },
    async disconnect(issuer, identity, id) {
      const upstream = registered.get(id)?.upstream;
      if (!upstream) return false;
      const account = accountIdOf(identity);
      if (upstream.isShared) {
        const known = await options.identities.find(issuer, account);
        if (!known || !upstream.mayConnect(known)) return false;
      }
      const tokens = await vault.remove(upstream.keyOf(issuer, account));
      if (!tokens) return false;
      await upstream.client?.revoke(issuer, tokens);
      events.emit({ type: 'upstream.disconnected', upstream: id, subject: account });
      return true;
    },
  };
}
