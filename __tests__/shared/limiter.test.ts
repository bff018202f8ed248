import { afterEach, expect, jest, test } from '@jest/globals';
import { createLimiter, type Limiter } from '../../lib/shared/limiter.ts';
import { memoryStorage } from '../../lib/storage/memory.ts';

async function attempts(limiter: Limiter, subject: string, count: number): Promise<boolean[]> {
  return Promise.all(Array.from({ length: count }, async () => (await limiter.attempt(subject)) === undefined));
}

const isAllowed = async (limiter: Limiter, subject: string) => (await limiter.attempt(subject)) === undefined;

afterEach(() => {
  jest.restoreAllMocks();
});

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
  expect(await isAllowed(one, 'b:c')).toBe(true);
  expect(await isAllowed(other, 'c')).toBe(true);
  expect(await isAllowed(one, 'c')).toBe(true);
  expect(await isAllowed(one, 'b:c')).toBe(false);
});

test('a window lasts from the first attempt, not from the last, and the next one starts afresh', async () => {
  let present = 1000;
  jest.spyOn(Date, 'now').mockImplementation(() => present * 1000);
  const limiter = createLimiter(memoryStorage({ now: () => present }), 'test', { limit: 2, windowSeconds: 60 });
  expect(await attempts(limiter, 'a', 3)).toEqual([true, true, false]);
  present = 1059.9;
  expect(await isAllowed(limiter, 'a')).toBe(false);
  present = 1070; // A refusal is remembered for ten seconds.
  expect(await attempts(limiter, 'a', 3)).toEqual([true, true, false]);
});

test('says how long to wait, and asks the store nothing while it is waited', async () => {
  let present = 1000;
  let asked = 0;
  jest.spyOn(Date, 'now').mockImplementation(() => present * 1000);
  const storage = memoryStorage({ now: () => present });
  const counting = {
    ...storage,
    increment: (key: string, ttl: number) => storage.increment(key, ttl).finally(() => (asked += 1)),
  };
  const limiter = createLimiter(counting, 'test', { limit: 1, windowSeconds: 60 });
  expect([limiter.waitOf('a'), await limiter.attempt('a'), limiter.waitOf('a')]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect([await limiter.attempt('a'), limiter.waitOf('a'), asked]).toEqual([10, 10, 2]);
  present = 1004;
  expect([await limiter.attempt('a'), limiter.waitOf('a'), limiter.waitOf('b'), asked]).toEqual([6, 6, undefined, 2]);
});

test('remembers a bounded number of those who are over it', async () => {
  const limiter = createLimiter(memoryStorage(), 'test', { limit: 1, windowSeconds: 60 });
  const subjects = Array.from({ length: 5001 }, (_, index) => `attacker ${index}`);
  for (const subject of subjects) {
    await limiter.attempt(subject);
    expect(await isAllowed(limiter, subject)).toBe(false);
  }
  expect(subjects.filter((subject) => limiter.waitOf(subject) !== undefined).length).toBeLessThanOrEqual(5000);
  expect(await isAllowed(limiter, 'attacker 0')).toBe(false);
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
