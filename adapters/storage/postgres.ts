import {
  type DecidingWrite,
  type RecordWrite,
  type Storage,
  StorageUnavailableError,
  type StoredValue,
  type WriteOptions,
} from '../../lib/storage/storage.ts';
import type { PostgresClient, Query, Row } from './postgres/client.ts';
import { notMigrated } from './postgres/errors.ts';
import { migrationQueryOf, runMigrations, SCHEMA_VERSION } from './postgres/migrations.ts';
import { type PostgresStorageOptions, type ResolvedOptions, resolveOptions } from './postgres/options.ts';
import { queryOf, startLimit } from './postgres/query.ts';
import { toAddress, toFoundRecord, toRecord, toWritten } from './postgres/rows.ts';
import { severalRecords } from './postgres/several-records.ts';
import { statementsFor, type WriteStatement } from './postgres/statements.ts';
import { requireText } from './postgres/text.ts';

export type { PostgresClient } from './postgres/client.ts';
export { type PostgresMigration, postgresMigrations } from './postgres/migrations.ts';
export type { PostgresStorageOptions } from './postgres/options.ts';

/**
 * A store in PostgreSQL, for any number of processes. It is given the connection, which stays the caller's:
 * `close` ends nothing. Statements are unnamed, use no session state and stand each for itself, so every mode of pgbouncer
 * fits, and so does a pool that answers each query from another connection. READ COMMITTED, the server's default
 * isolation, is enough; above it parallel writers of one record may meet {@link StorageUnavailableError}.
 *
 * A call that took too long rejects, but its statement stays with the driver and may still happen. Give the pool limits of
 * its own as below, so that it drops such a connection instead of keeping it; pgbouncer refuses `statement_timeout` from
 * a client, so set it there with `ALTER ROLE ... SET statement_timeout`. A pool of pg without an `error` listener ends the
 * process when the server closes an idle connection.
 *
 * Tested on PostgreSQL 15 with pg 8, directly and through pgbouncer 1.18. Neon's pool and PGlite have
 * the shape that is asked for, and the SQL does without what CockroachDB, YugabyteDB and Aurora are known to lack; none of
 * these was run.
 *
 * One of a record's index values together with its kind, id and name has room for about 2600 bytes.
 *
 * @example
 * const pool = new Pool({
 *   connectionString: process.env.DATABASE_URL,
 *   connectionTimeoutMillis: 3000,
 *   query_timeout: 6000,
 *   statement_timeout: 5000,
 * });
 * pool.on('error', (error) => log.warn(error));
 * await migratePostgres(pool);
 * const storage = postgresStorage(pool);
 *
 * @throws {@link ConfigurationError} for a client or an option that breaks its rule.
 */
export function postgresStorage(client: PostgresClient, options: PostgresStorageOptions = {}): Storage {
  const resolved = resolveOptions('postgresStorage(client, options)', client, options, STORAGE_OPTIONS);
  const { now, tables, statementTimeoutMs } = resolved;
  const sql = statementsFor(tables);
  const several = severalRecords(tables);
  const prepare = resolved.migrate && once(() => migrateWithin(client, resolved));
  let isClosed = false;

  function refuseAfterClose(): void {
    if (isClosed) throw new StorageUnavailableError('PostgreSQL: the store was closed');
  }

  async function use<T>(work: (query: Query) => Promise<T>): Promise<T> {
    refuseAfterClose();
    const limit = startLimit(statementTimeoutMs);
    if (prepare) await limit.race(prepare);
    return work(queryOf(client, limit));
  }

  async function onRecord(statement: string, kind: string, id: string, ...values: unknown[]): Promise<Row[]> {
    const address = toAddress(kind, id);
    return use((query) => query(statement, [...address, now(), ...values]));
  }

  async function write(
    statement: WriteStatement,
    [kind, id, ...expected]: [kind: string, id: string, version?: string],
    value: StoredValue,
    options?: WriteOptions,
  ): Promise<boolean> {
    const { columns, entries } = toWritten(value, options);
    const values = [...columns, ...expected.map((version) => requireText('version', version))];
    const rows = entries
      ? await onRecord(statement.indexed, kind, id, ...values, entries)
      : await onRecord(statement.plain, kind, id, ...values);
    return rows.length > 0;
  }

  async function commit(deciding: DecidingWrite, others: readonly RecordWrite[]): Promise<boolean> {
    const { text, values } = several.write(deciding, others, now());
    const rows = await use((query) => query(text, values));
    if (rows.some(({ kind, id }) => kind === deciding.kind && id === deciding.id)) return true;
    // Another one was faster: what nobody knows yet goes again.
    const written = rows.map(({ kind, id }) => use((query) => query(sql.delete, [kind, id])));
    await Promise.allSettled(written);
    return false;
  }

  return {
    get: async (kind, id) => (await onRecord(sql.get, kind, id)).map(toRecord)[0],

    async getAll(addresses) {
      if (addresses.length === 0) return [];
      const { text, values } = several.read(addresses, now());
      const rows = await use((query) => query(text, values));
      const found = new Map(rows.map((row) => [Number(row.place), toRecord(row)]));
      return addresses.map((_, place) => found.get(place));
    },

    put: (kind, id, value, options) => write(sql.put, [kind, id], value, options),

    create: (kind, id, value, options) => write(sql.create, [kind, id], value, options),

    replace: (kind, id, version, value, options) => write(sql.replace, [kind, id, version], value, options),

    async consume(kind, id, at) {
      const [row] = await onRecord(sql.consume, kind, id, at);
      if (!row) return 'missing';
      return Number(row.consumptions) === 1 ? 'consumed' : 'already';
    },

    take: async (kind, id) => (await onRecord(sql.take, kind, id)).map(toRecord)[0],

    commit,

    async delete(kind, id) {
      const address = toAddress(kind, id);
      await use((query) => query(sql.delete, address));
    },

    async deleteByGrant(grantId, tombstoneExpiresAt) {
      requireText('grantId', grantId);
      await use(async (query) => {
        // From here on the grant's records exist for nobody; the rest makes room.
        await query(sql.buryGrant, [grantId, tombstoneExpiresAt]);
        await query(sql.deleteByGrant, [grantId]);
      });
    },

    async find(kind, name, value, { limit, after }) {
      const wanted = [requireText('kind', kind), requireText('index name', name), now(), requireText('value', value)];
      const from = after === undefined ? ['', null] : [requireText('after', after), after];
      const rows = await use((query) => query(sql.find, [...wanted, ...from, limit]));
      return rows.map(toFoundRecord);
    },

    async increment(key, ttlSeconds) {
      requireText('key', key);
      const present = now();
      const rows = await use((query) => query(sql.increment, [key, present, present + ttlSeconds]));
      return Number(rows[0]?.count);
    },

    async sweep(before, limit) {
      const end = Math.min(before, now());
      let removed = 0;
      await use(async (query) => {
        for (const statement of sql.sweeps) {
          if (removed < limit) removed += (await query(statement, [end, limit - removed])).length;
        }
      });
      return removed;
    },

    async migrate() {
      refuseAfterClose();
      await runMigrations(migrationQueryOf(client), tables);
    },

    async ping() {
      const rows = await use((query) => query(sql.ping, [SCHEMA_VERSION]));
      if (rows.length === 0) throw notMigrated(`schema version ${SCHEMA_VERSION} was not recorded`);
    },

    async close() {
      isClosed = true;
    },
  };
}

/**
 * Brings the tables to this release's version: makes those that are missing and records the version. It may run again,
 * and in several processes at the same time. Without a time limit of its own.
 *
 * @throws {@link ConfigurationError} for a client or schema that breaks its rule.
 * @throws {@link StorageUnavailableError} when the server cannot answer, or a newer release migrated the tables.
 */
export async function migratePostgres(
  client: PostgresClient,
  options: Pick<PostgresStorageOptions, 'schema'> = {},
): Promise<void> {
  const { tables } = resolveOptions('migratePostgres(client, options)', client, options, ['schema']);
  await runMigrations(migrationQueryOf(client), tables);
}

const STORAGE_OPTIONS = ['now', 'schema', 'migrate', 'statementTimeoutMs'] as const;

/** Each statement has the time of a call: a server may be slow to make tables, but must not hang. */
async function migrateWithin(client: PostgresClient, { tables, statementTimeoutMs }: ResolvedOptions): Promise<void> {
  await runMigrations((text) => migrationQueryOf(client, startLimit(statementTimeoutMs))(text), tables);
}

/** Calls of the returned function share one success; a failure is forgotten, and the next call tries again. */
function once(work: () => Promise<void>): () => Promise<void> {
  let attempt: Promise<void> | undefined;
  return () => {
    attempt ??= work().catch((error) => {
      attempt = undefined;
      throw error;
    });
    return attempt;
  };
}
