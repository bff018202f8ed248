import { connectRedis } from '../stores.ts';
import type { AdapterFactory, Payload, Trip } from './adapter.ts';

const revoked = ['AccessToken', 'AuthorizationCode', 'RefreshToken'];

/** After the example in oidc-provider's repository: JSON text, a list of keys for each grant, one MULTI for each write. */
export async function redisAdapter(url: string, trip: Trip): Promise<AdapterFactory> {
  const client = await connectRedis(url);
  return (model) => {
    const keyOf = (id: string) => `oidc:${model}:${id}`;
    const uidKeyOf = (uid: string) => `oidc:uid:${uid}`;
    const grantKeyOf = (grantId: string) => `oidc:grant:${grantId}`;
    /** Codes and refresh tokens are hashes, so that `consume` is one command. */
    const isConsumable = model === 'AuthorizationCode' || model === 'RefreshToken';

    async function find(id: string): Promise<Payload | undefined> {
      if (!isConsumable) {
        const text = await trip('GET', () => client.get(keyOf(id)));
        return text === null ? undefined : JSON.parse(String(text));
      }
      const { payload, consumed } = await trip('HGETALL', () => client.hGetAll(keyOf(id)));
      if (payload === undefined) return undefined;
      return { ...JSON.parse(String(payload)), ...(consumed !== undefined && { consumed: Number(consumed) }) };
    }

    return {
      find,
      async upsert(id, payload, expiresIn) {
        const key = keyOf(id);
        const text = JSON.stringify(payload);
        const multi = client.multi();
        if (isConsumable) multi.hSet(key, { payload: text });
        else multi.set(key, text);
        if (expiresIn) multi.expire(key, expiresIn);
        if (revoked.includes(model) && payload.grantId !== undefined) {
          multi.rPush(grantKeyOf(payload.grantId), key);
          if (expiresIn) multi.expire(grantKeyOf(payload.grantId), expiresIn, 'GT');
        }
        if (payload.uid !== undefined) multi.set(uidKeyOf(payload.uid), id);
        await trip('MULTI', () => multi.exec());
      },
      async findByUid(uid) {
        const id = await trip('GET', () => client.get(uidKeyOf(uid)));
        return id === null ? undefined : find(String(id));
      },
      findByUserCode: async () => undefined,
      async consume(id) {
        await trip('HSET', () => client.hSet(keyOf(id), 'consumed', Math.floor(Date.now() / 1000)));
      },
      async destroy(id) {
        await trip('DEL', () => client.del(keyOf(id)));
      },
      async revokeByGrantId(grantId) {
        const keys = await trip('LRANGE', () => client.lRange(grantKeyOf(grantId), 0, -1));
        await trip('DEL', () => client.del([...keys.map(String), grantKeyOf(grantId)]));
      },
    };
  };
}
