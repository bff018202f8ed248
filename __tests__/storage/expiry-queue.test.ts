import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Expiring, ExpiryQueue } from '../../lib/storage/expiry-queue.ts';
import { memoryStorage } from '../../lib/storage/memory.ts';

interface Item extends Expiring {
  readonly expiresAt?: number;
}

describe('the queue of what expires', () => {
  test('gives the items in the order of their expiry, whatever was added and removed before', () => {
    const step = fc.oneof(
      fc.record({ add: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }) }),
      fc.record({ remove: fc.nat({ max: 50 }) }),
      fc.record({ take: fc.integer({ min: 0, max: 20 }) }),
    );
    const property = fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new ExpiryQueue<Item>();
      let model: Item[] = [];
      for (const given of steps) {
        if ('add' in given) {
          const item: Item = given.add === undefined ? {} : { expiresAt: given.add };
          queue.add(item);
          if (given.add !== undefined) model.push(item);
        } else if ('remove' in given) {
          const item = model[given.remove % Math.max(1, model.length)] ?? {};
          queue.remove(item);
          model = model.filter((other) => other !== item);
        } else {
          const first = Math.min(...model.map(({ expiresAt = Infinity }) => expiresAt));
          const taken = queue.take(given.take);
          expect(taken?.expiresAt).toBe(first <= given.take ? first : undefined);
          model = model.filter((other) => other !== taken);
        }
        expect(queue.size).toBe(model.length);
      }
    });
    fc.assert(property, { seed: 5, numRuns: 300 });
  });

  test('holds nothing of what was removed or written over', async () => {
    const queue = new ExpiryQueue<Item>();
    const items = Array.from({ length: 1000 }, (_, at): Item => ({ expiresAt: at % 7 }));
    for (const item of items) queue.add(item);
    for (const item of items) queue.remove(item);
    expect(queue.size).toBe(0);
    expect(queue.take(Infinity)).toBeUndefined();
  });
});

test('memory storage sweeps what was written last, and nothing of what was written over or taken', async () => {
  let present = 1000;
  const storage = memoryStorage({ now: () => present });
  for (let at = 0; at < 50; at += 1) await storage.put('Token', 'a', { at }, { expiresAt: 1100 - at });
  await storage.put('Token', 'taken', {}, { expiresAt: 1010 });
  await storage.take('Token', 'taken');
  present = 1050;
  expect(await storage.sweep(present, 99)).toBe(0);
  expect((await storage.get('Token', 'a'))?.value).toEqual({ at: 49 });
  present = 1051;
  expect(await storage.sweep(present, 99)).toBe(1);
  expect(await storage.sweep(Infinity, 99)).toBe(0);
});
