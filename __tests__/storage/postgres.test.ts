import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { type OpenStore, storageContract } from '../../adapters/storage/contract.ts';
import { migratePostgres, type PostgresClient, postgresStorage } from '../../adapters/storage/postgres.ts';
import { ConfigurationError } from '../../lib/errors.ts';
import { StorageUnavailableError } from '../../lib/storage/storage.ts';
import { findPgBouncer, type PgBouncer, startPgBouncer } from '../helpers/pgbouncer.ts';
import { type PostgresServer, startPostgres } from '../helpers/postgres-server.ts';

const isPooled = findPgBouncer() !== undefined || process.env.REQUIRE_SERVERS === '1';
if (!isPooled) process.stderr.write('left out: PostgreSQL through pgbouncer (apt-get install pgbouncer)\n');

let server: PostgresServer;
let bouncer: PgBouncer | undefined;
let direct: string;
let pooled: string;
let pool: pg.Pool;

beforeAll(async () => {
  server = await startPostgres();
  direct = await server.createDatabase();
  if (isPooled) bouncer = await startPgBouncer(server.url);
  pooled = bouncer?.through(direct) ?? '';
  pool = new pg.Pool({ connectionString: direct });
  await migratePostgres(pool);
});

afterAll(async () => {
  await pool.end();
  await bouncer?.close();
  await server.close();
});

let schemas = 0;

/** Stores in a schema of their own, each on a pool of its own. */
function storesAt(url: () => string): OpenStore {
  return async ({ now }) => {
    schemas += 1;
    const schema = `test_${schemas}`;
    await pool.query(`CREATE SCHEMA ${schema}`);
    await migratePostgres(pool, { schema });

    const pools: pg.Pool[] = [];
    const open = async () => {
      const connections = new pg.Pool({ connectionString: url() });
      pools.push(connections);
      return postgresStorage(connections, { now, schema });
    };
    const close = async () => {
      await Promise.all(pools.splice(0).map((connections) => connections.end()));
    };
    const reopen = () => close().then(open);
    return { storage: await open(), another: open, reopen, close };
  };
}

describe('contract over two pools', () => {
  storageContract(
    { test },
    storesAt(() => direct),
  );
});

(isPooled ? describe : describe.skip)('contract over two pools through pgbouncer in transaction mode', () => {
  storageContract(
    { test },
    storesAt(() => pooled),
  );
});

describe('connection', () => {
  test('may be a single client, and stays open when the store is closed', async () => {
    const client = new pg.Client(direct);
    await client.connect();
    const storage = postgresStorage(client);
    await Promise.all([storage.put('Token', 'a', { n: 1 }), storage.put('Token', 'b', {})]);
    await storage.close();
    await storage.close();
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect((await postgresStorage(client).get('Token', 'a'))?.value).toEqual({ n: 1 });
    await client.end();
  });

  test('is not used by a store that was closed', async () => {
    const storage = postgresStorage(pool);
    await storage.close();
    await expect(storage.get('Token', 'a')).rejects.toThrow(StorageUnavailableError);
    await expect(storage.ping()).rejects.toThrow('the store was closed');
  });

  test('is not used before the first call', () => {
    const unused = { query: () => Promise.reject(new Error('was used')) };
    expect(() => postgresStorage(unused, { migrate: true })).not.toThrow();
  });
});

describe('mistakes of the caller', () => {
  const unstorable = /must not hold U\+0000 or a lone surrogate/;
  const storage = () => postgresStorage(pool);

  test.each(['a\0b', 'a\ud800b', '\udc00'])(
    'text that PostgreSQL cannot store is refused, wherever it stands: %j',
    async (text) => {
      const calls: Promise<unknown>[] = [
        storage().get(text, 'a'),
        storage().get('Token', text),
        storage().put('Token', 'a', { deep: [{ text }] }),
        storage().put('Token', 'a', { [text]: 1 }),
        storage().put('Token', 'a', {}, { grantId: text }),
        storage().create('Token', 'a', {}, { index: { by: text } }),
        storage().create('Token', 'a', {}, { index: { [text]: 'x' } }),
        storage().replace('Token', 'a', text, {}),
        storage().consume('Token', text, 1),
        storage().take(text, 'a'),
        storage().delete('Token', text),
        storage().deleteByGrant(text, 1),
        storage().find('Token', 'by', text, { limit: 1 }),
        storage().find('Token', 'by', 'x', { limit: 1, after: text }),
        storage().increment(text, 1),
      ];
      await Promise.allSettled(calls); // Each rejection is seen at once.
      for (const call of calls) {
        await expect(call).rejects.toThrow(unstorable);
        await expect(call).rejects.toHaveProperty('name', 'TypeError');
      }
    },
  );

  test('text that only looks like an escape of it is stored', async () => {
    const value = { a: '\\u0000', b: '\\\\u0000', c: '\\ud800', d: '\\', '\\u0000': '"\\u0000"' };
    await storage().put('Token', 'escapes', value, { index: { by: '\\u0000' } });
    expect((await storage().get('Token', 'escapes'))?.value).toEqual(value);
  });

  test('what is no text, no object or no JSON is a TypeError', async () => {
    const undefinedText = undefined as unknown as string;
    for (const call of [
      storage().get(undefinedText, 'a'),
      storage().increment(undefinedText, 1),
      storage().put('Token', 'a', undefined as never),
      storage().put('Token', 'a', { n: 1n }),
      storage().put('Token', 'a', {}, { index: { by: 1 as never } }),
    ]) {
      await expect(call).rejects.toHaveProperty('name', 'TypeError');
    }
  });

  test('what the server refuses stays what it is', async () => {
    const call = storage().find('Token', 'by', 'x', { limit: -1 });
    await expect(call).rejects.not.toThrow(StorageUnavailableError);
    await expect(call).rejects.toHaveProperty('code', '2201W');
  });
});

describe('options', () => {
  test('that break their rule are refused together', () => {
    const options = { schema: 'Mixed"Case', statementTimeoutMs: 1.5, migrate: 'yes', nwo: () => 1 };
    const create = () => postgresStorage({} as PostgresClient, options as never);
    expect(create).toThrow(ConfigurationError);
    expect(create).toThrow(
      [
        'postgresStorage(client, options):',
        '  client: must have query(text, values), as a Pool of pg has, got object',
        '  nwo: is not an option; did you mean now?',
        '  schema: must be a name of up to 63 of a-z, 0-9 and _ that does not begin with a digit, got string',
        '  migrate: must be a boolean, got string',
        '  statementTimeoutMs: must be an integer from 100 to 60000, got another number',
      ].join('\n'),
    );
    expect(() => postgresStorage(undefined as never)).toThrow('client: must have query(text, values)');
  });

  test('of migratePostgres are refused likewise', async () => {
    const call = migratePostgres(pool, { schema: 'a; DROP TABLE b' });
    await expect(call).rejects.toThrow(ConfigurationError);
    await expect(call).rejects.toThrow(/^migratePostgres\(client, options\):\n {2}schema: must be a name/);
  });
});
