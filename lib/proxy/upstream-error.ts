/** Why the upstream gave no usable answer. */
export type UpstreamProblem =
  | { readonly reason: 'unreachable'; readonly code: string }
  | { readonly reason: 'timed_out' }
  | { readonly reason: 'unauthorized' }
  | { readonly reason: 'redirected'; readonly status: number }
  /** An answer that has to be filtered cannot be. */
  | { readonly reason: 'unreadable'; readonly detail: string }
  | { readonly reason: 'credential_refused'; readonly detail: string }
  | { readonly reason: 'credential_unavailable'; readonly detail: string; readonly retryAfterSeconds: number };

/** Status and text for the client; neither names the upstream. */
export function upstreamAnswer(problem: UpstreamProblem): {
  status: 502 | 503 | 504;
  message: string;
  retryAfterSeconds?: number;
} {
  switch (problem.reason) {
    case 'timed_out':
      return { status: 504, message: 'the upstream server did not answer in time' };
    case 'unauthorized':
    case 'credential_refused':
      return { status: 502, message: 'the upstream server refused its credential' };
    case 'redirected':
    case 'unreachable':
    case 'unreadable':
      return { status: 502, message: 'the upstream server cannot be reached' };
    case 'credential_unavailable':
      return {
        status: 503,
        message: 'the credential for the upstream server cannot be had now; try again',
        retryAfterSeconds: problem.retryAfterSeconds,
      };
  }
}

/** One line for events. */
export function describeUpstreamProblem(problem: UpstreamProblem): string {
  switch (problem.reason) {
    case 'unreachable':
      return `unreachable: ${problem.code}`;
    case 'redirected':
      return `redirected: ${problem.status}`;
    case 'timed_out':
    case 'unauthorized':
      return problem.reason;
    case 'unreadable':
    case 'credential_refused':
    case 'credential_unavailable':
      return `${problem.reason}: ${problem.detail}`;
  }
}
