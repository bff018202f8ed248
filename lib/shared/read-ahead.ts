import type { Storage, StoredRecord } from '../storage/storage.ts';
import { currentRequest } from './current-request.ts';

type Read = Promise<StoredRecord | undefined>;

/**
 * Reads that a request begins before it needs them, so that they go to the store together with another one. Each is used
 * once and by its own request only: nothing is kept that could grow old.
 */
const begun = new WeakMap<object, Map<string, Read>>();

const nameOf = (kind: string, id: string) => `${kind} ${id}`;

/** Begins a read that this request is sure to make. Outside of a request nothing happens. */
export function beginRead(storage: Storage, kind: string, id: string): void {
  const request = currentRequest();
  if (!request) return;
  const reads = begun.get(request) ?? new Map<string, Read>();
  const name = nameOf(kind, id);
  if (reads.has(name)) return;
  const read = storage.get(kind, id);
  read.catch(() => undefined); // Told to whoever asks for the record.
  begun.set(request, reads.set(name, read));
}

/** {@link Storage.get}, or the read of it that this request has begun. */
export function readRecord(storage: Storage, kind: string, id: string): Read {
  const request = currentRequest();
  const reads = request && begun.get(request);
  const read = reads?.get(nameOf(kind, id));
  if (!read) return storage.get(kind, id);
  reads?.delete(nameOf(kind, id));
  return read;
}
