import { hash } from 'node:crypto';
import type { Storage } from '../storage/storage.ts';

/** Counts attempts per subject in a window, shared by every replica through storage. */
export interface Limiter {
  /** @returns whether this attempt is within the limit */
  attempt(subject: string): Promise<boolean>;
}

/** @param name which limit: counters of different names never mix */
export function createLimiter(storage: Storage, name: string, rule: { limit: number; windowSeconds: number }): Limiter {
  return {
    async attempt(subject) {
      const count = await storage.increment(`${name}:${hash('sha256', subject, 'base64url')}`, rule.windowSeconds);
      return count <= rule.limit;
    },
  };
}
