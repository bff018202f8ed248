import type { DatabaseSync } from 'node:sqlite';
import { inTransaction } from './sqlite-transaction.ts';
import { StorageUnavailableError } from './storage.ts';

const SCHEMA_VERSION = 1;

/**
 * `record_index` is derived: triggers keep it equal to `records.index_values` (a JSON object of texts), so that every
 * write of a record is one statement.
 */
const SCHEMA = `
  CREATE TABLE records (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    value TEXT NOT NULL,
    version TEXT NOT NULL,
    grant_id TEXT,
    consumed_at REAL,
    expires_at REAL,
    index_values TEXT,
    PRIMARY KEY (kind, id)
  ) STRICT;
  CREATE INDEX records_by_grant ON records (grant_id) WHERE grant_id IS NOT NULL;
  CREATE INDEX records_by_expiry ON records (expires_at) WHERE expires_at IS NOT NULL;

  CREATE TABLE record_index (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (kind, name, value, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX record_index_by_record ON record_index (kind, id);

  CREATE TRIGGER record_inserted AFTER INSERT ON records WHEN new.index_values IS NOT NULL BEGIN
    INSERT INTO record_index (kind, name, value, id)
      SELECT new.kind, entry.key, entry.value, new.id FROM json_each(new.index_values) AS entry;
  END;
  CREATE TRIGGER record_updated AFTER UPDATE OF index_values ON records
  WHEN old.index_values IS NOT new.index_values BEGIN
    DELETE FROM record_index WHERE kind = old.kind AND id = old.id;
    INSERT INTO record_index (kind, name, value, id)
      SELECT new.kind, entry.key, entry.value, new.id FROM json_each(new.index_values) AS entry;
  END;
  CREATE TRIGGER record_deleted AFTER DELETE ON records WHEN old.index_values IS NOT NULL BEGIN
    DELETE FROM record_index WHERE kind = old.kind AND id = old.id;
  END;

  CREATE TABLE grant_tombstones (
    grant_id TEXT PRIMARY KEY,
    expires_at REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX grant_tombstones_by_expiry ON grant_tombstones (expires_at);

  CREATE TABLE counters (
    key TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    expires_at REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX counters_by_expiry ON counters (expires_at);

  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Creates the tables in a new file, in one step whichever process comes first; leaves a file that has them alone. */
export function createSchema(database: DatabaseSync, file: string): void {
  if (schemaVersion(database) === SCHEMA_VERSION) return;
  inTransaction(database, () => {
    const version = schemaVersion(database);
    if (version > SCHEMA_VERSION) throw newerSchema(file, version);
    if (version === 0) database.exec(SCHEMA);
  });
}

function schemaVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.user_version);
}

function newerSchema(file: string, version: number): StorageUnavailableError {
  return new StorageUnavailableError(
    `SQLite file ${file}: has schema version ${version}, and this release of express-mcp-auth knows up to ` +
      `${SCHEMA_VERSION}; run the release that wrote the file, or name another file`,
  );
}
