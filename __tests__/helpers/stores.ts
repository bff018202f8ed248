/** The four stores as a product uses them, for behaviour that must be the same on all. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createClient } from 'redis';
import { postgresStorage } from '../../adapters/storage/postgres.ts';
import { redisStorage } from '../../adapters/storage/redis.ts';
import { memoryStorage, type Storage, sqliteStorage } from '../../lib/index.ts';
import { startPostgres } from './postgres-server.ts';
import { startRedis } from './redis-server.ts';

export interface OpenedStore {
  /** Two connections to one store, as two replicas have them; memory is one object. */
  readonly replicas: readonly [Storage, Storage];
  close(): Promise<void>;
}

async function memory(): Promise<OpenedStore> {
  const storage = memoryStorage();
  return { replicas: [storage, storage], close: () => storage.close() };
}

async function sqlite(): Promise<OpenedStore> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-stores-'));
  const open = () => sqliteStorage(join(folder, 'store.sqlite'));
  const replicas = [open(), open()] as const;
  return {
    replicas,
    async close() {
      for (const storage of replicas) await storage.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function postgres(): Promise<OpenedStore> {
  const server = await startPostgres();
  const connectionString = await server.createDatabase();
  const pools = [new pg.Pool({ connectionString }), new pg.Pool({ connectionString })] as const;
  const replicas = [
    postgresStorage(pools[0], { migrate: true }),
    postgresStorage(pools[1], { migrate: true }),
  ] as const;
  return {
    replicas,
    async close() {
      for (const pool of pools) await pool.end();
      await server.close();
    },
  };
}

async function redis(): Promise<OpenedStore> {
  const server = await startRedis();
  const clients = [createClient({ url: server.url }), createClient({ url: server.url })] as const;
  for (const client of clients) await client.connect();
  const { prefix } = server;
  const replicas = [redisStorage(clients[0], { prefix }), redisStorage(clients[1], { prefix })] as const;
  return {
    replicas,
    async close() {
      for (const client of clients) client.destroy();
      await server.close();
    },
  };
}

/** Name and how to open it. */
export const allStores: readonly (readonly [string, () => Promise<OpenedStore>])[] = [
  ['memory', memory],
  ['SQLite', sqlite],
  ['PostgreSQL', postgres],
  ['Redis', redis],
];
