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

/** What a client may hold besides the grants of self-service. */
export interface GrantAllowance {
  readonly grants: readonly string[];
  /** Whether these may be its only ones: such a client signs nobody in and has no redirect URI. */
  readonly mayStandAlone: boolean;
}

/** For clients that registered themselves. */
export const selfService: GrantAllowance = { grants: [], mayStandAlone: false };

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

/** How an operator's client authenticates that does not say it: with what it has. */
export function defaultAuthMethod(client: Readonly<Record<string, unknown>>): string {
  if (client.client_secret !== undefined) return 'client_secret_basic';
  return client.jwks === undefined && client.jwks_uri === undefined ? 'none' : 'private_key_jwt';
}

/** The grants that come of those asked for; without any, those of self-service. */
function allowedGrants(asked: unknown, allowance: GrantAllowance): string[] {
  const listed: unknown[] = Array.isArray(asked) ? asked : [];
  const own = listed.filter((grant) => selfServiceGrants.includes(grant as string)) as string[];
  const further = listed.filter((grant) => allowance.grants.includes(grant as string)) as string[];
  if (own.includes('authorization_code')) return [...own, ...further];
  return further.length > 0 && allowance.mayStandAlone ? further : [...selfServiceGrants, ...further];
}

/** Takes back what only an operator gives: for clients that registered themselves, also as they lie in a store. */
export function withoutOperatorGrants(metadata: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { resource_scopes: _, ...rest } = metadata;
  return { ...rest, grant_types: allowedGrants(rest.grant_types, selfService) };
}

/** Redirect URIs and what follows from them. A client that signs nobody in has none. */
function narrowRedirects(metadata: Record<string, unknown>, policy: RedirectPolicy): ClientMetadataProblem | undefined {
  if (!(metadata.grant_types as string[]).includes('authorization_code')) {
    metadata.redirect_uris = [];
    metadata.response_types = [];
    return undefined;
  }
  const uris = metadata.redirect_uris;
  if (!Array.isArray(uris) || uris.length === 0) return { reason: 'redirect_uris_missing' };
  if (uris.length > maxRedirectUris) return { reason: 'redirect_uris_too_many', count: uris.length };
  for (const [index, uri] of uris.entries()) {
    const problem = checkRedirectUri(uri, policy);
    if (problem) return { reason: 'redirect_uri', index, problem };
  }
  metadata.application_type = isNativeClient(uris) ? 'native' : 'web';
  metadata.response_types = ['code'];
  return undefined;
}

/**
 * Completes and narrows metadata, in place: `native` is inferred even against an explicit `web`, grants above the allowance
 * and the scope limit are dropped (RFC 7591 section 3.2.1 lets a server replace values). Runs for registrations, metadata
 * documents, stored and configured clients alike.
 */
export function narrowClientMetadata(
  metadata: Record<string, unknown>,
  policy: RedirectPolicy = {},
  allowance: GrantAllowance = selfService,
): ClientMetadataProblem | undefined {
  metadata.grant_types = allowedGrants(metadata.grant_types, allowance);
  const problem = narrowRedirects(metadata, policy);
  if (problem) return problem;
  if (!allowance.mayStandAlone) delete metadata.resource_scopes;
  // A registered scope would cap the client for ever: step-up could never be granted.
  delete metadata.scope;
  const isDocument = typeof metadata.client_id === 'string' && metadata.client_id.startsWith('https://');
  const name = typeof metadata.client_name === 'string' ? displayName(metadata.client_name) : '';
  if (name) metadata.client_name = name;
  else delete metadata.client_name;
  return isDocument && !name ? { reason: 'client_name_missing' } : undefined;
}
