import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { createSentinel } from 'redis';
import { fromIORedis, redisStorage } from '../../adapters/storage/redis.ts';
import { type Storage, StorageUnavailableError } from '../../lib/index.ts';
import { type RedisSentinel, startRedisSentinel } from '../helpers/redis-sentinel.ts';
import type { OpenedClient } from './redis-clients.ts';

let redis: RedisSentinel;
let opened: OpenedClient | undefined;
beforeEach(async () => {
  redis = await startRedisSentinel();
}, 60_000);
afterEach(async () => {
  await opened?.close();
  await redis?.close();
});

const clients: Record<string, () => Promise<OpenedClient>> = {
  async 'node-redis'() {
    const client = createSentinel({ name: redis.name, sentinelRootNodes: [redis.sentinel] });
    client.on('error', () => {});
    await client.connect();
    return { client, close: () => client.destroy() };
  },
  async ioredis() {
    const client = new Redis({
      name: redis.name,
      sentinels: [redis.sentinel],
      retryStrategy: () => 50,
      sentinelRetryStrategy: () => 50,
      lazyConnect: true,
    });
    client.on('error', () => {});
    await client.connect();
    return { client: fromIORedis(client), close: () => client.disconnect() };
  },
};

/** Asks until the store answers; nothing else than an outage may come before. */
async function whenBack<T>(call: () => Promise<T>): Promise<T> {
  for (const deadline = performance.now() + 60_000; ; ) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof StorageUnavailableError) || performance.now() > deadline) throw error;
      await pause(20);
    }
  }
}

it.each(Object.entries(clients))(
  'goes on with the replica that took over, by %s: an outage in between, nothing lost, nothing used twice',
  async (_name, open) => {
    opened = await open();
    const storage: Storage = redisStorage(opened.client, { prefix: redis.prefix, commandTimeoutMs: 1000 });
    await storage.put('Code', 'used', {}, { grantId: 'g' });
    await storage.put('Code', 'fresh', {}, { grantId: 'g', index: { by: 'x' } });
    expect(await storage.consume('Code', 'used', 1)).toBe('consumed');
    await storage.deleteByGrant('ended', Date.now() / 1000 + 3600);

    await redis.failOver();

    expect(await whenBack(() => storage.consume('Code', 'used', 2))).toBe('already');
    expect(await whenBack(() => storage.consume('Code', 'fresh', 2))).toBe('consumed');
    expect(await whenBack(() => storage.consume('Code', 'fresh', 3))).toBe('already');
    expect(await whenBack(() => storage.find('Code', 'by', 'x', { limit: 9 }))).toHaveLength(1);
    expect(await whenBack(() => storage.put('Code', 'late', {}, { grantId: 'ended' }))).toBe(false);
    await whenBack(() => storage.ping());
  },
  120_000,
);
