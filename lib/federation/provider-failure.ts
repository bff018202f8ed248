import * as oidc from 'openid-client';
import { OutboundError, type OutboundErrorReason } from '../shared/outbound.ts';
import { LoginError } from './login-error.ts';

/** Reasons of the outbound client that are an answer, though none that can be used. */
const unusableAnswers: ReadonlySet<string> = new Set(['too_large', 'encoding_refused'] satisfies OutboundErrorReason[]);

function fromOutbound(cause: OutboundError): LoginError {
  const reason = unusableAnswers.has(cause.reason) ? 'provider_answer_invalid' : 'provider_unreachable';
  return new LoginError({ reason, detail: cause.reason }, { cause });
}

/** Whether another attempt may be answered: an outage, or too many requests (RFC 6585 section 4). */
export function isOutage(status: unknown): boolean {
  return typeof status === 'number' && (status >= 500 || status === 429);
}

/** Sorts what openid-client and the outbound client throw: refusals of the provider, lies, and outages. */
export function toLoginError(error: unknown): LoginError {
  if (error instanceof LoginError) return error;
  if (error instanceof oidc.AuthorizationResponseError) {
    return new LoginError({ reason: 'refused_by_provider', error: error.error }, { cause: error });
  }
  if (error instanceof oidc.ResponseBodyError && !isOutage(error.status)) {
    return new LoginError({ reason: 'provider_refused_code', error: error.error }, { cause: error });
  }
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof LoginError) return cause;
    if (cause instanceof OutboundError) return fromOutbound(cause);
    const status =
      (cause as { status?: unknown }).status ?? (cause.cause instanceof Response ? cause.cause.status : undefined);
    if (isOutage(status)) {
      return new LoginError({ reason: 'provider_unreachable', detail: `status ${status}` }, { cause: error });
    }
    if ((cause as { code?: string }).code === 'OAUTH_TIMEOUT') {
      return new LoginError({ reason: 'provider_unreachable', detail: 'timed_out' }, { cause });
    }
  }
  return new LoginError({ reason: 'provider_answer_invalid', detail: (error as Error).message }, { cause: error });
}
