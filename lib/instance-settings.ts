import type { ResolvedOptions } from './resolve-options.ts';
import { type Issuer, parseIssuer } from './shared/issuer.ts';
import type { OutboundOptions } from './shared/outbound.ts';
import { loopbackAddressOf } from './shared/outbound-hosts.ts';

/** No access token lives longer: the bound of `accessTokenTtlSeconds`. */
export const longestTokenSeconds = 86_400;

/** What is left of a session, at least a second: it ends a fixed time after the login. */
export function remainingSeconds(loginAt: number | undefined, lifetime: number): number {
  const now = Math.floor(Date.now() / 1000);
  return Math.max(1, (loginAt ?? now) + lifetime - now);
}

/** The issuer that a method of the instance is about. @throws TypeError where this origin is none */
export function requireIssuer({ issuer }: ResolvedOptions, origin: string | undefined): Issuer {
  const found =
    origin === undefined ? issuer : issuer ? (issuer.origin === origin ? issuer : undefined) : parseIssuer(origin);
  if (!found)
    throw new TypeError(
      'provider(origin): this origin is not served; without the option issuer, name a loopback origin',
    );
  return found;
}

/** A loopback issuer may reach the same loopback address: that is how everything is tried offline. */
export function outboundOptions(settings: ResolvedOptions, internalHosts: readonly string[] = []): OutboundOptions {
  const hostname = settings.issuer ? new URL(settings.issuer.origin).hostname : 'localhost';
  const isLoopback = settings.issuer?.isLoopback ?? !settings.isProduction;
  return { ...settings.outbound, internalHosts, ...(isLoopback && { loopbackAddress: loopbackAddressOf(hostname) }) };
}
