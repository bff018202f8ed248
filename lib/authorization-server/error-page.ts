import type { PageContent } from '../shared/pages/pages.ts';

/** Pages for errors that must not go to a redirect URI (RFC 6749 section 4.1.2.1): what happened and what helps. */
export function authorizationError(
  code: string,
  description: string | undefined,
  failure?: { readonly url: string; readonly reason: string },
): PageContent<'error'> {
  if (failure) return { kind: 'clientUnverifiable', values: { url: failure.url, reason: failure.reason }, code };
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
