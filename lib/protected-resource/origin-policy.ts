import { isLoopbackHost } from '../shared/address-policy.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { Resource } from '../shared/resources.ts';

/**
 * Whether a page of this origin may call the resource (MCP transports, DNS rebinding): none at all, the issuer's own, a
 * loopback page under a loopback issuer, or one that the route allows.
 */
export function isAllowedOrigin(origin: string | undefined, issuer: Issuer, resource: Resource): boolean {
  if (origin === undefined || origin === issuer.origin || resource.allowedOrigins.includes(origin)) return true;
  const url = URL.parse(origin);
  return issuer.isLoopback && url !== null && url.origin === origin && isLoopbackHost(url.hostname);
}
