import { describe, expect, test } from '@jest/globals';
import { type OpenStore, storageContract } from '../../adapters/storage/contract.ts';
import { memoryStorage } from '../../lib/storage/memory.ts';
import type { Storage } from '../../lib/storage/storage.ts';
import { notInOneStep } from './broken-stores/not-in-one-step.ts';
import { wrongGrants } from './broken-stores/wrong-grants.ts';
import { wrongRecords } from './broken-stores/wrong-records.ts';
import { wrongSearches } from './broken-stores/wrong-searches.ts';
import { wrongTimes } from './broken-stores/wrong-times.ts';
import { wrongValues } from './broken-stores/wrong-values.ts';

const BROKEN_STORES = [
  ...notInOneStep,
  ...wrongRecords,
  ...wrongValues,
  ...wrongTimes,
  ...wrongGrants,
  ...wrongSearches,
];

/** The rules that a store breaks, by name. */
async function failuresOf(open: OpenStore): Promise<string[]> {
  const rules: { name: string; body: () => Promise<void> }[] = [];
  storageContract({ test: (name, body) => rules.push({ name, body }) }, open);
  const failures: string[] = [];
  for (const { name, body } of rules) await body().catch(() => failures.push(name));
  return failures;
}

const alone = (storage: Storage) => ({ storage, close: () => storage.close() });

describe('the contract', () => {
  test('passes a sound store', async () => {
    expect(await failuresOf(async (clock) => alone(memoryStorage(clock)))).toEqual([]);
  });

  test.each(BROKEN_STORES)('fails a store that $fault', async ({ rule, breakIt }) => {
    const failures = await failuresOf(async (clock) => {
      const sound = memoryStorage(clock);
      return alone({ ...sound, ...breakIt(sound, clock) });
    });
    expect(failures).toContain(rule);
  });

  test('fails a store whose other connection has data of its own', async () => {
    const failures = await failuresOf(async (clock) => ({
      ...alone(memoryStorage(clock)),
      another: async () => memoryStorage(clock),
    }));
    expect(failures).toContain('records: another connection sees what was written');
    expect(failures).toContain('atomicity: one of parallel consumes wins, and its time stands');
  });

  test('fails a store that loses everything in a restart', async () => {
    const failures = await failuresOf(async (clock) => ({
      ...alone(memoryStorage(clock)),
      reopen: async () => memoryStorage(clock),
    }));
    expect(failures).toEqual([
      'restart: records, consumption and index survive a restart',
      'restart: grants and tombstones survive a restart',
      'restart: counters survive a restart',
    ]);
  });

  test('fails a store whose ping rejects, and closes every store it opened', async () => {
    let opened = 0;
    let closed = 0;
    const failures = await failuresOf(async (clock) => {
      opened += 1;
      const storage = { ...memoryStorage(clock), ping: () => Promise.reject(new Error('no answer')) };
      const close = async () => {
        closed += 1;
      };
      return { storage, close };
    });
    expect(failures).toEqual(['records: ping resolves']);
    expect(closed).toBe(opened);
  });
});
