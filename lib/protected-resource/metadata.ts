import { type PreparedDocument, prepareDocument, readsDocument, sendDocument } from '../shared/document.ts';
import type { Endpoint, Exchange } from '../shared/http.ts';
import type { Issuer } from '../shared/issuer.ts';
import { canonicalResource, type Resource, type Resources } from '../shared/resources.ts';

const wellKnown = '/.well-known/oauth-protected-resource';

/**
 * The resource whose metadata a public path names: declared resources of this server only, so that the app can publish its
 * own; the root form where there is one resource.
 */
function resourceOfMetadataPath(publicPath: string, resources: Resources): Resource | undefined {
  const own = resources.own();
  if (publicPath === wellKnown || publicPath === `${wellKnown}/`) {
    return own.find((resource) => resource.path === '/') ?? (own.length === 1 ? own[0] : undefined);
  }
  if (!publicPath.startsWith(`${wellKnown}/`)) return undefined;
  const path = publicPath.slice(wellKnown.length).replace(/(?<=.)\/$/, '');
  return own.find((resource) => resource.path === path);
}

/**
 * The metadata of a resource (RFC 9728 section 2), in the spelling that was asked for: clients compare it with what the
 * person typed (section 3.3), and all spellings stand for one audience. `offline_access` is not a scope of a resource (MCP
 * 2026-07-28, Refresh Tokens).
 */
function describeResource(
  { issuer, publicPath, search }: { issuer: Issuer; publicPath: string; search: string },
  resource: Resource,
  authorizationServer: string,
): object {
  const canonical = canonicalResource(issuer, resource);
  const isRootForm = publicPath.replace(/\/$/, '') === wellKnown;
  const slash = publicPath.endsWith('/') && !canonical.endsWith('/') ? '/' : '';
  return {
    resource: isRootForm ? canonical : `${canonical}${slash}${search}`,
    resource_name: resource.displayName,
    authorization_servers: [authorizationServer],
    scopes_supported: resource.scopes,
    bearer_methods_supported: ['header'],
  };
}

type ExpressRequest = Exchange['req'] & { readonly originalUrl?: string };

/**
 * Protected resource metadata (RFC 9728): finds what serves a public path. A document is made once for each path and issuer,
 * and only declared resources have paths, so what is kept is bounded; one with a query is made for its request.
 * @param authorizationServerOf issuer identifier of the server whose tokens are accepted
 */
export function createResourceMetadata(
  resources: Resources,
  authorizationServerOf: (issuer: Issuer) => string,
): (publicPath: string) => Endpoint | undefined {
  const endpoints = new Map<string, Endpoint>();
  let revision = resources.revision();

  function createEndpoint(publicPath: string, resource: Resource): Endpoint {
    const documents = new WeakMap<Issuer, PreparedDocument>();
    const prepare = (issuer: Issuer, search: string) =>
      prepareDocument(describeResource({ issuer, publicPath, search }, resource, authorizationServerOf(issuer)));
    return (exchange) => {
      if (!readsDocument(exchange)) return;
      const { originalUrl, url = '' } = exchange.req as ExpressRequest;
      const { issuer } = exchange;
      if ((originalUrl ?? url).includes('?')) return sendDocument(exchange, prepare(issuer, exchange.url.search));
      const document = documents.get(issuer) ?? prepare(issuer, '');
      documents.set(issuer, document);
      return sendDocument(exchange, document);
    };
  }

  return (publicPath) => {
    if (revision !== resources.revision()) {
      endpoints.clear();
      revision = resources.revision();
    }
    const known = endpoints.get(publicPath);
    if (known) return known;
    const resource = resourceOfMetadataPath(publicPath, resources);
    if (!resource) return undefined;
    const endpoint = createEndpoint(publicPath, resource);
    endpoints.set(publicPath, endpoint);
    return endpoint;
  };
}
