import { readAll } from '../storage/commit.ts';
import type { RecordAddress, Storage, StoredRecord } from '../storage/storage.ts';
import { currentRequest } from './current-request.ts';

type Found = StoredRecord | undefined;

/** A read of several records, and which of them is meant. */
interface Begun {
  readonly all: Promise<readonly Found[]>;
  readonly place: number;
}

/**
 * Reads that a request begins before it needs them, so that they go to the store together. Each is used once and by its
 * own request only: nothing is kept that could grow old.
 */
const begun = new WeakMap<object, Map<string, Begun>>();

const nameOf = (kind: string, id: string) => `${kind} ${id}`;

/** Begins reads of records that this request is sure to need, in one round trip. Outside of a request nothing happens. */
export function beginReads(storage: Storage, addresses: readonly RecordAddress[]): void {
  const request = currentRequest();
  if (!request) return;
  const reads = begun.get(request) ?? new Map<string, Begun>();
  const missing = addresses.filter(({ kind, id }) => !reads.has(nameOf(kind, id)));
  if (missing.length === 0) return;
  const all = readAll(storage, missing);
  all.catch(() => undefined); // Told to whoever asks for a record.
  for (const [place, { kind, id }] of missing.entries()) reads.set(nameOf(kind, id), { all, place });
  begun.set(request, reads);
}

/** {@link Storage.get}, or the read of it that this request has begun. */
export async function readRecord(storage: Storage, kind: string, id: string): Promise<Found> {
  const request = currentRequest();
  const reads = request && begun.get(request);
  const read = reads?.get(nameOf(kind, id));
  if (!read) return storage.get(kind, id);
  reads?.delete(nameOf(kind, id));
  return (await read.all)[read.place];
}
