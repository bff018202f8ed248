/** Base of every error this library throws on purpose. `code` is stable and listed in docs/errors.md. */
export abstract class McpOAuthError extends Error {
  abstract readonly code: string;
}

/** One wrong option: where it is, and the rule it breaks. Never its value, which may be a secret. */
export interface OptionProblem {
  /** Dotted path, such as `gateway.accessTokenTtlSeconds`. */
  readonly option: string;
  readonly message: string;
}

/** The integrator's mistake, found at start. Lists every wrong option at once. */
export class ConfigurationError extends McpOAuthError {
  readonly code = 'configuration';
  readonly problems: readonly OptionProblem[];

  constructor(subject: string, problems: readonly OptionProblem[], options?: ErrorOptions) {
    const lines = problems.map(({ option, message }) => `  ${option}: ${message}`);
    super([`${subject}:`, ...lines].join('\n'), options);
    this.name = 'ConfigurationError';
    this.problems = problems;
  }
}

/** Error codes that this library itself puts on the wire (RFC 6749, RFC 6750, RFC 7591, RFC 8707). */
export type OAuthErrorCode =
  | 'access_denied'
  | 'insufficient_scope'
  | 'invalid_client_metadata'
  | 'invalid_grant'
  | 'invalid_redirect_uri'
  | 'invalid_request'
  | 'invalid_scope'
  | 'invalid_target'
  | 'invalid_token'
  | 'server_error'
  | 'temporarily_unavailable'
  | 'unauthorized_client';

/** A peer's request failed. `message` is the public description: it holds no secret and names no cause. */
export class OAuthError extends McpOAuthError {
  readonly code: OAuthErrorCode;
  /** HTTP status of the answer. */
  readonly status: number;

  constructor(code: OAuthErrorCode, status: number, description: string, options?: ErrorOptions) {
    super(description, options);
    this.name = 'OAuthError';
    this.code = code;
    this.status = status;
  }

  /** The answer's body (RFC 6749 section 5.2). */
  toJSON(): { error: string; error_description: string } {
    return { error: this.code, error_description: this.message };
  }
}
