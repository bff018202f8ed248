/** Where a variant keeps its records, and the connections of both sides: the same driver with the same settings. */
import pg from 'pg';
import { createClient } from 'redis';
import { migratePostgres, type PostgresClient, postgresStorage } from '../../adapters/storage/postgres.ts';
import { type RedisClient, redisStorage } from '../../adapters/storage/redis.ts';
import { memoryStorage, type Storage, sqliteStorage } from '../../lib/index.ts';
import type { CallCounter } from '../harness/call-counter.ts';

export type StoreSettings =
  | { readonly engine: 'memory' }
  | { readonly engine: 'sqlite'; readonly path: string }
  | { readonly engine: 'redis' | 'postgres'; readonly url: string };

export function openPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  pool.on('error', () => {});
  return pool;
}

export async function connectRedis(url: string) {
  const client = createClient({ url });
  client.on('error', () => {});
  await client.connect();
  return client;
}

function countedRedis(client: RedisClient, counter: CallCounter): RedisClient {
  return {
    eval: (script, input) => counter.call('engine', 'eval', () => client.eval(script, input)),
    evalSha: (sha1, input) => counter.call('engine', 'evalsha', () => client.evalSha(sha1, input)),
    withCommandOptions: (options) => countedRedis(client.withCommandOptions?.(options) ?? client, counter),
  };
}

function countedPool(pool: pg.Pool, counter: CallCounter): PostgresClient {
  return { query: (text, values) => counter.call('engine', 'query', () => pool.query(text, values)) };
}

async function openStorage(store: StoreSettings, counter: CallCounter | undefined): Promise<Storage> {
  switch (store.engine) {
    case 'memory':
      return memoryStorage();
    case 'sqlite':
      return sqliteStorage(store.path);
    case 'redis': {
      const client = await connectRedis(store.url);
      return redisStorage(counter ? countedRedis(client, counter) : client);
    }
    case 'postgres': {
      const pool = openPool(store.url);
      await migratePostgres(pool);
      return postgresStorage(counter ? countedPool(pool, counter) : pool);
    }
  }
}

/** Our storage on an engine; counted only on demand, since counting is work too. */
export async function openOurStorage(store: StoreSettings, counter: CallCounter | undefined): Promise<Storage> {
  const storage = await openStorage(store, counter);
  return counter ? counter.counted('storage', storage) : storage;
}
