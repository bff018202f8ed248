import { openCors, sendPreflight } from '../shared/cors.ts';
import { type Endpoint, sendJson } from '../shared/http.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { Resources } from '../shared/resources.ts';
import type { ProviderSource } from './provider-source.ts';

const names = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'];

/**
 * Whether a public path (after the origin) is a form of the metadata URL: bare, with the issuer's path or a resource's
 * inserted (RFC 8414 section 3.1), or appended to one (OpenID Connect Discovery section 4.1). Clients probe all of them.
 */
export function isMetadataPath(publicPath: string, issuer: Issuer, resources: Resources): boolean {
  for (const name of names) {
    if (publicPath === name) return true;
    const rest = publicPath.startsWith(`${name}/`)
      ? publicPath.slice(name.length)
      : publicPath.endsWith(name)
        ? publicPath.slice(0, -name.length)
        : undefined;
    if (rest === undefined) continue;
    const path = rest.length > 1 && rest.endsWith('/') ? rest.slice(0, -1) : rest;
    if (path === '/' || path === issuer.pathPrefix || resources.own().some((resource) => resource.path === path))
      return true;
  }
  return false;
}

/** Serves the authorization server metadata: constant bytes. */
export function createMetadataEndpoint(provider: ProviderSource): Endpoint {
  return async ({ req, res, issuer }) => {
    openCors(res);
    if (req.method === 'OPTIONS') return sendPreflight(res, 'GET', 'Authorization, Content-Type, MCP-Protocol-Version');
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      return sendJson(
        res,
        405,
        { error: 'invalid_request', error_description: 'use GET' },
        { allow: 'GET, HEAD, OPTIONS' },
      );
    }
    const { metadata } = await provider(issuer);
    res.statusCode = 200;
    res.setHeader('content-type', 'application/json');
    res.setHeader('cache-control', 'no-store');
    res.setHeader('content-length', metadata.length);
    res.end(req.method === 'HEAD' ? undefined : metadata);
  };
}
