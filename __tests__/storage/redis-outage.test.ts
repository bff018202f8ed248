import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { fromIORedis, type RedisClient, redisStorage } from '../../adapters/storage/redis.ts';
import { type Storage, StorageUnavailableError } from '../../lib/storage/storage.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { asCluster, CLIENTS, everyCall, openClient } from './redis-clients.ts';

const LIMIT_MS = 1000;
/** For a machine that is busy with something else. */
const MARGIN_MS = 4000;
const RECOVERY_LIMIT_MS = 10_000;

let server: RedisServer;
/** An operator's connection. */
let operator: Redis;

beforeEach(async () => {
  server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  operator = new Redis(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
  operator.on('error', () => {});
});

afterEach(async () => {
  operator.disconnect();
  await server.close();
});

/** Every call at once: which of them were refused as unavailable, and in what time. */
async function refusals(storage: Storage) {
  const start = performance.now();
  const errors = await Promise.all(
    Object.entries(everyCall(storage)).map(async ([method, call]) => {
      const error = await call().then(
        () => 'no error',
        (error) => error,
      );
      return [method, error] as const;
    }),
  );
  return { errors: Object.fromEntries(errors), tookMs: performance.now() - start };
}

function expectAllUnavailable(errors: { readonly [method: string]: unknown }): void {
  for (const [method, error] of Object.entries(errors)) {
    expect([method, error]).toEqual([method, expect.any(StorageUnavailableError)]);
  }
}

async function recovered(storage: Storage): Promise<number> {
  const start = performance.now();
  for (;;) {
    try {
      await storage.ping();
      return performance.now() - start;
    } catch (error) {
      if (!(error instanceof StorageUnavailableError) || performance.now() - start > RECOVERY_LIMIT_MS) throw error;
    }
    await pause(20);
  }
}

describe.each(CLIENTS)('through %s', (name) => {
  let client: RedisClient;
  let storage: Storage;
  let close: () => unknown;

  beforeEach(async () => {
    ({ client, close } = await openClient(name, server.url));
    storage = redisStorage(client, { prefix: server.prefix, commandTimeoutMs: LIMIT_MS });
    await storage.put('Client', 'before', { n: 1 });
  });

  afterEach(async () => {
    await close();
  });

  test('a server that stopped is an unavailable store within the limit, and the same store recovers', async () => {
    await server.stop();
    const { errors, tookMs } = await refusals(storage);
    expectAllUnavailable(errors);
    expect(tookMs).toBeLessThan(LIMIT_MS + MARGIN_MS);

    await server.restart();
    await recovered(storage);
    expect((await storage.get('Client', 'before'))?.value).toEqual({ n: 1 });
    for (const call of Object.values(everyCall(storage))) await call();
  });

  test('a server that hangs is an unavailable store within the limit, and the same store recovers', async () => {
    server.pause();
    for (const _ of [1, 2]) {
      const { errors, tookMs } = await refusals(storage);
      expectAllUnavailable(errors);
      expect(tookMs).toBeGreaterThanOrEqual(LIMIT_MS - 1);
      expect(tookMs).toBeLessThan(LIMIT_MS + MARGIN_MS);
    }
    // Late answers come now; jest fails a test in which a rejection goes unhandled.
    server.resume();
    await recovered(storage);
    expect((await storage.get('Client', 'before'))?.value).toEqual({ n: 1 });
  });

  test('a server that hangs between the steps of a write is an unavailable store within the limit', async () => {
    const options = { grantId: 'g', index: { by: 'x' } };
    let steps = 0;
    const evalSha: RedisClient['evalSha'] = (sha1, input) => {
      steps += 1;
      if (steps === 3) server.pause();
      return client.evalSha(sha1, input);
    };
    const hanging = redisStorage(asCluster({ eval: client.eval.bind(client), evalSha }), {
      prefix: server.prefix,
      commandTimeoutMs: LIMIT_MS,
    });
    await storage.put('Token', 'warm', {}, options);
    const start = performance.now();
    await expect(hanging.put('Token', 'a', {}, options)).rejects.toThrow(StorageUnavailableError);
    expect(performance.now() - start).toBeLessThan(LIMIT_MS + MARGIN_MS);
    server.resume();
    await recovered(storage);
  });

  test('a server without memory left refuses what writes, answers what reads, and forgets nothing', async () => {
    await operator.config('SET', 'maxmemory', '1', 'maxmemory-policy', 'noeviction');
    const call = storage.put('Client', 'after', { note: 'precious' });
    await expect(call).rejects.toThrow(StorageUnavailableError);
    await expect(call).rejects.toThrow(/^Redis cannot answer \(OOM\)$/);
    await expect(call).rejects.toHaveProperty('cause.message', expect.stringMatching(/^OOM command not allowed/));
    await expect(storage.put('Client', 'before', { n: 2 })).rejects.toThrow(StorageUnavailableError);
    expect((await storage.get('Client', 'before'))?.value).toEqual({ n: 1 });
    await operator.config('SET', 'maxmemory', '0');
    expect(await storage.put('Client', 'after', {})).toBe(true);
  });

  test('a master that became a replica is an unavailable store, for a probe too', async () => {
    await operator.replicaof('127.0.0.1', '1');
    const calls = [() => storage.ping(), () => storage.put('Client', 'before', {}), () => storage.increment('a', 60)];
    for (const call of calls) {
      await expect(call()).rejects.toThrow(StorageUnavailableError);
      await expect(call()).rejects.toThrow(/^Redis cannot answer \(READONLY\)$/);
    }
    await operator.config('SET', 'replica-serve-stale-data', 'no');
    await expect(storage.get('Client', 'before')).rejects.toThrow(/^Redis cannot answer \(MASTERDOWN\)$/);
    await operator.replicaof('NO', 'ONE');
    expect((await storage.get('Client', 'before'))?.value).toEqual({ n: 1 });
  });

  test('a server that asks for a password is an unavailable store', async () => {
    await operator.config('SET', 'requirepass', 'precious');
    await operator.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const { errors } = await refusals(storage);
    expectAllUnavailable(errors);
    await operator.config('SET', 'requirepass', '');
    await recovered(storage);
  });

  test('scripts that the server forgot are sent again', async () => {
    const options = { grantId: 'g', index: { by: 'x' } };
    for (const id of ['a', 'b', 'c']) {
      await operator.script('FLUSH');
      expect(await storage.put('Token', id, {}, options)).toBe(true);
    }
    await operator.script('FLUSH');
    expect(await storage.find('Token', 'by', 'x', { limit: 9 })).toHaveLength(3);
    await operator.script('FLUSH');
    const consumed = Array.from({ length: 20 }, () => storage.consume('Token', 'a', 1));
    expect((await Promise.all(consumed)).filter((answer) => answer === 'consumed')).toHaveLength(1);
  });
});

describe('a refused call', () => {
  test('is not made later when node-redis could not send it', async () => {
    const { client, close } = await openClient('node-redis', server.url);
    const storage = redisStorage(client, { prefix: server.prefix, commandTimeoutMs: LIMIT_MS });
    await storage.put('Code', 'a', {});
    await server.stop();
    await expect(storage.consume('Code', 'a', 1)).rejects.toThrow(StorageUnavailableError);
    await server.restart();
    await recovered(storage);
    expect(await storage.consume('Code', 'a', 2)).toBe('consumed');
    close();
  });

  test('is not made later when ioredis keeps no queue', async () => {
    const redis = new Redis(server.url, { enableOfflineQueue: false, lazyConnect: true, retryStrategy: () => 50 });
    redis.on('error', () => {});
    await redis.connect();
    const storage = redisStorage(fromIORedis(redis), { prefix: server.prefix, commandTimeoutMs: LIMIT_MS });
    await storage.put('Code', 'a', {});
    await server.stop();
    await expect(storage.consume('Code', 'a', 1)).rejects.toThrow(StorageUnavailableError);
    await server.restart();
    await recovered(storage);
    expect(await storage.consume('Code', 'a', 2)).toBe('consumed');
    redis.disconnect();
  });
});

describe('a client that was closed', () => {
  test.each(CLIENTS)('is an unavailable store: %s', async (name) => {
    const { client, close } = await openClient(name, server.url);
    close();
    expectAllUnavailable((await refusals(redisStorage(client))).errors);
  });
});
