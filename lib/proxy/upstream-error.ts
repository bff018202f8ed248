/** Why the upstream gave no usable answer. */
export type UpstreamProblem =
  | { readonly reason: 'unreachable'; readonly code: string }
  | { readonly reason: 'timed_out' }
  | { readonly reason: 'unauthorized' }
  | { readonly reason: 'redirected'; readonly status: number }
  | { readonly reason: 'credential_unavailable' };

/** Status and text for the client; neither names the upstream. */
export function upstreamAnswer(problem: UpstreamProblem): { status: 502 | 504; message: string } {
  switch (problem.reason) {
    case 'timed_out':
      return { status: 504, message: 'the upstream server did not answer in time' };
    case 'unauthorized':
      return { status: 502, message: 'the upstream server refused its credential' };
    case 'redirected':
    case 'unreachable':
    case 'credential_unavailable':
      return { status: 502, message: 'the upstream server cannot be reached' };
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
    case 'credential_unavailable':
      return problem.reason;
  }
}
