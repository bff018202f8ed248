import type { Issuer } from './issuer.ts';

/** Paths of the authorization server, after the issuer's prefix. `basePath` moves all of them. */
export interface EndpointPaths {
  readonly authorization: string;
  readonly token: string;
  readonly registration: string;
  readonly revocation: string;
  readonly introspection: string;
  readonly jwks: string;
  readonly pushedAuthorizationRequest: string;
  readonly endSession: string;
  readonly signedOut: string;
  readonly backchannelLogout: string;
  readonly interaction: string;
  readonly callback: string;
  readonly devLogin: string;
  /** What applications may do in a person's name. */
  readonly connections: string;
  /** Parent of links to connect an upstream. */
  readonly connect: string;
  /** Parent of the pages that offer upstreams after a login. */
  readonly connectLogin: string;
  /** Parent of the redirect URIs at upstreams: each has its own (RFC 9700 section 4.4). */
  readonly connectCallback: string;
  /** Parent of this server's own client metadata documents. */
  readonly clientDocument: string;
  readonly clientJwks: string;
}

export function endpointPaths(basePath: string): EndpointPaths {
  return {
    authorization: `${basePath}/authorize`,
    token: `${basePath}/token`,
    registration: `${basePath}/register`,
    revocation: `${basePath}/revoke`,
    introspection: `${basePath}/introspect`,
    jwks: `${basePath}/jwks`,
    pushedAuthorizationRequest: `${basePath}/par`,
    endSession: `${basePath}/logout`,
    signedOut: `${basePath}/logout/done`,
    backchannelLogout: `${basePath}/backchannel-logout`,
    interaction: `${basePath}/interaction`,
    callback: `${basePath}/callback`,
    devLogin: `${basePath}/dev-login`,
    connections: `${basePath}/connections`,
    connect: `${basePath}/connect`,
    connectLogin: `${basePath}/connect/login`,
    connectCallback: `${basePath}/connect/callback`,
    clientDocument: '/.well-known/oauth-client',
    clientJwks: `${basePath}/client-jwks`,
  };
}

/** The public URL of a path after the issuer's prefix. */
export function endpointUrl(issuer: Issuer, path: string): string {
  return `${issuer.identifier}${path}`;
}
