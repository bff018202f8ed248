/** Why the upstream gave no usable answer. */
export type UpstreamProblem =
  | { readonly reason: 'unreachable'; readonly code: string }
  | { readonly reason: 'timed_out' }
  | { readonly reason: 'unauthorized' }
  /** The session of another caller, or none of ours: the upstream was not asked. */
  | { readonly reason: 'foreign_session' }
  | { readonly reason: 'redirected'; readonly status: number }
  /** An answer that has to be filtered cannot be. */
  | { readonly reason: 'unreadable'; readonly detail: string }
  | { readonly reason: 'credential_refused'; readonly detail: string }
  | { readonly reason: 'credential_unavailable'; readonly detail: string; readonly retryAfterSeconds: number };

const internalError = -32603;
/** What servers say of a session that they do not have: clients begin a new one (MCP 2025-11-25, Session Management). */
const sessionNotFound = -32001;

/** Status, JSON-RPC code and text for the client; none names the upstream. */
export function upstreamAnswer(problem: UpstreamProblem): {
  status: 404 | 502 | 503 | 504;
  code: number;
  message: string;
  retryAfterSeconds?: number;
} {
  const code = internalError;
  switch (problem.reason) {
    case 'foreign_session':
      return { code: sessionNotFound, status: 404, message: 'Session not found' };
    case 'timed_out':
      return { code, status: 504, message: 'the upstream server did not answer in time' };
    case 'unauthorized':
    case 'credential_refused':
      return { code, status: 502, message: 'the upstream server refused its credential' };
    case 'redirected':
    case 'unreachable':
    case 'unreadable':
      return { code, status: 502, message: 'the upstream server cannot be reached' };
    case 'credential_unavailable':
      return {
        code,
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
    case 'foreign_session':
      return problem.reason;
    case 'unreadable':
    case 'credential_refused':
    case 'credential_unavailable':
      return `${problem.reason}: ${problem.detail}`;
  }
}
