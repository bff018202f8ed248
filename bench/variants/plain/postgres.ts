import { openPool } from '../stores.ts';
import type { AdapterFactory, Payload, Trip } from './adapter.ts';

/** One table, one statement for each call. */
export async function postgresAdapter(url: string, trip: Trip): Promise<AdapterFactory> {
  const pool = openPool(url);
  await pool.query(`
    CREATE TABLE IF NOT EXISTS oidc_records (model text, id text, payload jsonb NOT NULL, grant_id text, uid text,
      expires_at timestamptz, consumed_at timestamptz, PRIMARY KEY (model, id))`);
  await pool.query('CREATE INDEX IF NOT EXISTS oidc_by_grant ON oidc_records (grant_id) WHERE grant_id IS NOT NULL');
  await pool.query('CREATE INDEX IF NOT EXISTS oidc_by_uid ON oidc_records (model, uid) WHERE uid IS NOT NULL');

  const query = async (text: string, values: unknown[]) => (await trip('query', () => pool.query(text, values))).rows;
  const select =
    'SELECT payload, extract(epoch FROM consumed_at)::float8 AS consumed FROM oidc_records WHERE model = $1';
  const live = '(expires_at IS NULL OR expires_at > now())';

  function toPayload(row: { payload: Payload; consumed: number | null } | undefined): Payload | undefined {
    return row && { ...row.payload, ...(row.consumed !== null && { consumed: row.consumed }) };
  }

  return (model) => ({
    find: async (id) => toPayload((await query(`${select} AND id = $2 AND ${live}`, [model, id]))[0]),
    findByUid: async (uid) => toPayload((await query(`${select} AND uid = $2 AND ${live}`, [model, uid]))[0]),
    findByUserCode: async () => undefined,
    async upsert(id, payload, expiresIn) {
      await query(
        `INSERT INTO oidc_records (model, id, payload, grant_id, uid, expires_at)
        VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6::float8))
        ON CONFLICT (model, id) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id,
          uid = excluded.uid, expires_at = excluded.expires_at`,
        [model, id, JSON.stringify(payload), payload.grantId ?? null, payload.uid ?? null, expiresIn ?? null],
      );
    },
    async consume(id) {
      await query('UPDATE oidc_records SET consumed_at = now() WHERE model = $1 AND id = $2', [model, id]);
    },
    async destroy(id) {
      await query('DELETE FROM oidc_records WHERE model = $1 AND id = $2', [model, id]);
    },
    async revokeByGrantId(grantId) {
      await query('DELETE FROM oidc_records WHERE grant_id = $1', [grantId]);
    },
  });
}
