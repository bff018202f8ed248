import * as oidc from 'openid-client';
import { OutboundError } from '../shared/outbound.ts';

/** Why an authorization server of an upstream gave nothing. */
export type UpstreamProblem =
  /** It said no, with a registered error (RFC 6749 section 5.2). */
  | { readonly reason: 'refused'; readonly error: string }
  /** No answer, 429 or 5xx: another attempt may do. */
  | { readonly reason: 'unreachable'; readonly detail: string; readonly retryAfterSeconds: number }
  /** An answer that cannot be used. */
  | { readonly reason: 'invalid_answer'; readonly detail: string };

/** Something between this server and the authorization server of an upstream failed. */
export class UpstreamError extends Error {
  readonly problem: UpstreamProblem;

  constructor(problem: UpstreamProblem, options?: ErrorOptions) {
    super(describeUpstreamProblem(problem), options);
    this.name = 'UpstreamError';
    this.problem = problem;
  }
}

/** Characters of an error code (RFC 6749 section 5.2), and a length for logs. */
const errorCode = /^[\x20\x21\x23-\x5b\x5d-\x7e]{1,100}$/;

/** One line for events. */
export function describeUpstreamProblem(problem: UpstreamProblem): string {
  if ('detail' in problem) return `${problem.reason}: ${problem.detail}`;
  return `${problem.reason}: ${errorCode.test(problem.error) ? problem.error : 'malformed error code'}`;
}

/** Seconds of a `Retry-After`, within reason. */
export function retryAfterOf(headers: Headers | undefined): number {
  const given = Number(headers?.get('retry-after') ?? Number.NaN);
  return Number.isInteger(given) && given > 0 ? Math.min(given, 300) : 5;
}

/** Whether another attempt may be answered: an outage, or too many requests (RFC 6585 section 4). */
export function isOutage(status: number): boolean {
  return status >= 500 || status === 429;
}

function outage(response: Response, cause: unknown): UpstreamError {
  const detail = `status ${response.status}`;
  return new UpstreamError(
    { reason: 'unreachable', detail, retryAfterSeconds: retryAfterOf(response.headers) },
    { cause },
  );
}

/** Sorts what openid-client and the outbound client throw. */
export function toUpstreamError(error: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error;
  if (error instanceof oidc.AuthorizationResponseError) {
    return new UpstreamError({ reason: 'refused', error: error.error }, { cause: error });
  }
  if (error instanceof oidc.ResponseBodyError) {
    if (isOutage(error.status)) return outage(error.response, error);
    if (error.error === 'temporarily_unavailable' || error.error === 'server_error') {
      const problem = { reason: 'unreachable', detail: error.error, retryAfterSeconds: 5 } as const;
      return new UpstreamError(problem, { cause: error });
    }
    return new UpstreamError({ reason: 'refused', error: error.error }, { cause: error });
  }
  if (error instanceof oidc.WWWAuthenticateChallengeError) {
    if (isOutage(error.status)) return outage(error.response, error);
    // A challenge in a token answer is about the client (RFC 6749 section 5.2), and hides the body from us.
    return new UpstreamError({ reason: 'refused', error: 'invalid_client' }, { cause: error });
  }
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof OutboundError) {
      const problem = { reason: 'unreachable', detail: cause.reason, retryAfterSeconds: 5 } as const;
      return new UpstreamError(problem, { cause });
    }
    if (cause.cause instanceof Response && isOutage(cause.cause.status)) return outage(cause.cause, cause);
    if ((cause as { code?: string }).code === 'OAUTH_TIMEOUT') {
      return new UpstreamError({ reason: 'unreachable', detail: 'timed_out', retryAfterSeconds: 5 }, { cause });
    }
  }
  return new UpstreamError({ reason: 'invalid_answer', detail: (error as Error).message }, { cause: error });
}
