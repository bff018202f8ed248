import { expect, test } from '@jest/globals';
import { memoryStorage, type Storage, StorageUnavailableError } from '../../lib/index.ts';
import { createSweeper } from '../../lib/storage/sweeper.ts';

const past = Math.floor(Date.now() / 1000) - 10;

/** A store with so many expired rows, and the limits of every sweep of it. */
async function storeWith(rows: number): Promise<{ storage: Storage; limits: number[] }> {
  const storage = memoryStorage();
  const limits: number[] = [];
  const { sweep } = storage;
  storage.sweep = (before, limit) => {
    limits.push(limit);
    return sweep(before, limit);
  };
  for (let at = 0; at < rows; at += 1) await storage.put('Token', `${at}`, {}, { expiresAt: past });
  return { storage, limits };
}

test('sweeps in bounded batches until nothing is left', async () => {
  const { storage, limits } = await storeWith(2500);
  const sweeper = createSweeper(storage);
  expect(await sweeper.sweep()).toBe(true);
  sweeper.stop();
  expect(limits).toEqual([1000, 1000, 1000]);
  // What is left is the lease of this sweep, which has ended.
  expect(await storage.sweep(Date.now() / 1000, 99)).toBeLessThanOrEqual(1);
});

test('of several processes one sweeps at a time, and the next may when it is done', async () => {
  const { storage, limits } = await storeWith(10);
  const [one, other] = [createSweeper(storage), createSweeper(storage)];
  expect((await Promise.all([one.sweep(), other.sweep()])).filter(Boolean)).toEqual([true]);
  expect(limits).toEqual([1000]);
  expect(await other.sweep()).toBe(true);
  one.stop();
  other.stop();
});

test('leaves the lease to the process that took it over', async () => {
  const { storage } = await storeWith(0);
  const { sweep } = storage;
  storage.sweep = async (...given) => {
    // This process stood still for longer than its lease.
    await storage.put('SweepLease', 'sweep', { holder: 'another' }, { expiresAt: Date.now() / 1000 + 60 });
    return sweep(...given);
  };
  const sweeper = createSweeper(storage);
  await sweeper.sweep();
  sweeper.stop();
  expect((await storage.get('SweepLease', 'sweep'))?.value).toEqual({ holder: 'another' });
});

test('an outage is nothing to it', async () => {
  const { storage } = await storeWith(0);
  storage.sweep = () => Promise.reject(new StorageUnavailableError('down'));
  const sweeper = createSweeper(storage);
  expect(await sweeper.sweep()).toBe(false);
  sweeper.stop();
});
