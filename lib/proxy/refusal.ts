import { valuesOf } from '../shared/header-list.ts';
import type { UpstreamResponse } from './transport.ts';

/** That an upstream refused its credential, with its challenge as it came. */
export interface CredentialRefusal {
  readonly status: 401 | 403;
  readonly challenge: string | undefined;
}

/** A 401, or a 403 that asks for more scopes (RFC 6750 section 3.1); undefined for every other answer. */
export function credentialRefusal({ status, headers }: UpstreamResponse): CredentialRefusal | undefined {
  if (status !== 401 && status !== 403) return undefined;
  const challenge = valuesOf(headers, 'www-authenticate').join(', ') || undefined;
  if (status === 403 && !/\berror\s*=\s*"?insufficient_scope\b/i.test(challenge ?? '')) return undefined;
  return { status, challenge };
}
