import type { Storage, StorageWarning } from './storage.ts';

/**
 * Asks the store once what endangers it, as soon as it answers. Nothing depends on it: where it cannot say, it is asked
 * again at the next call.
 */
export function createStorageWarnings(storage: Storage, tell: (warning: StorageWarning) => void): () => Promise<void> {
  let isTold = false;
  return async () => {
    if (isTold || !storage.warnings) return;
    isTold = true;
    try {
      for (const warning of await storage.warnings()) tell(warning);
    } catch {
      isTold = false;
    }
  };
}
