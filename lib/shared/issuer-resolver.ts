import type { IncomingMessage } from 'node:http';
import { isLoopbackHost } from './address-policy.ts';
import { isNamed } from './header-list.ts';
import { type Issuer, parseIssuer } from './issuer.ts';
import { createRecentMap } from './recent-map.ts';

type ExpressRequest = IncomingMessage & { readonly host?: string; readonly protocol?: string };

/** Decides which origins are issuers. */
export type AllowedOrigins = (origin: string) => boolean;

/** Which issuer a request is for; undefined where its Host is not served. */
export type IssuerResolver = (req: IncomingMessage) => Issuer | undefined;

const hostPattern = /^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;

/** Issuers of one process that are kept ready; state is in storage, so that one which is dropped loses nothing. */
export const maxIssuers = 512;

/** Of several Host headers Node keeps the first, and a proxy in front may have routed by another (RFC 9112 section 3.2). */
function hasSeveralHosts({ rawHeaders }: IncomingMessage): boolean {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) if (isNamed(rawHeaders[index], 'host')) hosts += 1;
  return hosts > 1;
}

/** Host as Express's `trust proxy` setting says, which is about X-Forwarded-Host; without Express, the Host header. */
function hostOf(req: ExpressRequest): string {
  const { headers } = req;
  if (hasSeveralHosts(req)) return ''; // It says two things.
  return (
    headers['x-forwarded-host'] === undefined ? (headers.host ?? '') : (req.host ?? headers.host ?? '')
  ).toLowerCase();
}

function withDefaultPort(host: string, isSecure: boolean): string {
  const port = isSecure ? ':443' : ':80';
  return host.endsWith(port) ? host.slice(0, -port.length) : host;
}

/**
 * With a configured issuer: that one, for requests to its host. Without: derived from the Host header, for loopback hosts
 * only, so that nobody's Host header ever becomes an issuer in production; or for the allowed origins, by the scheme and
 * host that Express's `trust proxy` lets through.
 */
export function createIssuerResolver(configured: Issuer | undefined, origins?: AllowedOrigins): IssuerResolver {
  const derived = createRecentMap<string, Issuer>(maxIssuers);
  if (configured)
    return (req) => {
      const host = hostOf(req);
      const isServed = host === configured.host || withDefaultPort(host, configured.isSecure) === configured.host;
      return isServed ? configured : undefined;
    };
  return (req) => {
    const host = hostOf(req);
    if (!hostPattern.test(host)) return undefined;
    const isSecure = origins !== undefined && (req as ExpressRequest).protocol === 'https';
    const identifier = `${isSecure ? 'https' : 'http'}://${withDefaultPort(host, isSecure)}`;
    const known = derived.get(identifier);
    if (known && !origins) return known;
    const issuer = known ?? parseIssuer(identifier);
    if (!issuer) return undefined;
    // A predicate is asked each time: what the app allows no more is served no more.
    if (origins ? origins(identifier) !== true : !isLoopbackHost(new URL(identifier).hostname)) return undefined;
    if (known) return known;
    derived.set(identifier, issuer);
    return issuer;
  };
}
