import { StorageUnavailableError } from '../../../lib/storage/storage.ts';
import type { PostgresClient, Query } from './client.ts';
import { isCreationConflict, isUndefinedTable } from './errors.ts';
import { type Limit, queryOf } from './query.ts';
import { type Tables, tablesIn } from './tables.ts';

/** One step of the schema, for `migratePostgres` or for the migration tool of the application. */
export interface PostgresMigration {
  /** Counted from 1. */
  readonly version: number;
  /**
   * To be run one by one, in this order. Each may be run again, and by several processes at the same time. The last one
   * records the version.
   */
  readonly statements: readonly string[];
}

/** The version of the schema that this release's statements need. */
export const SCHEMA_VERSION = 1;

/** Ids, names and values compare byte by byte: the order that `find` promises, and the cheapest one. */
const TEXT = 'text COLLATE "C"';

/** Times are UNIX seconds, as the port has them: no column depends on the server's clock or time zone. */
export function migrationsOf(tables: Tables): readonly PostgresMigration[] {
  const { migrations, records, recordIndex, tombstones, counters } = tables;
  const record = (version: number) =>
    `INSERT INTO ${migrations} (version) VALUES (${version}) ON CONFLICT (version) DO NOTHING`;

  return [
    {
      version: 1,
      statements: [
        `CREATE TABLE IF NOT EXISTS ${migrations} (version integer PRIMARY KEY)`,

        `CREATE TABLE IF NOT EXISTS ${records} (
          kind ${TEXT} NOT NULL,
          id ${TEXT} NOT NULL,
          value jsonb NOT NULL,
          version ${TEXT} NOT NULL,
          grant_id ${TEXT},
          consumed_at double precision,
          consumptions integer NOT NULL DEFAULT 0,
          expires_at double precision,
          PRIMARY KEY (kind, id)
        )`,
        `CREATE INDEX IF NOT EXISTS mcp_oauth_records_by_grant ON ${records} (grant_id) WHERE grant_id IS NOT NULL`,
        `CREATE INDEX IF NOT EXISTS mcp_oauth_records_by_expiry ON ${records} (expires_at)
          WHERE expires_at IS NOT NULL`,

        `CREATE TABLE IF NOT EXISTS ${recordIndex} (
          kind ${TEXT} NOT NULL,
          id ${TEXT} NOT NULL,
          name ${TEXT} NOT NULL,
          value ${TEXT} NOT NULL,
          version ${TEXT} NOT NULL,
          PRIMARY KEY (kind, id, name),
          FOREIGN KEY (kind, id) REFERENCES ${records} (kind, id) ON DELETE CASCADE
        )`,
        `CREATE INDEX IF NOT EXISTS mcp_oauth_record_index_by_value ON ${recordIndex} (kind, name, value, id)`,

        `CREATE TABLE IF NOT EXISTS ${tombstones} (
          grant_id ${TEXT} PRIMARY KEY,
          expires_at double precision NOT NULL
        )`,
        `CREATE INDEX IF NOT EXISTS mcp_oauth_grant_tombstones_by_expiry ON ${tombstones} (expires_at)`,

        `CREATE TABLE IF NOT EXISTS ${counters} (
          key ${TEXT} PRIMARY KEY,
          count bigint NOT NULL,
          expires_at double precision NOT NULL
        )`,
        `CREATE INDEX IF NOT EXISTS mcp_oauth_counters_by_expiry ON ${counters} (expires_at)`,

        record(1),
      ],
    },
  ];
}

/**
 * The schema as data, for an application that migrates with a tool of its own. Names stand without a schema.
 */
export const postgresMigrations: readonly PostgresMigration[] = migrationsOf(tablesIn());

/** Brings the tables to this release's version, whoever else does so at the same time; a database that is there is left alone. */
export async function runMigrations(query: Query, tables: Tables): Promise<void> {
  const present = await versionOf(query, tables);
  if (present > SCHEMA_VERSION) throw newerSchema(present);
  for (const { version, statements } of migrationsOf(tables)) {
    if (version <= present) continue;
    for (const statement of statements) await query(statement);
  }
}

/** For {@link runMigrations}: waits for statements of other processes that create the same thing. */
export function migrationQueryOf(client: PostgresClient, limit?: Limit): Query {
  return queryOf(client, limit, isCreationConflict);
}

async function versionOf(query: Query, { migrations }: Tables): Promise<number> {
  try {
    const rows = await query(`SELECT max(version) AS version FROM ${migrations}`);
    return Number(rows[0]?.version ?? 0);
  } catch (error) {
    if (isUndefinedTable((error as Error).cause)) return 0;
    throw error;
  }
}

function newerSchema(version: number): StorageUnavailableError {
  return new StorageUnavailableError(
    `PostgreSQL: has schema version ${version}, and this release of express-mcp-auth knows up to ${SCHEMA_VERSION}; ` +
      'run the release that migrated it, or name another schema',
  );
}
