import type { OwnedPath, Routes } from './handler.ts';
import type { EndpointPaths } from './shared/endpoint-paths.ts';
import type { Endpoint, Exchange } from './shared/http.ts';
import type { Issuer } from './shared/issuer.ts';

/** One endpoint for each owned path. */
export interface Endpoints {
  readonly authorization: Endpoint;
  readonly resume: Endpoint;
  readonly token: Endpoint;
  /** Absent where registration is off. */
  readonly registration?: Endpoint;
  readonly pushedAuthorizationRequest: Endpoint;
  readonly revocation: Endpoint;
  readonly introspection: Endpoint;
  readonly jwks: Endpoint;
  readonly metadata: Endpoint;
  readonly logout: Endpoint;
  readonly signedOut: Endpoint;
  readonly connections: Endpoint;
  /** Absent without an identity provider. */
  readonly backchannelLogout?: Endpoint;
  readonly interaction: Endpoint;
  /** Links to connect an upstream, the callback of each upstream, and the page after a login. */
  readonly connect: { readonly link: Endpoint; readonly callback: Endpoint; readonly afterLogin: Endpoint };
  readonly clientJwks: Endpoint;
  /** This server's metadata document as a client of an upstream; undefined for an id that none has. */
  readonly clientDocument: (id: string) => Endpoint | undefined;
  /** Ways back from a sign-in, by path. */
  readonly logins: ReadonlyMap<string, Endpoint>;
  /** Ends a browser's session that its login does not stand behind any more. */
  readonly settleSession: (exchange: Exchange) => Promise<void>;
}

/** Which `/.well-known` paths are ours. */
export interface WellKnown {
  readonly isServerMetadata: (publicPath: string, issuer: Issuer) => boolean;
  /** What serves the metadata of the resource that the path names. */
  readonly resourceMetadata: (publicPath: string) => Endpoint | undefined;
}

const uid = /^[A-Za-z0-9_-]{1,64}$/;

/** Whether a path is one segment below a parent with its slash, such as `/oauth/interaction/` for `/oauth/interaction/:uid`. */
function isBelow(path: string, parent: string): boolean {
  return path.startsWith(parent) && uid.test(path.slice(parent.length));
}

/** Root paths of MCP 2025-03-26 for clients that read no metadata: the same endpoints under another name. */
function addAliases(exact: Map<string, OwnedPath>, paths: EndpointPaths): void {
  const aliases = { '/authorize': paths.authorization, '/token': paths.token, '/register': paths.registration };
  for (const [alias, path] of Object.entries(aliases)) {
    const owned = exact.get(path);
    if (!owned || exact.has(alias)) continue;
    exact.set(alias, {
      ...owned,
      serve: ({ req, res, issuer, url }) => owned.serve({ req, res, issuer, url, path }),
    });
  }
}

/** The table of owned paths: exact spelling only, so that what this library does not serve stays the app's. */
export function createRoutes(
  paths: EndpointPaths,
  hasAliases: boolean,
  wellKnown: WellKnown,
  endpoints: Endpoints,
): Routes {
  /** A page that counts on the browser's session. */
  const ofSession = (serve: Endpoint): OwnedPath => ({
    audience: 'browser',
    async serve(exchange) {
      await endpoints.settleSession(exchange);
      await serve(exchange);
    },
  });
  const exact = new Map<string, OwnedPath>([
    [paths.authorization, ofSession(endpoints.authorization)],
    [paths.token, { audience: 'machine', serve: endpoints.token }],
    [paths.revocation, { audience: 'machine', serve: endpoints.revocation }],
    [paths.pushedAuthorizationRequest, { audience: 'machine', serve: endpoints.pushedAuthorizationRequest }],
    [paths.introspection, { audience: 'machine', serve: endpoints.introspection }],
    [paths.endSession, ofSession(endpoints.logout)],
    [paths.connections, ofSession(endpoints.connections)],
    [paths.signedOut, { audience: 'browser', serve: endpoints.signedOut }],
    [paths.jwks, { audience: 'machine', isDocument: true, serve: endpoints.jwks }],
    [paths.clientJwks, { audience: 'machine', isDocument: true, serve: endpoints.clientJwks }],
  ]);
  if (endpoints.registration) exact.set(paths.registration, { audience: 'machine', serve: endpoints.registration });
  for (const [path, serve] of endpoints.logins) exact.set(path, { audience: 'browser', serve });
  if (endpoints.backchannelLogout)
    exact.set(paths.backchannelLogout, { audience: 'machine', serve: endpoints.backchannelLogout });
  if (hasAliases) addAliases(exact, paths);
  const below: readonly (readonly [parent: string, owned: OwnedPath])[] = [
    [`${paths.authorization}/`, ofSession(endpoints.resume)],
    [`${paths.connect}/`, ofSession(endpoints.connect.link)],
    [`${paths.connectCallback}/`, ofSession(endpoints.connect.callback)],
    [`${paths.connectLogin}/`, ofSession(endpoints.connect.afterLogin)],
    [`${paths.interaction}/`, ofSession(endpoints.interaction)],
  ];
  const clientDocument = `${paths.clientDocument}/`;
  const metadata: OwnedPath = { audience: 'machine', isDocument: true, serve: endpoints.metadata };

  return ({ afterPrefix, public: publicPath }, issuer) => {
    const owned = exact.get(afterPrefix);
    if (owned) return owned;
    if (publicPath.includes('/.well-known/')) {
      if (isBelow(afterPrefix, clientDocument)) {
        const document = endpoints.clientDocument(afterPrefix.slice(clientDocument.length));
        return document && { audience: 'machine', isDocument: true, serve: document };
      }
      if (wellKnown.isServerMetadata(publicPath, issuer)) return metadata;
      const serve = wellKnown.resourceMetadata(publicPath);
      return serve && { audience: 'machine', isDocument: true, serve };
    }
    for (const [parent, owned] of below) if (isBelow(afterPrefix, parent)) return owned;
    return undefined;
  };
}
