import { setTimeout as pause } from 'node:timers/promises';
import { StorageUnavailableError } from '../../../lib/storage/storage.ts';
import type { PostgresClient, Query } from './client.ts';
import { isConflict, toStorageError } from './errors.ts';

export interface Limit {
  /** Rejects when the time is over, and begins nothing then. What work comes to afterwards reaches nobody. */
  race<T>(begin: () => Promise<T>): Promise<T>;
}

const RETRIES = 3;
const LONGEST_FIRST_PAUSE_MS = 20;

/** Starts a time limit, for everything that is raced against it together. */
export function startLimit(milliseconds: number): Limit {
  const end = performance.now() + milliseconds;
  const isOver = () => new StorageUnavailableError(`PostgreSQL did not answer within ${milliseconds} ms`);
  return {
    async race(begin) {
      const left = end - performance.now();
      if (left <= 0) throw isOver();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(isOver()), left);
      });
      try {
        return await Promise.race([begin(), late]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/**
 * Makes a function that runs statements, tries again what conflicted with another transaction, and rejects as the port
 * promises.
 * @param limit for all statements of the function together.
 * @param isRetried which errors a statement is tried again for: those after which it was rolled back, so that it happens
 * once.
 */
export function queryOf(client: PostgresClient, limit?: Limit, isRetried = isConflict): Query {
  const run = async (text: string, values: unknown[]) => client.query(text, values);

  return async (text, values = []) => {
    for (let retries = 0; ; retries += 1) {
      try {
        const { rows } = await (limit ? limit.race(() => run(text, values)) : run(text, values));
        return rows;
      } catch (error) {
        if (retries === RETRIES || !isRetried(error)) throw toStorageError(error);
      }
      await pause(Math.random() * LONGEST_FIRST_PAUSE_MS * 2 ** retries);
    }
  };
}
