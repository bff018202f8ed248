import { hash } from 'node:crypto';
import type { Storage } from '../storage/storage.ts';

/** How many attempts one subject has in a window, which opens with the first of them. */
export interface LimitRule {
  readonly limit: number;
  readonly windowSeconds: number;
}

/** Counts attempts per subject in a window, shared by every replica through storage. */
export interface Limiter {
  /** @returns undefined within the limit, else how long to wait before the next attempt, seconds */
  attempt(subject: string): Promise<number | undefined>;
  /** How long a subject that this process saw over its limit has to wait, seconds. Asks no storage. */
  waitOf(subject: string): number | undefined;
}

/** Whoever is over the limit costs the store nothing for so long. */
const restSeconds = 10;
/** How many such subjects are remembered at most; the store counts the others again. */
const maxResting = 5000;

/** @param name which limit: counters of different names never mix */
export function createLimiter(storage: Storage, name: string, { limit, windowSeconds }: LimitRule): Limiter {
  const restMs = Math.min(windowSeconds, restSeconds) * 1000;
  /** Until when each one rests, UNIX milliseconds; the first one ends first. */
  const resting = new Map<string, number>();
  const keyOf = (subject: string) => `${name}:${hash('sha256', subject, 'base64url')}`;

  function waitOf(key: string): number | undefined {
    const until = resting.get(key);
    if (until === undefined) return undefined;
    const milliseconds = until - Date.now();
    if (milliseconds > 0) return Math.ceil(milliseconds / 1000);
    resting.delete(key);
    return undefined;
  }

  function rest(key: string): number {
    resting.delete(key);
    if (resting.size >= maxResting) resting.delete(resting.keys().next().value as string);
    resting.set(key, Date.now() + restMs);
    return restMs / 1000;
  }

  return {
    waitOf: (subject) => waitOf(keyOf(subject)),
    async attempt(subject) {
      const key = keyOf(subject);
      return waitOf(key) ?? ((await storage.increment(key, windowSeconds)) > limit ? rest(key) : undefined);
    },
  };
}
