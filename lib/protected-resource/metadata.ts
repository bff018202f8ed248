import { sendDocument } from '../shared/document.ts';
import type { Exchange } from '../shared/http.ts';
import { canonicalResource, type Resource, type Resources } from '../shared/resources.ts';

const wellKnown = '/.well-known/oauth-protected-resource';

/**
 * The resource whose metadata a public path names: declared resources of this server only, so that the app can publish its
 * own; the root form where there is one resource.
 */
export function resourceOfMetadataPath(publicPath: string, resources: Resources): Resource | undefined {
  const own = resources.own();
  if (publicPath === wellKnown || publicPath === `${wellKnown}/`) {
    return own.find((resource) => resource.path === '/') ?? (own.length === 1 ? own[0] : undefined);
  }
  if (!publicPath.startsWith(`${wellKnown}/`)) return undefined;
  const path = publicPath.slice(wellKnown.length).replace(/(?<=.)\/$/, '');
  return own.find((resource) => resource.path === path);
}

/**
 * The resource in the spelling that was asked for: clients compare it with what the person typed (RFC 9728 section 3.3).
 * All spellings stand for one audience.
 */
function askedResource({ issuer, url }: Exchange, resource: Resource): string {
  const canonical = canonicalResource(issuer, resource);
  const isRootForm = url.pathname.replace(/\/$/, '') === wellKnown;
  if (isRootForm) return canonical;
  const slash = url.pathname.endsWith('/') && !canonical.endsWith('/') ? '/' : '';
  return `${canonical}${slash}${url.search}`;
}

/**
 * Serves protected resource metadata (RFC 9728 section 2). `offline_access` is not a scope of a resource (MCP 2026-07-28,
 * Refresh Tokens).
 * @param authorizationServer issuer identifier of the server whose tokens are accepted
 */
export function sendResourceMetadata(
  exchange: Exchange,
  resource: Resource,
  authorizationServer: string,
): Promise<void> {
  const document = () => ({
    resource: askedResource(exchange, resource),
    resource_name: resource.displayName,
    authorization_servers: [authorizationServer],
    scopes_supported: resource.scopes,
    bearer_methods_supported: ['header'],
  });
  return sendDocument(exchange, () => Buffer.from(JSON.stringify(document())));
}
