import type { ServerResponse } from 'node:http';
import { OAuthError } from '../errors.ts';
import type { EventSink } from '../shared/events.ts';
import { sendJson } from '../shared/http.ts';
import { StorageUnavailableError } from '../storage/storage.ts';

/** Answers a request to a resource that could not be decided: an outage is 503, never 401; a defect is 500, told only in events. */
export function sendFailure(res: ServerResponse, events: EventSink, error: unknown): void {
  const isIssuerOutage = error instanceof OAuthError && error.code === 'temporarily_unavailable';
  const isOutage = isIssuerOutage || error instanceof StorageUnavailableError;
  const cause = isIssuerOutage ? error.cause : error; // The error itself says only what everybody may know.
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : 'unknown';
  const outage = isIssuerOutage ? 'issuer.unavailable' : 'storage.unavailable';
  events.emit({ type: isOutage ? outage : 'server.error', reason });
  if (res.headersSent) {
    res.destroy();
    return;
  }
  if (isOutage) {
    const body = { error: 'temporarily_unavailable', error_description: 'the server cannot answer now; try again' };
    return sendJson(res, 503, body, { 'retry-after': '5' });
  }
  sendJson(res, 500, { error: 'server_error', error_description: 'the request failed' });
}
