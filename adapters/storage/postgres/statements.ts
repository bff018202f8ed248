import type { Tables } from './tables.ts';

/** A write of a record, which answers with a row if it happened. */
export interface WriteStatement {
  readonly plain: string;
  /** With index entries, as the last parameter. */
  readonly indexed: string;
}

/**
 * The SQL of `postgresStorage`: one statement for each step of the port that must be atomic.
 *
 * Every statement holds under READ COMMITTED by itself, on a connection of its own. One that waited for another's write
 * goes on with the row as that left it, and with its subqueries as they were when it began. So a record is hidden by the
 * tombstone of the grant it has now, in whatever order the two were written: a writer that saw no tombstone because it
 * began before it writes a record that nobody sees.
 *
 * In statements on records $1 is the kind, $2 the id and $3 the present.
 */
export function statementsFor({ migrations, records, recordIndex, tombstones, counters }: Tables) {
  // The OR keeps the subquery out of the join tree: as an anti-join it would not be asked again for the row as it is now
  // after a wait, and the grant that the row has moved to would go unseen.
  const existing = `(record.expires_at IS NULL OR record.expires_at > $3) AND (record.grant_id IS NULL OR NOT EXISTS (
    SELECT 1 FROM ${tombstones} AS tombstone
    WHERE tombstone.grant_id = record.grant_id AND tombstone.expires_at > $3))`;

  const grantStands = `NOT EXISTS (
    SELECT 1 FROM ${tombstones} AS tombstone WHERE tombstone.grant_id = $5 AND tombstone.expires_at > $3)`;

  // As text, so that no type parser that the application gave its driver comes in between.
  const columns = 'record.value::text AS value, record.version, record.consumed_at, record.expires_at';

  const insert = `
    INSERT INTO ${records} AS record (kind, id, value, grant_id, version, expires_at)
    SELECT $1::text, $2::text, $4::jsonb, $5::text, $6::text, $7::float8 WHERE ${grantStands}
    ON CONFLICT (kind, id) DO UPDATE SET
      value = excluded.value, grant_id = excluded.grant_id, version = excluded.version,
      expires_at = excluded.expires_at, consumed_at = NULL, consumptions = 0`;

  const insertIfNone = `${insert} WHERE NOT (${existing})`;

  const update = `
    UPDATE ${records} AS record SET value = $4::jsonb, grant_id = $5, version = $6, expires_at = $7
    WHERE record.kind = $1 AND record.id = $2 AND record.version = $8 AND ${existing} AND ${grantStands}`;

  // An entry holds for the version of the record that it was written with: what later writes leave behind means nothing.
  const write = (statement: string, entries: '$8' | '$9'): WriteStatement => ({
    plain: `${statement} RETURNING 1 AS written`,
    indexed: `
    WITH written AS (${statement} RETURNING record.kind, record.id, record.version)
    INSERT INTO ${recordIndex} (kind, id, name, value, version)
    SELECT written.kind, written.id, entry.key, entry.value, written.version
    FROM written CROSS JOIN jsonb_each_text(${entries}::jsonb) AS entry
    ON CONFLICT (kind, id, name) DO UPDATE SET value = excluded.value, version = excluded.version
    RETURNING 1 AS written`,
  });

  // The bound stands outside too: a row that was written again while this waited for it stays. The order makes the index
  // the cheapest way even for a planner without statistics, which expects every third row to have expired.
  const sweepOf = (table: string, key: string) => `
    DELETE FROM ${table}
    WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)
      AND expires_at <= $1 RETURNING 1 AS removed`;

  return {
    get: `SELECT ${columns} FROM ${records} AS record WHERE record.kind = $1 AND record.id = $2 AND ${existing}`,

    put: write(insert, '$8'),
    create: write(insertIfNone, '$8'),
    replace: write(update, '$9'),

    /** Counts, so that one statement tells the first consumption from a later one and both from no record. */
    consume: `
      UPDATE ${records} AS record
      SET consumed_at = COALESCE(record.consumed_at, $4), consumptions = record.consumptions + 1
      WHERE record.kind = $1 AND record.id = $2 AND ${existing} RETURNING record.consumptions`,

    take: `DELETE FROM ${records} AS record WHERE record.kind = $1 AND record.id = $2 AND ${existing} RETURNING ${columns}`,

    delete: `DELETE FROM ${records} WHERE kind = $1 AND id = $2`,

    buryGrant: `
      INSERT INTO ${tombstones} AS tombstone (grant_id, expires_at) VALUES ($1, $2)
      ON CONFLICT (grant_id) DO UPDATE SET expires_at = GREATEST(tombstone.expires_at, excluded.expires_at)`,

    deleteByGrant: `DELETE FROM ${records} WHERE grant_id = $1`,

    find: `
      SELECT record.id, ${columns}
      FROM ${recordIndex} AS entry JOIN ${records} AS record
        ON record.kind = entry.kind AND record.id = entry.id AND record.version = entry.version
      WHERE entry.kind = $1 AND entry.name = $2 AND entry.value = $4
        AND entry.id >= $5 AND entry.id IS DISTINCT FROM $6 AND ${existing}
      ORDER BY entry.id LIMIT $7`,

    increment: `
      INSERT INTO ${counters} AS counter (key, count, expires_at) VALUES ($1, 1, $3)
      ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN counter.expires_at > $2 THEN counter.count + 1 ELSE 1 END,
        expires_at = CASE WHEN counter.expires_at > $2 THEN counter.expires_at ELSE excluded.expires_at END
      RETURNING counter.count`,

    /** In the order in which `sweep` spends its limit. */
    sweeps: [sweepOf(records, 'kind, id'), sweepOf(tombstones, 'grant_id'), sweepOf(counters, 'key')],

    ping: `SELECT version FROM ${migrations} WHERE version = $1`,
  };
}
