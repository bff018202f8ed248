import type { ServerResponse } from 'node:http';
import type { EventSink } from '../shared/events.ts';
import { sendJson } from '../shared/http.ts';
import { StorageUnavailableError } from '../storage/storage.ts';

/** Answers a request to a resource that could not be decided: an outage is 503, never 401; a defect is 500, told only in events. */
export function sendFailure(res: ServerResponse, events: EventSink, error: unknown): void {
  const isOutage = error instanceof StorageUnavailableError;
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : 'unknown';
  events.emit({ type: isOutage ? 'storage.unavailable' : 'server.error', reason });
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
