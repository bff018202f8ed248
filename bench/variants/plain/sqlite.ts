import { DatabaseSync } from 'node:sqlite';
import type { AdapterFactory, Payload } from './adapter.ts';

const nowSeconds = () => Math.floor(Date.now() / 1000);

/** One table in a file, with the pragmas of our store. */
export async function sqliteAdapter(path: string): Promise<AdapterFactory> {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
  database.exec(`
    CREATE TABLE IF NOT EXISTS records (model TEXT, id TEXT, payload TEXT, grant_id TEXT, uid TEXT, expires_at INTEGER, consumed INTEGER,
      PRIMARY KEY (model, id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS by_grant ON records (grant_id) WHERE grant_id IS NOT NULL;
    CREATE INDEX IF NOT EXISTS by_uid ON records (model, uid) WHERE uid IS NOT NULL`);
  const select = 'SELECT payload, consumed FROM records WHERE model = ? AND';
  const live = 'AND (expires_at IS NULL OR expires_at > ?)';
  const insert = database.prepare(`
    INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, NULL)
    ON CONFLICT DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id, uid = excluded.uid,
      expires_at = excluded.expires_at`);
  const findById = database.prepare(`${select} id = ? ${live}`);
  const findByUid = database.prepare(`${select} uid = ? ${live}`);
  const consume = database.prepare('UPDATE records SET consumed = ? WHERE model = ? AND id = ?');
  const destroy = database.prepare('DELETE FROM records WHERE model = ? AND id = ?');
  const revoke = database.prepare('DELETE FROM records WHERE grant_id = ?');

  function toPayload(row: Record<string, unknown> | undefined): Payload | undefined {
    if (!row) return undefined;
    return { ...JSON.parse(String(row.payload)), ...(row.consumed !== null && { consumed: row.consumed }) };
  }

  return (model) => ({
    find: async (id) => toPayload(findById.get(model, id, nowSeconds())),
    findByUid: async (uid) => toPayload(findByUid.get(model, uid, nowSeconds())),
    findByUserCode: async () => undefined,
    async upsert(id, payload, expiresIn) {
      const { grantId = null, uid = null } = payload;
      insert.run(model, id, JSON.stringify(payload), grantId, uid, expiresIn ? nowSeconds() + expiresIn : null);
    },
    async consume(id) {
      consume.run(nowSeconds(), model, id);
    },
    async destroy(id) {
      destroy.run(model, id);
    },
    async revokeByGrantId(grantId) {
      revoke.run(grantId);
    },
  });
}
