import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createClient } from 'redis';
import { startPostgres } from '../../__tests__/helpers/postgres-server.ts';
import { startRedis } from '../../__tests__/helpers/redis-server.ts';
import type { StoreSettings } from '../variants/stores.ts';

/** A storage engine that is there, with a store for each server that asks for one. */
export interface Engine {
  readonly name: string;
  readonly version: string;
  readonly createStore: (server: string) => Promise<StoreSettings>;
  readonly close: () => Promise<void>;
}

async function openSqlite(): Promise<Engine> {
  const { DatabaseSync } = await import('node:sqlite');
  const folder = await mkdtemp(join(tmpdir(), 'bench-sqlite-'));
  const { version } = new DatabaseSync(':memory:').prepare('SELECT sqlite_version() AS version').get() ?? {};
  return {
    name: 'SQLite',
    version: String(version),
    createStore: async (server) => ({ engine: 'sqlite', path: join(folder, `${server}.sqlite`) }),
    close: () => rm(folder, { recursive: true }),
  };
}

async function openRedis(): Promise<Engine> {
  const server = await startRedis();
  const client = await createClient({ url: server.url }).connect();
  const version = /redis_version:(\S+)/.exec(await client.info('server'))?.[1] ?? 'unknown';
  client.destroy();
  return {
    name: 'Redis',
    version,
    // The keys of both sides differ: one server is enough.
    createStore: async () => ({ engine: 'redis', url: server.url }),
    close: server.close,
  };
}

async function openPostgres(): Promise<Engine> {
  const server = await startPostgres();
  const client = new pg.Client(server.url);
  await client.connect();
  const { rows } = await client.query('SHOW server_version');
  await client.end();
  return {
    name: 'Postgres',
    version: String(rows[0]?.server_version),
    createStore: async () => ({ engine: 'postgres', url: await server.createDatabase() }),
    close: server.close,
  };
}

/** Every engine that can be had here, memory first. @param missing called with the reason for each other one */
export async function openEngines(missing: (name: string, reason: string) => void): Promise<Engine[]> {
  const memory: Engine = {
    name: 'memory',
    version: '',
    createStore: async () => ({ engine: 'memory' }),
    close: async () => {},
  };
  const engines = [memory, await openSqlite()];
  for (const [name, open] of Object.entries({ Redis: openRedis, Postgres: openPostgres })) {
    try {
      engines.push(await open());
    } catch (error) {
      missing(name, (error as Error).message);
    }
  }
  return engines;
}
