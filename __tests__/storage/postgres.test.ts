import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { type OpenStore, storageContract } from '../../adapters/storage/contract.ts';
import { migratePostgres, type PostgresClient, postgresStorage } from '../../adapters/storage/postgres.ts';
import { ConfigurationError } from '../../lib/errors.ts';
import { StorageUnavailableError } from '../../lib/storage/storage.ts';
import { type PgBouncer, startPgBouncer } from '../helpers/pgbouncer.ts';
import { type PostgresServer, startPostgres } from '../helpers/postgres-server.ts';

let server: PostgresServer;
let bouncer: PgBouncer;
let direct: string;
let pooled: string;

beforeAll(async () => {
  server = await startPostgres();
  bouncer = await startPgBouncer(server.url);
  direct = await server.createDatabase();
  pooled = bouncer.through(direct);
});

afterAll(async () => {
  await bouncer.close();
  await server.close();
});

interface Connection extends PostgresClient {
  end(): Promise<void>;
}

let schemas = 0;

/** Stores in a schema of their own, each on a connection of its own. */
function storesOn(connect: () => Connection): OpenStore {
  return async (clock) => {
    schemas += 1;
    const schema = `test_${schemas}`;
    let connections: Connection[] = [];
    const open = async () => {
      const connection = connect();
      connections.push(connection);
      return postgresStorage(connection, { now: clock.now, schema });
    };
    const endAll = async () => {
      const ending = connections;
      connections = [];
      await Promise.all(ending.map((connection) => connection.end()));
    };
    const storage = await open();
    await connections[0]?.query(`CREATE SCHEMA ${schema}`);
    await migratePostgres(connections[0] as Connection, { schema });
    return {
      storage,
      another: open,
      reopen: async () => {
        await endAll();
        return open();
      },
      close: async () => {
        const admin = connect();
        connections.push(admin);
        await admin.query(`DROP SCHEMA ${schema} CASCADE`);
        await endAll();
      },
    };
  };
}

describe('contract over two pools', () => {
  storageContract({ test }, (clock) => storesOn(() => new pg.Pool({ connectionString: direct }))(clock));
});

describe('contract over two pools through pgbouncer in transaction mode', () => {
  storageContract({ test }, (clock) => storesOn(() => new pg.Pool({ connectionString: pooled }))(clock));
});

describe('contract over two single clients', () => {
  const connect = () => {
    const client = new pg.Client(direct);
    client.connect();
    return client;
  };
  storageContract({ test }, (clock) => storesOn(connect)(clock));
});
