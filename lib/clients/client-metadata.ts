import { checkRedirectUri, isNativeClient, type RedirectPolicy, type RedirectUriProblem } from './redirect-uri.ts';

/** Why client metadata is refused, from registration or a metadata document. */
export type ClientMetadataProblem =
  | { readonly reason: 'redirect_uris_missing' }
  | { readonly reason: 'redirect_uris_too_many'; readonly count: number }
  | { readonly reason: 'redirect_uri'; readonly index: number; readonly problem: RedirectUriProblem }
  | { readonly reason: 'client_name_missing' };

const maxRedirectUris = 20;
const maxNameLength = 200;

/** Grants that a client may give itself (RFC 9700 section 2.4): all others are for clients that an operator set up. */
const selfServiceGrants = ['authorization_code', 'refresh_token'];

/** Control, bidirectional, zero-width, filler and other invisible characters, which disguise a name (CWE-1007). */
const disguise = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** Printable ASCII in words: nothing to clean. */
const plainName = /^[!-~]+(?: [!-~]+)*$/;

/** A name fit for display: no invisible characters, single spaces, at most 200 characters. */
export function displayName(name: string): string {
  if (name.length <= maxNameLength && plainName.test(name)) return name;
  return [...name.normalize('NFC').replace(disguise, '').replace(/\s+/gu, ' ').trim()].slice(0, maxNameLength).join('');
}

/** What the registration answer or log says of a problem; `redirect_uris` in front makes it `invalid_redirect_uri`. */
export function describeProblem(problem: ClientMetadataProblem): string {
  switch (problem.reason) {
    case 'redirect_uris_missing':
      return 'redirect_uris is required: an array of at least one URI';
    case 'redirect_uris_too_many':
      return `redirect_uris may hold at most ${maxRedirectUris} URIs`;
    case 'redirect_uri':
      return `redirect_uris[${problem.index}] is not allowed: ${problem.problem}`;
    case 'client_name_missing':
      return 'client_name is required in a client metadata document';
  }
}

/**
 * Completes and narrows metadata of a client that registered itself, in place: `native` is inferred even against an
 * explicit `web`, grants above self-service and the scope limit are dropped (RFC 7591 section 3.2.1 lets a server
 * replace values). Runs for registrations, metadata documents and stored clients alike.
 */
export function narrowClientMetadata(
  metadata: Record<string, unknown>,
  policy: RedirectPolicy = {},
): ClientMetadataProblem | undefined {
  const uris = metadata.redirect_uris;
  if (!Array.isArray(uris) || uris.length === 0) return { reason: 'redirect_uris_missing' };
  if (uris.length > maxRedirectUris) return { reason: 'redirect_uris_too_many', count: uris.length };
  for (const [index, uri] of uris.entries()) {
    const problem = checkRedirectUri(uri, policy);
    if (problem) return { reason: 'redirect_uri', index, problem };
  }
  metadata.application_type = isNativeClient(uris) ? 'native' : 'web';
  // A registered scope would cap the client for ever: step-up could never be granted.
  delete metadata.scope;
  const grants = Array.isArray(metadata.grant_types)
    ? metadata.grant_types.filter((grant) => selfServiceGrants.includes(grant))
    : [];
  metadata.grant_types = grants.includes('authorization_code') ? grants : [...selfServiceGrants];
  metadata.response_types = ['code'];
  const isDocument = typeof metadata.client_id === 'string' && metadata.client_id.startsWith('https://');
  const name = typeof metadata.client_name === 'string' ? displayName(metadata.client_name) : '';
  if (name) metadata.client_name = name;
  else delete metadata.client_name;
  return isDocument && !name ? { reason: 'client_name_missing' } : undefined;
}
