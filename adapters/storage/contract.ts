import { atomicity } from './contract/atomicity.ts';
import { counters } from './contract/counters.ts';
import { expiry } from './contract/expiry.ts';
import { grants } from './contract/grants.ts';
import { records } from './contract/records.ts';
import { restart } from './contract/restart.ts';
import { search } from './contract/search.ts';
import { several } from './contract/several.ts';
import { type OpenStore, openSubject } from './contract/subject.ts';
import { sweeping } from './contract/sweeping.ts';
import { values } from './contract/values.ts';

export type { ContractClock, OpenStore, StoreUnderTest } from './contract/subject.ts';

/** What runs a test: the `test` of jest, vitest or node:test. */
export interface ContractRunner {
  test(name: string, body: () => Promise<void>): void;
}

/**
 * Everything that {@link Storage} promises, as tests: a store that passes may stand under `mcpOAuth({ storage })`. Run it
 * against the real server, with `another` as a second connection: a rule that holds in one connection only is no rule.
 *
 * Not covered, because only the store's author can arrange it: an outage must reject with `StorageUnavailableError`.
 *
 * @example
 * import { test } from 'node:test';
 * import { storageContract } from 'express-mcp-auth/storage/contract';
 *
 * storageContract({ test }, async (clock) => {
 *   const storage = myStorage({ now: clock.now });
 *   return { storage, close: () => storage.close() };
 * });
 */
export function storageContract(run: ContractRunner, open: OpenStore): void {
  const chapters = { records, values, expiry, atomicity, several, grants, search, counters, sweeping, restart };
  for (const [chapter, rules] of Object.entries(chapters)) {
    for (const [rule, check] of Object.entries(rules)) {
      run.test(`${chapter}: ${rule}`, async () => {
        const subject = await openSubject(open);
        try {
          await check(subject);
        } finally {
          await subject.close();
        }
      });
    }
  }
}
