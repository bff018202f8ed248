import { describeProblem, narrowClientMetadata } from './client-metadata.ts';
import type { RedirectPolicy } from './redirect-uri.ts';

/** Why a URL cannot be a client's metadata document (OAuth Client ID Metadata Document draft, Client Identifier). */
export type DocumentUrlProblem = 'too_long' | 'not_https' | 'no_path' | 'host_denied' | 'host_not_allowed';

/** Which hosts may publish metadata documents: policy only, it never touches the address check. */
export interface DocumentHostPolicy {
  /** Host names, or `*.example.com` for all below; absent: every host. */
  readonly allowedHosts?: readonly string[];
  readonly deniedHosts?: readonly string[];
}

const maxClientIdLength = 2048;

function matchesHost(hostname: string, patterns: readonly string[]): boolean {
  const host = hostname.replace(/\.$/, ''); // The root's dot names the same host (RFC 1034 section 3.1).
  return patterns.some((pattern) => (pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern));
}

/** @returns the problem, or undefined where the URL may be fetched */
export function checkMetadataDocumentUrl(
  clientId: string,
  policy: DocumentHostPolicy = {},
): DocumentUrlProblem | undefined {
  if (clientId.length > maxClientIdLength) return 'too_long';
  const url = URL.parse(clientId);
  if (url?.protocol !== 'https:') return 'not_https';
  if (url.pathname === '/') return 'no_path';
  if (policy.deniedHosts && matchesHost(url.hostname, policy.deniedHosts)) return 'host_denied';
  return policy.allowedHosts && !matchesHost(url.hostname, policy.allowedHosts) ? 'host_not_allowed' : undefined;
}

const webUris = ['client_uri', 'jwks_uri', 'logo_uri', 'policy_uri', 'tos_uri'];

/**
 * What is wrong with the content of a document, in words for its maker; undefined where nothing is (CIMD draft, Client
 * Metadata). Looked at before the document is kept, as an invalid one never may be.
 */
export function describeDocumentProblem(
  document: Readonly<Record<string, unknown>>,
  policy: RedirectPolicy,
): string | undefined {
  const { token_endpoint_auth_method: method = 'none', jwks, jwks_uri: jwksUri } = document;
  // There is nobody to share a secret with.
  if ('client_secret' in document || 'client_secret_expires_at' in document) return 'it holds a client_secret';
  if (method !== 'none' && method !== 'private_key_jwt')
    return 'token_endpoint_auth_method is neither none nor private_key_jwt';
  if (method === 'private_key_jwt' && jwks === undefined && jwksUri === undefined)
    return 'private_key_jwt needs jwks or jwks_uri';
  const notHttps = webUris.find((name) => name in document && !/^https:/i.test(String(document[name])));
  if (notHttps !== undefined) return `${notHttps} is not an https URL`;
  const problem = narrowClientMetadata({ ...document }, policy);
  return problem && describeProblem(problem);
}
