import { describe } from '@jest/globals';
import pg from 'pg';
import { growth, type Multiply, multiplied } from './growth.ts';
import { postgresStore } from './stores.ts';

const multiply: Multiply = async (store, copies) => {
  const pool = new pg.Pool({ connectionString: store.address().url });
  const size = async () => {
    const { rows } = await pool.query(
      `SELECT pg_total_relation_size('mcp_oauth_records') + pg_total_relation_size('mcp_oauth_record_index') AS bytes`,
    );
    return Number(rows[0]?.bytes);
  };
  const before = await size();
  // Ids end with a digest: the copies' digests are others, under the same issuer.
  const id = (column: string) => `left(${column}, 13) || md5(${column} || n) || 'xxxxxxxxxxx'`;
  const wanted = `kind IN (${multiplied.map((kind) => `'${kind}'`).join(', ')}) AND id LIKE '____________:%'`;
  await pool.query(
    `CREATE TABLE originals AS SELECT * FROM mcp_oauth_records WHERE ${wanted};
     CREATE TABLE original_entries AS SELECT * FROM mcp_oauth_record_index WHERE ${wanted};
     INSERT INTO mcp_oauth_records (kind, id, value, version, grant_id, consumed_at, consumptions, expires_at)
       SELECT kind, ${id('id')}, value, version, ${id('grant_id')}, consumed_at, consumptions, expires_at + 864000
       FROM originals CROSS JOIN generate_series(1, ${copies}) AS n;
     INSERT INTO mcp_oauth_record_index (kind, id, name, value, version)
       SELECT kind, ${id('id')}, name, ${id('value')}, version
       FROM original_entries CROSS JOIN generate_series(1, ${copies}) AS n;
     DROP TABLE originals; DROP TABLE original_entries`,
  );
  await pool.query('ANALYZE mcp_oauth_records, mcp_oauth_record_index');
  const bytes = Math.round(((await size()) - before) / copies);
  await pool.end();
  return bytes;
};

describe('PostgreSQL', () => growth(postgresStore, multiply));
