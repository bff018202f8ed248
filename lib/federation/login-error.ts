/** Why a login at the identity provider failed. Exact, for events; the client gets {@link wireError}. */
export type LoginProblem =
  | { readonly reason: 'refused_by_provider'; readonly error: string }
  | { readonly reason: 'provider_unreachable'; readonly detail: string }
  | { readonly reason: 'provider_answer_invalid'; readonly detail: string }
  | { readonly reason: 'provider_refused_code'; readonly error: string }
  /** The kept refresh token is of no use any more: the user was disabled, signed out there, or it has run out. */
  | { readonly reason: 'provider_refused_refresh'; readonly error: string }
  | { readonly reason: 'id_token_missing' }
  | { readonly reason: 'id_token_invalid'; readonly detail: string }
  | { readonly reason: 'access_token_invalid'; readonly detail: string }
  /** No claim names the person. */
  | { readonly reason: 'identity_incomplete'; readonly detail: string }
  /** `mapIdentity` or `authorizeUser` failed. */
  | { readonly reason: 'identity_hook_failed'; readonly detail: string }
  /** The client asked for a login that is more recent, or the time of this one is not known. */
  | { readonly reason: 'login_not_fresh'; readonly detail: string }
  /** Somebody who may not sign in here: by `identity.requiredClaims` or `authorizeUser`. */
  | { readonly reason: 'user_refused'; readonly detail: string };

export class LoginError extends Error {
  readonly problem: LoginProblem;

  constructor(problem: LoginProblem, options?: ErrorOptions) {
    super(describeLoginProblem(problem), options);
    this.name = 'LoginError';
    this.problem = problem;
  }
}

/** Characters of an error code (RFC 6749 section 4.1.2.1), and a length for logs: the callback's query is anybody's text. */
const errorCode = /^[\x20\x21\x23-\x5b\x5d-\x7e]{1,100}$/;

/** One line for events. */
export function describeLoginProblem(problem: LoginProblem): string {
  if ('detail' in problem) return `${problem.reason}: ${problem.detail}`;
  if (!('error' in problem)) return problem.reason;
  return `${problem.reason}: ${errorCode.test(problem.error) ? problem.error : 'malformed error code'}`;
}

/** Errors of the provider that mean the same to our client (OpenID Connect Core section 3.1.2.6); others are told as `access_denied`. */
const passedOn = new Set(['access_denied', 'interaction_required', 'login_required', 'temporarily_unavailable']);

/** What the client sees at its redirect URI (RFC 6749 section 4.1.2.1). */
export function wireError(problem: LoginProblem): { code: string; description: string } {
  switch (problem.reason) {
    case 'refused_by_provider':
      return {
        code: passedOn.has(problem.error) ? problem.error : 'access_denied',
        description: 'the sign-in was not completed',
      };
    case 'provider_unreachable':
      return { code: 'temporarily_unavailable', description: 'the identity provider does not answer; try again' };
    case 'login_not_fresh':
      return { code: 'login_required', description: 'a more recent sign-in is needed' };
    case 'user_refused':
      return { code: 'access_denied', description: 'the user may not sign in here' };
    case 'identity_hook_failed':
      return { code: 'server_error', description: 'the sign-in could not be completed' };
    case 'provider_answer_invalid':
    case 'provider_refused_code':
    case 'provider_refused_refresh':
    case 'id_token_missing':
    case 'id_token_invalid':
    case 'access_token_invalid':
    case 'identity_incomplete':
      return { code: 'server_error', description: 'the sign-in could not be verified' };
  }
}
