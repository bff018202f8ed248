import { errors } from 'oidc-provider';

/** An outage answer that oidc-provider renders as it is: 503 with the code of RFC 6749 section 4.1.2.1, never a redirect. */
export class TemporarilyUnavailable extends errors.OIDCProviderError {
  /** For what Koa sends by itself: when to try again (RFC 9110 section 10.2.3). */
  readonly headers = { 'retry-after': '5' };

  constructor(options?: ErrorOptions) {
    super(503, 'temporarily_unavailable', options as never);
    this.name = 'TemporarilyUnavailable';
    Object.assign(this, {
      expose: true,
      allow_redirect: false,
      error_description: 'the server cannot answer now; try again',
    });
  }
}
