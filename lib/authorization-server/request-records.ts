import { currentRequest } from '../shared/current-request.ts';

type Payload = Record<string, unknown>;

/** Records seen while one request is served, so that `consume` knows what it consumes without reading again. */
const seen = new WeakMap<object, Map<string, Payload>>();

/** Keeps a record for the rest of this request. */
export function rememberRecord(id: string, payload: Payload): void {
  const request = currentRequest();
  if (!request) return;
  const records = seen.get(request) ?? new Map<string, Payload>();
  records.set(id, payload);
  seen.set(request, records);
}

/** A record that this request has read. */
export function recallRecord(id: string): Payload | undefined {
  const request = currentRequest();
  return request && seen.get(request)?.get(id);
}
