import type { ResolvedOptions } from './resolve-options.ts';
import { type Issuer, parseIssuer } from './shared/issuer.ts';
import type { OutboundOptions } from './shared/outbound.ts';
import { loopbackAddressOf } from './shared/outbound-hosts.ts';

/** No access token lives longer: the bound of `accessTokenTtlSeconds`. */
export const longestTokenSeconds = 86_400;

/** How long `close` waits for answers of upstreams. */
export const defaultGraceMs = 10_000;

/** What is left of a session, at least a second: it ends a fixed time after the login. */
export function remainingSeconds(loginAt: number | undefined, lifetime: number): number {
  const now = Math.floor(Date.now() / 1000);
  return Math.max(1, (loginAt ?? now) + lifetime - now);
}

/** The issuer of an origin; without one, the configured. */
function issuerOf({ issuer, origins }: ResolvedOptions, origin: string | undefined): Issuer | undefined {
  if (issuer) return origin === undefined || origin === issuer.origin ? issuer : undefined;
  if (origin === undefined || (origins && origins(origin) !== true)) return undefined;
  return parseIssuer(origin);
}

/** The issuer that a method of the instance is about. @throws TypeError where this origin is none */
export function requireIssuer(settings: ResolvedOptions, origin: string | undefined): Issuer {
  const found = issuerOf(settings, origin);
  if (found) return found;
  throw new TypeError(
    'origin: is not served; without the option issuer, name one that origins allows, or without both a loopback origin',
  );
}

/** A loopback issuer may reach the same loopback address: that is how everything is tried offline. */
export function outboundOptions(settings: ResolvedOptions, internalHosts: readonly string[] = []): OutboundOptions {
  const hostname = settings.issuer ? new URL(settings.issuer.origin).hostname : 'localhost';
  const isLoopback = settings.issuer?.isLoopback ?? !settings.isProduction;
  return { ...settings.outbound, internalHosts, ...(isLoopback && { loopbackAddress: loopbackAddressOf(hostname) }) };
}
