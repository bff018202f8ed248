import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import {
  migratePostgres,
  type PostgresClient,
  postgresMigrations,
  postgresStorage,
} from '../../adapters/storage/postgres.ts';
import { StorageUnavailableError } from '../../lib/storage/storage.ts';
import { type PostgresServer, startPostgres } from '../helpers/postgres-server.ts';

const PROCESSES = 5;
const TABLES = ['counters', 'grant_tombstones', 'migrations', 'record_index', 'records'].map((t) => `mcp_oauth_${t}`);

/** Roles are the whole server's, which others may use too. */
const reader = `test_reader_${process.pid}`;
const application = `test_application_${process.pid}`;

let server: PostgresServer;
let url: string;
let pool: pg.Pool;

beforeAll(async () => {
  server = await startPostgres();
});

afterAll(() => server.close());

beforeEach(async () => {
  url = await server.createDatabase();
  pool = new pg.Pool({ connectionString: url });
});

afterEach(() => pool.end());

async function tablesIn(schema: string): Promise<string[]> {
  const sql = 'SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY tablename COLLATE "C"';
  return (await pool.query(sql, [schema])).rows.map(({ tablename }) => tablename);
}

async function versions(): Promise<number[]> {
  const { rows } = await pool.query('SELECT version FROM mcp_oauth_migrations ORDER BY version');
  return rows.map(({ version }) => version);
}

/** The pool, with its statements written down. */
function recorded(): { client: PostgresClient; statements: string[] } {
  const statements: string[] = [];
  const query: PostgresClient['query'] = (text, values) => {
    statements.push(text);
    return pool.query(text, values);
  };
  return { client: { query }, statements };
}

test('five processes that migrate at the same time all succeed', async () => {
  const worker = fileURLToPath(new URL('./postgres-worker.ts', import.meta.url));
  const workers = Array.from({ length: PROCESSES }, () => fork(worker, [url, 'migrate']));
  await Promise.all(workers.map((child) => once(child, 'message')));
  const ends = workers.map(async (child) => {
    const exit = once(child, 'exit');
    const reports: unknown[] = [];
    child.on('message', (report) => reports.push(report));
    return [...(await exit), ...reports];
  });
  for (const child of workers) child.send('go');
  expect(await Promise.all(ends)).toEqual(Array(PROCESSES).fill([0, null, 'migrated']));
  expect(await tablesIn('public')).toEqual(TABLES);
  expect(await versions()).toEqual(postgresMigrations.map(({ version }) => version));
});

test('many migrations at the same time all succeed, in one new schema after another', async () => {
  for (let round = 0; round < 10; round += 1) {
    const schema = `round_${round}`;
    await pool.query(`CREATE SCHEMA ${schema}`);
    await Promise.all(Array.from({ length: 8 }, () => migratePostgres(pool, { schema })));
    expect(await tablesIn(schema)).toEqual(TABLES);
  }
});

test('a database that is up to date is asked one question and left alone', async () => {
  await migratePostgres(pool);
  const { client, statements } = recorded();
  await migratePostgres(client);
  expect(statements).toEqual(['SELECT max(version) AS version FROM mcp_oauth_migrations']);
});

test.each(postgresMigrations.flatMap(({ statements }) => statements.map((_, done) => done)))(
  'a migration that was broken off after %i statements is brought to its end',
  async (done) => {
    const { client, statements } = recorded();
    const breaking = {
      query: (text: string, values?: unknown[]) =>
        statements.length > done ? Promise.reject(new Error('connection lost')) : client.query(text, values),
    };
    await expect(migratePostgres(breaking)).rejects.toThrow(StorageUnavailableError);
    await expect(postgresStorage(pool).ping()).rejects.toThrow(/lacks the tables of this release/);
    await migratePostgres(pool);
    await postgresStorage(pool).ping();
    expect(await tablesIn('public')).toEqual(TABLES);
  },
);

test('the statements as data bring another tool to the same place', async () => {
  for (const { statements } of postgresMigrations) {
    for (const statement of [...statements, ...statements]) await pool.query(statement);
  }
  await postgresStorage(pool).ping();
  const { client, statements } = recorded();
  await migratePostgres(client);
  expect(statements).toHaveLength(1);
});

test('a schema that a newer release migrated is refused and left alone', async () => {
  await migratePostgres(pool);
  await pool.query('INSERT INTO mcp_oauth_migrations (version) VALUES (99)');
  const migrate = () => migratePostgres(pool);
  const use = () => postgresStorage(pool, { migrate: true }).get('Token', 'a');
  for (const call of [migrate, use]) {
    await expect(call()).rejects.toThrow(StorageUnavailableError);
    await expect(call()).rejects.toThrow('has schema version 99, and this release of express-mcp-auth knows up to 1');
  }
});

test('a schema that a newer release migrated still serves processes of this one, as a rolling upgrade needs', async () => {
  await migratePostgres(pool);
  await pool.query('INSERT INTO mcp_oauth_migrations (version) VALUES (2)');
  const storage = postgresStorage(pool);
  await storage.ping();
  expect(await storage.put('Token', 'a', {})).toBe(true);
});

test('a store without its tables is unavailable and says what to run', async () => {
  const storage = postgresStorage(pool);
  const message =
    'PostgreSQL lacks the tables of this release (42P01): run its migrations with express-mcp-auth migrate or ' +
    'migratePostgres(client), or give postgresStorage the option migrate: true';
  const calls = [() => storage.ping(), () => storage.get('Token', 'a'), () => storage.put('Token', 'a', {})];
  for (const call of calls) {
    await expect(call()).rejects.toThrow(StorageUnavailableError);
    await expect(call()).rejects.toMatchObject({ message, cause: { code: '42P01' } });
  }
  await migratePostgres(pool);
  await storage.ping();
});

test('a store makes its own tables when it is told to, in its schema', async () => {
  await pool.query('CREATE SCHEMA elsewhere');
  const storage = postgresStorage(pool, { schema: 'elsewhere' });
  await storage.migrate?.();
  await storage.migrate?.();
  await storage.ping();
  expect(await tablesIn('elsewhere')).toEqual(TABLES);
  await storage.close();
  await expect(storage.migrate?.()).rejects.toThrow('the store was closed');
});

test('tables without a recorded version are not ready', async () => {
  await migratePostgres(pool);
  await pool.query('DELETE FROM mcp_oauth_migrations');
  await expect(postgresStorage(pool).ping()).rejects.toThrow(
    /\(schema version 1 was not recorded\): run its migrations/,
  );
});

test('migrate: true makes the tables at the first call, once for all calls', async () => {
  const { client, statements } = recorded();
  const storage = postgresStorage(client, { migrate: true });
  expect(statements).toEqual([]);
  await Promise.all(Array.from({ length: 20 }, (_, i) => storage.put('Token', `${i}`, {})));
  await storage.ping();
  expect(statements.filter((text) => text.startsWith('CREATE TABLE'))).toHaveLength(TABLES.length);
  expect(await tablesIn('public')).toEqual(TABLES);
});

test('migrate: true tries again at the next call when the first failed', async () => {
  await pool.query(`CREATE ROLE ${reader} LOGIN`);
  await pool.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
  const readerUrl = new URL(url);
  readerUrl.username = reader;
  const readers = new pg.Pool({ connectionString: readerUrl.href });
  const storage = postgresStorage(readers, { migrate: true });
  await expect(storage.get('Token', 'a')).rejects.toHaveProperty('code', '42501');
  await pool.query(`GRANT CREATE ON SCHEMA public TO ${reader}`);
  expect(await storage.get('Token', 'a')).toBeUndefined();
  await readers.end();
  await pool.query(`DROP OWNED BY ${reader}`);
  await pool.query(`DROP ROLE ${reader}`);
});

test('a role without the right to create tables can use them', async () => {
  await migratePostgres(pool);
  await pool.query(`CREATE ROLE ${application} LOGIN`);
  await pool.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${TABLES.join(', ')} TO ${application}`);
  const applicationUrl = new URL(url);
  applicationUrl.username = application;
  const connections = new pg.Pool({ connectionString: applicationUrl.href });
  const storage = postgresStorage(connections, { migrate: true });
  expect(await storage.create('Token', 'a', {}, { grantId: 'g', index: { by: 'x' }, expiresAt: 1 })).toBe(true);
  expect(await storage.sweep(1, 1)).toBe(1);
  await storage.deleteByGrant('g', 1);
  await storage.ping();
  await connections.end();
  await pool.query(`DROP OWNED BY ${application}`);
  await pool.query(`DROP ROLE ${application}`);
});

test('schemas of one database are stores of their own', async () => {
  const schemas = ['one', 'two'];
  for (const schema of schemas) {
    await pool.query(`CREATE SCHEMA ${schema}`);
    await migratePostgres(pool, { schema });
  }
  const [one, two] = schemas.map((schema) => postgresStorage(pool, { schema }));
  await one?.put('Token', 'a', {}, { index: { by: 'x' } });
  expect(await two?.get('Token', 'a')).toBeUndefined();
  expect(await two?.find('Token', 'by', 'x', { limit: 1 })).toEqual([]);
  expect(await one?.get('Token', 'a')).toBeDefined();
  expect(await tablesIn('public')).toEqual([]);
});
