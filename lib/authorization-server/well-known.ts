import { readsDocument, sendDocument } from '../shared/document.ts';
import type { Endpoint } from '../shared/http.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { Resources } from '../shared/resources.ts';
import type { ProviderSource } from './provider-source.ts';

const names = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'] as const;
const parents = names.map((name) => [name, `${name}/`] as const);

/**
 * Whether a public path (after the origin) is a form of the metadata URL: bare, with the issuer's path or a resource's
 * inserted (RFC 8414 section 3.1), or appended to one (OpenID Connect Discovery section 4.1). Clients probe all of them.
 */
export function isMetadataPath(publicPath: string, issuer: Issuer, resources: Resources): boolean {
  for (const [name, parent] of parents) {
    if (publicPath === name || publicPath === parent) return true;
    const rest = publicPath.startsWith(parent)
      ? publicPath.slice(name.length)
      : publicPath.endsWith(name)
        ? publicPath.slice(0, -name.length)
        : undefined;
    if (rest === undefined || rest === '/') continue;
    const path = rest.length > 1 && rest.endsWith('/') ? rest.slice(0, -1) : rest;
    if (path === issuer.pathPrefix || resources.own().some((resource) => resource.path === path)) return true;
  }
  return false;
}

/** Serves the authorization server metadata: constant bytes. */
export function createMetadataEndpoint(provider: ProviderSource): Endpoint {
  return async (exchange) => {
    if (readsDocument(exchange)) sendDocument(exchange, (await provider(exchange.issuer)).metadata);
  };
}
