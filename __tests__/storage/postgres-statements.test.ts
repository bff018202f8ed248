import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import {
  migratePostgres,
  type PostgresClient,
  postgresMigrations,
  postgresStorage,
} from '../../adapters/storage/postgres.ts';
import type { Storage } from '../../lib/storage/storage.ts';
import { type PostgresServer, startPostgres } from '../helpers/postgres-server.ts';

const ROWS = 10_000;

let server: PostgresServer;
let pool: pg.Pool;

beforeAll(async () => {
  server = await startPostgres();
  pool = new pg.Pool({ connectionString: await server.createDatabase() });
});

afterAll(async () => {
  await pool.end();
  await server.close();
});

interface Statement {
  readonly text: string;
  readonly values: unknown[] | undefined;
  readonly parameters: number;
}

/** The pool, with the statements that a store sends written down. */
function recorded(): { client: PostgresClient; statements: Statement[] } {
  const statements: Statement[] = [];
  const query: PostgresClient['query'] = (...parameters) => {
    const [text, values] = parameters;
    statements.push({ text, values, parameters: parameters.length });
    return pool.query(text, values);
  };
  return { client: { query }, statements };
}

const LATER = Date.now() / 1000 + 3600;

const toWrite = (id: string) => ({ kind: 'Token', id, value: {}, options: { grantId: 'grant-5' } });
const used = { ...toWrite('id-10'), how: 'use', version: 'a', consumedAt: 1 } as const;

const CALLS: { readonly [call: string]: (storage: Storage) => Promise<unknown> } = {
  get: (storage) => storage.get('Token', 'id-5'),
  getAll: async (storage) =>
    storage.getAll?.([
      { kind: 'Token', id: 'id-5' },
      { kind: 'Token', id: 'id-9' },
    ]),
  put: (storage) => storage.put('Token', 'id-5', {}, { expiresAt: LATER, grantId: 'grant-5' }),
  'put with index': (storage) => storage.put('Token', 'id-5', {}, { expiresAt: LATER, index: { by: 'value-5' } }),
  create: (storage) => storage.create('Token', 'id-5', {}, { grantId: 'grant-5' }),
  'create with index': (storage) => storage.create('Token', 'id-5', {}, { index: { by: 'value-5' } }),
  replace: (storage) => storage.replace('Token', 'id-5', 'a', {}, { grantId: 'grant-5' }),
  'replace with index': (storage) => storage.replace('Token', 'id-5', 'a', {}, { index: { by: 'value-5' } }),
  consume: (storage) => storage.consume('Token', 'id-5', 1),
  'commit of a use': async (storage) => storage.commit?.(used, [toWrite('id-11'), toWrite('id-12')]),
  'commit of a creation with index': async (storage) =>
    storage.commit?.({ ...toWrite('id-13'), how: 'create' }, [
      { ...toWrite('id-14'), options: { index: { by: 'x' } } },
    ]),
  take: (storage) => storage.take('Token', 'id-6'),
  delete: (storage) => storage.delete('Token', 'id-7'),
  deleteByGrant: (storage) => storage.deleteByGrant('grant-8', LATER),
  find: (storage) => storage.find('Token', 'by', 'value-5', { limit: 2 }),
  'find of a later page': (storage) => storage.find('Token', 'by', 'value-5', { limit: 2, after: 'id-5' }),
  increment: (storage) => storage.increment('key-5', 60),
  sweep: (storage) => storage.sweep(1000, 10),
  ping: (storage) => storage.ping(),
};

/** Every statement there is, with those of the migrations. */
async function everyStatement(): Promise<Statement[]> {
  const { client, statements } = recorded();
  await migratePostgres(client);
  const storage = postgresStorage(client);
  for (const call of Object.values(CALLS)) await call(storage);
  return statements;
}

describe('every statement', () => {
  // What a pooler in transaction mode or a distributed engine does not have. RETURNING and ON CONFLICT they do.
  const FORBIDDEN = [
    /^\s*(SET|RESET|SHOW|DISCARD|LISTEN|NOTIFY|UNLISTEN|PREPARE|EXECUTE|DEALLOCATE|DECLARE|FETCH|COPY|LOCK|TRUNCATE)\b/i,
    /^\s*(BEGIN|START|COMMIT|ROLLBACK|SAVEPOINT|END|DO|CALL)\b/i,
    /\b(LISTEN|NOTIFY|UNLOGGED|TEMP|TEMPORARY|ctid|xmin|xmax|advisory\w*|pg_\w+|set_config|current_setting|nextval)\b/i,
    /\b(TRIGGER|FUNCTION|PROCEDURE|EXTENSION|SEQUENCE|SERIAL|INHERITS|CONCURRENTLY|SKIP LOCKED|FOR UPDATE|NOWAIT)\b/i,
    /\b(USING (gin|gist|hash|brin)|tsvector|hstore|citext)\b/i,
    /\b(now|clock_timestamp|statement_timestamp|transaction_timestamp)\s*\(|\bcurrent_(timestamp|time|date)\b/i,
  ];

  test('keeps to what poolers and distributed engines share', async () => {
    for (const { text } of await everyStatement()) {
      for (const pattern of FORBIDDEN) expect(text).not.toMatch(pattern);
    }
  });

  test('stands alone and is sent without a name', async () => {
    for (const { text, values, parameters } of await everyStatement()) {
      expect(text).not.toContain(';');
      expect(text).not.toContain('--');
      expect(parameters).toBe(2);
      const numbers = new Set([...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)));
      expect([...numbers].toSorted((a, b) => a - b)).toEqual((values ?? []).map((_, i) => i + 1));
    }
  });

  test('holds no value: what a caller gives is a parameter', async () => {
    const { client, statements } = recorded();
    const storage = postgresStorage(client);
    for (const text of ['marker', `'; DROP TABLE mcp_oauth_records; --`]) {
      await storage.put(text, text, { [text]: text }, { grantId: text, index: { [text]: text } });
      await storage.find(text, text, text, { limit: 1, after: text });
      await storage.increment(text, 1);
      await storage.deleteByGrant(text, 1);
    }
    for (const { text } of statements) expect(text).not.toMatch(/marker|DROP/);
    await storage.ping();
    expect(await storage.get('Token', 'absent')).toBeUndefined();
  });

  test('of a method is one, but for deleteByGrant and sweep', async () => {
    await migratePostgres(pool);
    const counts: Record<string, number> = {};
    for (const [call, run] of Object.entries(CALLS)) {
      const { client, statements } = recorded();
      await run(postgresStorage(client));
      counts[call] = statements.length;
    }
    const one = Object.fromEntries(Object.keys(CALLS).map((call) => [call, 1]));
    expect(counts).toEqual({ ...one, deleteByGrant: 2, sweep: 3 });
  });

  test('of the migrations can be run again', () => {
    for (const { statements } of postgresMigrations) {
      for (const text of statements)
        expect(text).toMatch(/^CREATE (TABLE|INDEX) IF NOT EXISTS |^INSERT .* ON CONFLICT /);
    }
  });
});

describe('with 10,000 rows in every table', () => {
  interface Plan {
    readonly 'Node Type': string;
    readonly 'Relation Name'?: string;
    readonly Plans?: readonly Plan[];
  }

  beforeAll(async () => {
    await migratePostgres(pool);
    // One in a hundred is expired, as where a sweeper runs.
    const expiry = `CASE WHEN n % 100 = 0 THEN 500 ELSE ${LATER} END`;
    const rows = `generate_series(1, ${ROWS}) AS n`;
    for (const statement of [
      'TRUNCATE mcp_oauth_records, mcp_oauth_record_index, mcp_oauth_grant_tombstones, mcp_oauth_counters',
      `INSERT INTO mcp_oauth_records (kind, id, value, version, grant_id, expires_at)
       SELECT 'Token', 'id-' || n, '{"n": 1}', 'a', 'grant-' || n / 4, ${expiry} FROM ${rows}`,
      `INSERT INTO mcp_oauth_record_index (kind, id, name, value, version)
       SELECT 'Token', 'id-' || n, 'by', 'value-' || n / 4, 'a' FROM ${rows}`,
      `INSERT INTO mcp_oauth_grant_tombstones (grant_id, expires_at) SELECT 'dead-' || n, ${expiry} FROM ${rows}`,
      `INSERT INTO mcp_oauth_counters (key, count, expires_at) SELECT 'key-' || n, 1, ${expiry} FROM ${rows}`,
    ]) {
      await pool.query(statement);
    }
  });

  function nodesOf(plan: Plan): Plan[] {
    return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
  }

  /** The nodes of the plan that a statement has with these values; nothing is changed by it. */
  async function planOf({ text, values }: Statement): Promise<Plan[]> {
    const { rows } = await pool.query(`EXPLAIN (FORMAT JSON) ${text}`, values);
    return nodesOf(rows[0]['QUERY PLAN'][0].Plan);
  }

  describe.each(['no statistics', 'statistics'])('and %s', (statistics) => {
    beforeAll(async () => {
      if (statistics === 'statistics') await pool.query('ANALYZE');
    });

    test.each(Object.keys(CALLS).filter((call) => call !== 'ping'))('%s reads no table as a whole', async (call) => {
      const { client, statements } = recorded();
      await CALLS[call]?.(postgresStorage(client));
      for (const statement of statements) {
        const nodes = await planOf(statement);
        const whole = nodes.filter((node) => node['Node Type'] === 'Seq Scan');
        expect(whole.map((node) => node['Relation Name'])).toEqual([]);
      }
    });
  });

  test('the cascade from a record to its index entries uses an index', async () => {
    const nodes = await planOf({
      text: 'DELETE FROM mcp_oauth_record_index WHERE kind = $1 AND id = $2',
      values: ['Token', 'id-9'],
      parameters: 2,
    });
    expect(nodes.map((node) => node['Node Type'])).not.toContain('Seq Scan');
  });
});
