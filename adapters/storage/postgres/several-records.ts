import type { DecidingWrite, RecordAddress, RecordWrite } from '../../../lib/storage/storage.ts';
import { toAddress, toWritten } from './rows.ts';
import type { Tables } from './tables.ts';
import { requireText } from './text.ts';

/** One statement with its parameters. */
export interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/** Statements over several records at once, for `postgresStorage`. */
export interface SeveralRecords {
  /** Reads records; `place` is the position of a record's address among those asked for. */
  read(addresses: readonly RecordAddress[], now: number): Statement;
  /**
   * Writes records as {@link Storage.commit} says, and answers with a row for each that was written. It is one INSERT,
   * since some engines let a statement change a table once only. So whoever loses the race for the deciding record has
   * written the others, and finds that one missing in the answer.
   */
  write(deciding: DecidingWrite, others: readonly RecordWrite[], now: number): Statement;
}

/** What the text of a write depends on, besides the tables. */
interface Shape {
  readonly how: DecidingWrite['how'];
  readonly others: number;
  readonly hasIndex: boolean;
}

const columns = 'kind, id, value, grant_id, version, expires_at, consumed_at, consumptions';

/** The texts are made once for each number of records: a handful. */
export function severalRecords(tables: Tables): SeveralRecords {
  const reads = new Map<number, string>();
  const writes = new Map<string, string>();

  function remembered<Key>(texts: Map<Key, string>, key: Key, make: () => string): string {
    const text = texts.get(key) ?? make();
    texts.set(key, text);
    return text;
  }

  return {
    read(addresses, now) {
      const values = [now, ...addresses.flatMap(({ kind, id }) => toAddress(kind, id))];
      return { text: remembered(reads, addresses.length, () => readText(tables, addresses.length)), values };
    },

    write(deciding, others, now) {
      const hasIndex = [deciding, ...others].some(({ options }) => options?.index !== undefined);
      const shape = { how: deciding.how, others: others.length, hasIndex };
      const decided = deciding.how === 'use' ? [requireText('version', deciding.version), deciding.consumedAt] : [];
      const cells = [deciding, ...others].flatMap((write) => cellsOf(write, hasIndex));
      return {
        text: remembered(writes, Object.values(shape).join(), () => writeText(tables, shape)),
        values: [now, ...decided, ...cells],
      };
    },
  };
}

function cellsOf({ kind, id, value, options }: RecordWrite, hasIndex: boolean): unknown[] {
  const { columns: given, entries } = toWritten(value, options);
  return [...toAddress(kind, id), ...given, ...(hasIndex ? [entries ?? '{}'] : [])];
}

/** Whether a record is there for a reader at $1; as in `statementsFor`. */
const live = ({ tombstones }: Tables) => `
  (record.expires_at IS NULL OR record.expires_at > $1::float8) AND (record.grant_id IS NULL OR NOT EXISTS (
    SELECT 1 FROM ${tombstones} AS tombstone
    WHERE tombstone.grant_id = record.grant_id AND tombstone.expires_at > $1::float8))`;

function readText(tables: Tables, count: number): string {
  const read = (_: unknown, place: number) => `
    SELECT ${place} AS place, record.value::text AS value, record.version, record.consumed_at, record.expires_at
    FROM ${tables.records} AS record
    WHERE record.kind = $${2 + 2 * place} AND record.id = $${3 + 2 * place} AND ${live(tables)}`;
  return Array.from({ length: count }, read).join(' UNION ALL ');
}

const cellTypes = ['text', 'text', 'jsonb', 'text', 'text', 'float8'];

function writeText(tables: Tables, { how, others, hasIndex }: Shape): string {
  const { records, recordIndex, tombstones } = tables;
  const isUsed = how === 'use';
  const first = isUsed ? 4 : 2; // $1 is the present; $2 and $3 the version and the time of use.
  const width = cellTypes.length + (hasIndex ? 1 : 0);
  const row = (_: unknown, place: number) => {
    const at = first + place * width;
    const cells = cellTypes.map((type, column) => `$${at + column}::${type}`);
    const consumed = isUsed && place === 0 ? ['$3::float8', '1'] : ['NULL::float8', '0'];
    return `(${[...cells, ...consumed, ...(hasIndex ? [`$${at + cellTypes.length}::jsonb`] : [])].join(', ')})`;
  };
  const isDeciding = `record.kind = $${first}::text AND record.id = $${first + 1}::text`;
  const mayBe = isUsed ? `record.version = $2::text AND record.consumptions = 0 AND ${live(tables)}` : live(tables);
  const decides = `${isUsed ? '' : 'NOT '}EXISTS (SELECT 1 FROM ${records} AS record WHERE ${isDeciding} AND ${mayBe})`;
  const given = `
    WITH given (${columns}${hasIndex ? ', entries' : ''}) AS (VALUES ${Array.from({ length: others + 1 }, row).join(', ')})`;
  const written = `
    INSERT INTO ${records} AS record (${columns})
    SELECT ${columns} FROM given
    WHERE ${decides} AND NOT EXISTS (
      SELECT 1 FROM given AS any_given JOIN ${tombstones} AS tombstone ON tombstone.grant_id = any_given.grant_id
      WHERE tombstone.expires_at > $1::float8)
    ON CONFLICT (kind, id) DO UPDATE SET
      value = excluded.value, grant_id = excluded.grant_id, version = excluded.version,
      expires_at = excluded.expires_at, consumed_at = excluded.consumed_at, consumptions = excluded.consumptions
    WHERE NOT (${isDeciding}) OR ${isUsed ? `(${mayBe})` : `NOT (${mayBe})`}
    RETURNING record.kind, record.id, record.version`;
  if (!hasIndex) return `${given} ${written}`;
  return `${given}, written AS (${written}), indexed AS (
      INSERT INTO ${recordIndex} (kind, id, name, value, version)
      SELECT written.kind, written.id, entry.key, entry.value, written.version
      FROM written JOIN given ON given.version = written.version CROSS JOIN jsonb_each_text(given.entries) AS entry
      ON CONFLICT (kind, id, name) DO UPDATE SET value = excluded.value, version = excluded.version
      RETURNING 1)
    SELECT kind, id FROM written`;
}
