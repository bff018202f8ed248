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
