/** So many attempts of one subject in a window, which opens with the first of them. */
export interface RateLimit {
  /** Integer, 1 to 1000000. */
  readonly limit: number;
  /** Integer, 1 to 86400. */
  readonly windowSeconds: number;
}

/** An attempt, as far as it is known before it is served. */
export interface RateLimitedAttempt {
  readonly endpoint: 'registration' | 'authorization' | 'token';
  /** Address of the caller, as Express's `trust proxy` says; an IPv6 address stands for its /64 network. */
  readonly address: string;
  /** At authorization and token requests, where one is named. */
  readonly clientId?: string;
  /** Where answers would go: the host of the first redirect URI, its scheme for a private one, `loopback` for this computer. */
  readonly redirectHost?: string;
}

/**
 * What strangers may do, counted by all replicas together. Subjects are a client or redirect host at one address, so that one
 * client of a hosted service does not use up the limit of the others; an address alone has ten times as much. Callers on
 * loopback are not limited: they are programs of this machine, or stand behind a proxy that Express does not trust.
 */
export interface RateLimitOptions {
  /** Registrations (RFC 7591). `false` turns the limit off. @defaultValue 300 an hour */
  readonly registration?: RateLimit | false;
  /** Authorization requests. @defaultValue 120 a minute */
  readonly authorization?: RateLimit | false;
  /** Requests refused at the token, revocation, introspection and pushed authorization request endpoints. @defaultValue 100 in five minutes */
  readonly tokenFailures?: RateLimit | false;
  /** Another subject than the client at its address; undefined: this attempt is not limited. */
  readonly subjectOf?: (attempt: RateLimitedAttempt) => string | undefined;
}
