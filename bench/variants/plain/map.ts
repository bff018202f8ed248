import type { AdapterFactory, Payload } from './adapter.ts';

/** Objects in a Map, by reference: no cheaper store can be had. */
export function mapAdapter(): AdapterFactory {
  const records = new Map<string, { payload: Payload; expiresAt: number }>();
  const uids = new Map<string, string>();
  const grants = new Map<string, Set<string>>();
  return (model) => {
    const keyOf = (id: string) => `${model}:${id}`;
    async function find(id: string): Promise<Payload | undefined> {
      const record = records.get(keyOf(id));
      return record && record.expiresAt > Date.now() ? record.payload : undefined;
    }
    return {
      find,
      async upsert(id, payload, expiresIn) {
        const key = keyOf(id);
        records.set(key, { payload, expiresAt: expiresIn ? Date.now() + expiresIn * 1000 : Number.POSITIVE_INFINITY });
        if (payload.uid !== undefined) uids.set(keyOf(payload.uid), id);
        if (payload.grantId === undefined) return;
        const members = grants.get(payload.grantId) ?? new Set();
        grants.set(payload.grantId, members.add(key));
      },
      findByUid: async (uid) => find(uids.get(keyOf(uid)) ?? ''),
      findByUserCode: async () => undefined,
      async consume(id) {
        const record = records.get(keyOf(id));
        if (record) record.payload.consumed = Math.floor(Date.now() / 1000);
      },
      async destroy(id) {
        records.delete(keyOf(id));
      },
      async revokeByGrantId(grantId) {
        for (const key of grants.get(grantId) ?? []) records.delete(key);
        grants.delete(grantId);
      },
    };
  };
}
