import { endpointUrl } from '../shared/endpoint-paths.ts';
import type { Issuer } from '../shared/issuer.ts';

/**
 * The redirect URI of an upstream. No other upstream has it, so that a code of one authorization server is never taken for
 * one of another's, also where neither names itself in its answers (RFC 9700 section 4.4.2.2).
 */
export function redirectUriOf(issuer: Issuer, paths: { readonly connectCallback: string }, upstream: string): string {
  return endpointUrl(issuer, `${paths.connectCallback}/${upstream}`);
}
