/** The SQL of {@link sqliteStorage}: one statement for each step of the port that must be atomic. */

const LIVE = '(expires_at IS NULL OR expires_at > $now)';

const GRANT_STANDS = `NOT EXISTS (
    SELECT 1 FROM grant_tombstones AS tombstone WHERE tombstone.grant_id = $grantId AND tombstone.expires_at > $now)`;

const RECORD = 'value, version, consumed_at, expires_at';

export const GET = `SELECT ${RECORD} FROM records WHERE kind = $kind AND id = $id AND ${LIVE}`;

export const PUT = `
  INSERT INTO records (kind, id, value, version, grant_id, expires_at, index_values)
  SELECT $kind, $id, $value, $version, $grantId, $expiresAt, $indexValues WHERE ${GRANT_STANDS}
  ON CONFLICT (kind, id) DO UPDATE SET
    value = excluded.value, version = excluded.version, grant_id = excluded.grant_id, consumed_at = NULL,
    expires_at = excluded.expires_at, index_values = excluded.index_values`;

export const CREATE = `${PUT} WHERE records.expires_at <= $now`;

export const REPLACE = `
  UPDATE records SET
    value = $value, version = $version, grant_id = $grantId, expires_at = $expiresAt, index_values = $indexValues
  WHERE kind = $kind AND id = $id AND version = $expectedVersion AND ${LIVE} AND ${GRANT_STANDS}`;

/** {@link REPLACE} and {@link CONSUME} in one. */
export const USE = `
  UPDATE records SET
    value = $value, version = $version, grant_id = $grantId, expires_at = $expiresAt, index_values = $indexValues,
    consumed_at = $at
  WHERE kind = $kind AND id = $id AND version = $expectedVersion AND consumed_at IS NULL AND ${LIVE} AND ${GRANT_STANDS}`;

export const CONSUME = `
  UPDATE records SET consumed_at = $at WHERE kind = $kind AND id = $id AND consumed_at IS NULL AND ${LIVE}`;

export const TAKE = `DELETE FROM records WHERE kind = $kind AND id = $id AND ${LIVE} RETURNING ${RECORD}`;

export const DELETE = 'DELETE FROM records WHERE kind = $kind AND id = $id';

export const BURY_GRANT = `
  INSERT INTO grant_tombstones (grant_id, expires_at) VALUES ($grantId, $expiresAt)
  ON CONFLICT (grant_id) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)`;

export const DELETE_BY_GRANT = 'DELETE FROM records WHERE grant_id = $grantId';

export const FIND = `
  SELECT records.id, records.value, version, consumed_at, expires_at
  FROM record_index AS entry JOIN records ON records.kind = entry.kind AND records.id = entry.id
  WHERE entry.kind = $kind AND entry.name = $name AND entry.value = $value
    AND entry.id >= $from AND entry.id IS NOT $after AND ${LIVE}
  ORDER BY entry.id LIMIT $limit`;

export const INCREMENT = `
  INSERT INTO counters (key, count, expires_at) VALUES ($key, 1, $expiresAt)
  ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN expires_at > $now THEN count + 1 ELSE 1 END,
    expires_at = CASE WHEN expires_at > $now THEN expires_at ELSE excluded.expires_at END
  RETURNING count`;

/** Reads the schema from the file, so that a file that cannot be read is noticed. */
export const PING = 'SELECT count(*) FROM sqlite_schema';

/** In the order in which {@link Storage.sweep} spends its limit. */
export const SWEEPS = [
  sweepOf('records', 'rowid'),
  sweepOf('grant_tombstones', 'grant_id'),
  sweepOf('counters', 'key'),
];

function sweepOf(table: string, key: string): string {
  return `DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${table} WHERE expires_at <= $end LIMIT $limit)`;
}
