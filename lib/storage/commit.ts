import type { DecidingWrite, RecordAddress, RecordWrite, Storage, StoredRecord } from './storage.ts';

type Steps = Pick<Storage, 'put' | 'create' | 'replace' | 'consume' | 'delete'>;

/**
 * {@link Storage.commit} for an engine that cannot write several records in one step: first the others, which nobody
 * knows yet, and then the deciding write. A process that dies in between leaves records that no one can find; one that
 * dies at the very end leaves a used record that is not marked as consumed, so its value has to say what became of it.
 */
export async function commitInSteps(
  storage: Steps,
  deciding: DecidingWrite,
  others: readonly RecordWrite[],
): Promise<boolean> {
  const outcomes = await Promise.allSettled(
    others.map(({ kind, id, value, options }) => storage.put(kind, id, value, options)),
  );
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  const isWritten = outcomes.every((outcome) => outcome.status === 'fulfilled' && outcome.value);
  // Where its answer is lost, it may have happened all the same: the others stay then.
  if (isWritten && (await decide(storage, deciding))) return true;
  await Promise.allSettled(others.map(({ kind, id }) => storage.delete(kind, id)));
  if (failed) throw failed.reason;
  return false;
}

async function decide(storage: Steps, deciding: DecidingWrite): Promise<boolean> {
  const { kind, id, value, options } = deciding;
  if (deciding.how === 'create') return storage.create(kind, id, value, options);
  if (!(await storage.replace(kind, id, deciding.version, value, options))) return false;
  await storage.consume(kind, id, deciding.consumedAt);
  return true;
}

/** {@link Storage.commit}, whatever the store has. */
export function commitAll(storage: Storage, deciding: DecidingWrite, others: readonly RecordWrite[]): Promise<boolean> {
  return storage.commit ? storage.commit(deciding, others) : commitInSteps(storage, deciding, others);
}

/** {@link Storage.getAll}, whatever the store has. */
export function readAll(storage: Storage, addresses: readonly RecordAddress[]): Promise<(StoredRecord | undefined)[]> {
  return storage.getAll?.(addresses) ?? Promise.all(addresses.map(({ kind, id }) => storage.get(kind, id)));
}
