import type { Storage } from './storage.ts';

/**
 * Deletes a record only while it still has this version: a lease that another took over, or a record that another wrote
 * anew, stays. The record is replaced by one that has expired, so it is gone for everybody at once, in one step.
 * @returns false where another version is there, or none
 */
export function compareAndDelete(storage: Storage, kind: string, id: string, version: string): Promise<boolean> {
  return storage.replace(kind, id, version, {}, { expiresAt: 0 });
}
