import { expect, test } from '@jest/globals';
import { storageContract } from '../../adapters/storage/contract.ts';
import { memoryStorage } from '../../lib/storage/memory.ts';

storageContract({ test }, async (clock) => {
  const storage = memoryStorage(clock);
  return { storage, close: () => storage.close() };
});

test('sweep removes records, tombstones and counters together within one limit', async () => {
  let present = 1000;
  const storage = memoryStorage({ now: () => present });
  for (const id of ['a', 'b']) await storage.put('Token', id, {}, { expiresAt: 1060 });
  for (const grantId of ['g', 'h']) await storage.deleteByGrant(grantId, 1060);
  for (const key of ['k', 'l']) await storage.increment(key, 60);
  present = 1060;
  const counts: number[] = [];
  for (let i = 0; i < 4; i += 1) counts.push(await storage.sweep(present, 2));
  expect(counts).toEqual([2, 2, 2, 0]);
});

test('times are those of the system clock where none is given', async () => {
  const storage = memoryStorage();
  const present = Date.now() / 1000;
  await storage.put('Token', 'past', {}, { expiresAt: present - 1 });
  await storage.put('Token', 'future', {}, { expiresAt: present + 60 });
  expect(await storage.get('Token', 'past')).toBeUndefined();
  expect(await storage.get('Token', 'future')).toBeDefined();
});

test('a value that JSON cannot hold is refused and nothing is written', async () => {
  const storage = memoryStorage();
  await expect(storage.put('Token', 'a', { n: 1n })).rejects.toThrow(TypeError);
  expect(await storage.get('Token', 'a')).toBeUndefined();
});
