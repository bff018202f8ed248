import { OAuthError } from '../errors.ts';
import { invalidScope, invalidTarget, type TargetProblem } from './resource-grant.ts';

/** Why an ID-JAG is not redeemed: for events, never told to the client. */
export type IdJagProblem =
  | { readonly reason: 'client_is_public' }
  | { readonly reason: 'missing' }
  | { readonly reason: 'too_large' }
  | { readonly reason: 'malformed' }
  | { readonly reason: 'wrong_type' }
  | { readonly reason: 'issuer_untrusted' }
  | { readonly reason: 'algorithm_refused' }
  | { readonly reason: 'key_unknown' }
  | { readonly reason: 'signature_invalid' }
  | { readonly reason: 'keys_unavailable'; readonly cause: string }
  | { readonly reason: 'wrong_audience' }
  | { readonly reason: 'client_not_listed' }
  | { readonly reason: 'client_mismatch' }
  | { readonly reason: 'claim_missing'; readonly claim: 'client_id' | 'sub' | 'jti' | 'exp' | 'iat' }
  | { readonly reason: 'expired'; readonly secondsAgo: number }
  | { readonly reason: 'issued_in_future'; readonly seconds: number }
  | { readonly reason: 'issued_too_long_ago'; readonly seconds: number }
  | { readonly reason: 'lifetime_refused'; readonly seconds: number }
  | { readonly reason: 'not_yet_valid' }
  | { readonly reason: 'authorization_details_unsupported' }
  | { readonly reason: 'confirmation_unsupported' }
  | { readonly reason: 'proof_missing' }
  | { readonly reason: 'proof_of_other_key' }
  | { readonly reason: 'resource_foreign' }
  | { readonly reason: 'scope_foreign' }
  | { readonly reason: 'tenant_unmapped' }
  | { readonly reason: 'subject_refused' }
  | { readonly reason: 'user_refused' }
  | { readonly reason: 'mapping_failed'; readonly cause: string }
  | { readonly reason: 'replayed' }
  | TargetProblem;

/** The reason with what helps an operator to find its cause, such as how far two clocks differ. */
export function describeIdJagProblem(problem: IdJagProblem): string {
  switch (problem.reason) {
    case 'claim_missing':
      return `id_jag: claim_missing: ${problem.claim}`;
    case 'expired':
      return `id_jag: expired: ${problem.secondsAgo} s ago by this server's clock`;
    case 'issued_in_future':
      return `id_jag: issued_in_future: by ${problem.seconds} s; clock skew`;
    case 'issued_too_long_ago':
    case 'lifetime_refused':
      return `id_jag: ${problem.reason}: ${problem.seconds} s`;
    case 'keys_unavailable':
    case 'mapping_failed':
      return `id_jag: ${problem.reason}: ${problem.cause}`;
    default:
      return `id_jag: ${problem.reason}`;
  }
}

/** Which answer the client sees. Refusals of the assertion look alike; only what RFC 8707 and RFC 6749 name is told apart. */
export function toIdJagError(problem: IdJagProblem): OAuthError {
  switch (problem.reason) {
    case 'client_is_public':
      return new OAuthError('unauthorized_client', 400, 'the client may not use this grant');
    case 'missing':
      return new OAuthError('invalid_request', 400, "missing required parameter 'assertion'");
    case 'keys_unavailable':
    case 'mapping_failed':
      return new OAuthError('temporarily_unavailable', 503, 'the server cannot answer now; try again');
    case 'resource_unknown':
    case 'resource_not_granted':
    case 'resource_needed':
      return invalidTarget(problem);
    case 'scope_not_granted':
      return invalidScope();
    case 'too_large':
    case 'malformed':
    case 'wrong_type':
    case 'issuer_untrusted':
    case 'algorithm_refused':
    case 'key_unknown':
    case 'signature_invalid':
    case 'wrong_audience':
    case 'client_not_listed':
    case 'client_mismatch':
    case 'claim_missing':
    case 'expired':
    case 'issued_in_future':
    case 'issued_too_long_ago':
    case 'lifetime_refused':
    case 'not_yet_valid':
    case 'authorization_details_unsupported':
    case 'confirmation_unsupported':
    case 'proof_missing':
    case 'proof_of_other_key':
    case 'resource_foreign':
    case 'scope_foreign':
    case 'tenant_unmapped':
    case 'subject_refused':
    case 'user_refused':
    case 'replayed':
      return new OAuthError('invalid_grant', 400, 'grant request is invalid');
  }
}
