import { expect, test } from '@jest/globals';
import { createLimiter, type Limiter } from '../../lib/shared/limiter.ts';
import { memoryStorage } from '../../lib/storage/memory.ts';

async function attempts(limiter: Limiter, subject: string, count: number): Promise<boolean[]> {
  return Promise.all(Array.from({ length: count }, () => limiter.attempt(subject)));
}

const allowed = (results: readonly boolean[]) => results.filter(Boolean).length;

test('exactly the limit passes, also of attempts that come together', async () => {
  const limiter = createLimiter(memoryStorage(), 'test', { limit: 3, windowSeconds: 60 });
  expect(await attempts(limiter, 'a', 5)).toEqual([true, true, true, false, false]);
  expect(allowed(await attempts(limiter, 'b', 50))).toBe(3);
});

test('replicas on one store share the count', async () => {
  const storage = memoryStorage();
  const rule = { limit: 4, windowSeconds: 60 };
  const replicas = [createLimiter(storage, 'test', rule), createLimiter(storage, 'test', rule)] as const;
  const results = await Promise.all(replicas.map((replica) => attempts(replica, 'a', 5)));
  expect(allowed(results.flat())).toBe(4);
});

test('subjects and limits of other names do not mix, even where their texts join alike', async () => {
  const storage = memoryStorage();
  const rule = { limit: 1, windowSeconds: 60 };
  const [one, other] = [createLimiter(storage, 'a', rule), createLimiter(storage, 'a:b', rule)];
  expect(await one.attempt('b:c')).toBe(true);
  expect(await other.attempt('c')).toBe(true);
  expect(await one.attempt('c')).toBe(true);
  expect(await one.attempt('b:c')).toBe(false);
});

test('a window lasts from the first attempt, not from the last, and the next one starts afresh', async () => {
  let present = 1000;
  const limiter = createLimiter(memoryStorage({ now: () => present }), 'test', { limit: 2, windowSeconds: 60 });
  expect(await attempts(limiter, 'a', 3)).toEqual([true, true, false]);
  present = 1059.9;
  expect(await limiter.attempt('a')).toBe(false);
  present = 1060;
  expect(await attempts(limiter, 'a', 3)).toEqual([true, true, false]);
});

test("a subject never stands in the store as it is: it may be a caller's text of any length", async () => {
  const keys: string[] = [];
  const storage = memoryStorage();
  const recording = {
    ...storage,
    increment: (key: string, ttl: number) => {
      keys.push(key);
      return storage.increment(key, ttl);
    },
  };
  const limiter = createLimiter(recording, 'cimd-host', { limit: 1, windowSeconds: 60 });
  await limiter.attempt('client.example');
  await limiter.attempt('x'.repeat(100_000));
  expect(keys).toHaveLength(2);
  for (const key of keys) expect(key).toMatch(/^cimd-host:[\w-]{43}$/);
});
