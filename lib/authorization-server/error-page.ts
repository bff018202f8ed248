import type { PageContent } from '../shared/pages/pages.ts';

/** What oidc-provider says of a request that was finished meanwhile, took too long or is another browser's. */
const expired: ReadonlySet<string | undefined> = new Set([
  'authorization request has expired',
  'authorization session and cookie identifier mismatch',
  'interaction session and authentication session mismatch',
  'interaction session not found',
]);

/** Pages for errors that must not go to a redirect URI (RFC 6749 section 4.1.2.1): what happened and what helps. */
export function authorizationError(
  code: string,
  description: string | undefined,
  failure?: { readonly url: string; readonly reason: string },
): PageContent<'error'> {
  if (failure) return { kind: 'clientUnverifiable', values: { url: failure.url, reason: failure.reason }, code };
  if (expired.has(description)) return { kind: 'expired', code };
  switch (code) {
    case 'invalid_client':
      return { kind: 'clientUnknown', code };
    case 'invalid_redirect_uri':
      return { kind: 'redirectUnregistered', code };
    case 'temporarily_unavailable':
      return { kind: 'unavailable', code };
    default:
      return { kind: 'requestInvalid', code, ...(description !== undefined && { detail: description }) };
  }
}

/** Instead of an error that would send the person to whomever an application names that nobody has approved. */
export function unprovenRedirect(code: string, location: string): PageContent<'error'> {
  const { host } = new URL(location);
  return { kind: 'redirectUnproven', values: { host }, code, next: { label: 'goBack', href: location } };
}
