import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { redisStorage } from '../../adapters/storage/redis.ts';
import { memoryStorage, type Storage, StorageUnavailableError } from '../../lib/index.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { createKeyRing } from '../../lib/shared/key-ring.ts';
import { recordId } from '../../lib/shared/record-ids.ts';
import { reencrypt } from '../../lib/shared/reencrypt.ts';
import { type SealedKind, sealedIndex } from '../../lib/shared/sealed-records.ts';
import { startRedisCluster } from '../helpers/redis-server.ts';
import { allStores } from '../helpers/stores.ts';
import { openClient } from '../storage/redis-clients.ts';

const issuer = parseIssuer('https://gateway.example.com') as Issuer;
const [oldSecret, newSecret] = ['the secret of before, which is long', 'the secret from now on, which is long'];
const before = createKeyRing([oldSecret]);
const during = createKeyRing([newSecret, oldSecret]);
const after = createKeyRing([newSecret]);

const kinds: readonly SealedKind[] = [
  {
    kind: 'Token',
    member: 'sealed',
    boundTo: (id) => `Token:${id}`,
    ownIndex: ({ value }) => ({ by: String(value.by) }),
  },
  { kind: 'Key', member: 'key', boundTo: (id) => id },
];

const ids = Array.from({ length: 230 }, (_, at) => recordId(issuer, `token ${at}`));
const expiresAt = Math.floor(Date.now() / 1000) + 3600;

async function writeToken(storage: Storage, id: string, ring = before): Promise<void> {
  const sealed = ring.seal(`Token:${id}`, `secret of ${id}`);
  await storage.put(
    'Token',
    id,
    { by: 'alice', sealed },
    { expiresAt, index: { by: 'alice', ...sealedIndex(id, sealed) } },
  );
}

async function fill(storage: Storage): Promise<void> {
  for (const id of ids) await writeToken(storage, id);
  const key = before.seal('one:key', 'the key');
  await storage.put('Key', 'one:key', { key }, { index: sealedIndex('one:key', key) });
}

async function cluster() {
  const server = await startRedisCluster();
  const opened = await openClient('node-redis', server.nodes);
  const storage = redisStorage(opened.client, { prefix: `${server.prefix}${randomUUID()}:` });
  return {
    replicas: [storage, storage] as const,
    async close() {
      opened.close();
      await server.close();
    },
  };
}

describe.each([...allStores, ['Redis Cluster', cluster] as const])('on %s', (_name, open) => {
  let store: Awaited<ReturnType<typeof open>>;
  beforeAll(async () => {
    store = await open();
  });
  afterAll(() => store?.close());

  it('everything is sealed under the current secret afterwards, and else as it was', async () => {
    const [storage, other] = store.replicas;
    await fill(storage);
    const consumed = ids[7] as string;
    await storage.consume('Token', consumed, 1234);
    expect(await reencrypt(other, during, kinds)).toEqual({ resealed: ids.length + 1, left: 0 });
    for (const id of ids) {
      const record = await storage.get('Token', id);
      expect(after.open(`Token:${id}`, String(record?.value.sealed))).toBe(`secret of ${id}`);
      expect([record?.expiresAt, record?.consumedAt]).toEqual([expiresAt, id === consumed ? 1234 : undefined]);
    }
    expect(await storage.find('Token', 'by', 'alice', { limit: 1000 })).toHaveLength(ids.length);
    const key = await storage.get('Key', 'one:key');
    expect([after.open('one:key', String(key?.value.key)), key?.expiresAt]).toEqual(['the key', undefined]);
    expect(await reencrypt(other, during, kinds)).toEqual({ resealed: 0, left: 0 });
  });
});

describe('beside servers at work', () => {
  /** A store on which something happens right before each compare-and-set. */
  async function storeWhere(meanwhile: (storage: Storage, id: string) => Promise<unknown>): Promise<Storage> {
    const storage = memoryStorage();
    await fill(storage);
    const { replace } = storage;
    storage.replace = async (kind, id, ...rest) => {
      await meanwhile(storage, id);
      return replace(kind, id, ...rest);
    };
    return storage;
  }

  it('nothing comes back that was deleted meanwhile', async () => {
    const storage = await storeWhere((store, id) => store.delete('Token', id));
    expect(await reencrypt(storage, during, kinds)).toEqual({ resealed: 1, left: 0 });
    for (const id of ids) expect(await storage.get('Token', id)).toBeUndefined();
  });

  it('nothing is lost that was written meanwhile', async () => {
    const written = new Set<string>();
    const storage = await storeWhere(async (store, id) => {
      if (written.has(id) || id === 'one:key') return;
      written.add(id);
      const sealed = during.seal(`Token:${id}`, `newer of ${id}`);
      await store.put('Token', id, { by: 'bob', sealed }, { index: { by: 'bob', ...sealedIndex(id, sealed) } });
    });
    expect(await reencrypt(storage, during, kinds)).toEqual({ resealed: 1, left: 0 });
    for (const id of ids) {
      const record = await storage.get('Token', id);
      expect(after.open(`Token:${id}`, String(record?.value.sealed))).toBe(`newer of ${id}`);
    }
  });

  it('what a server that has only the old secret writes meanwhile is sealed anew, or counted as left', async () => {
    const often = new Map<string, number>();
    const busy = ids[3] as string;
    const storage = await storeWhere(async (store, id) => {
      const times = often.get(id) ?? 0;
      often.set(id, times + 1);
      if (id === busy || (id === ids[4] && times === 0)) await writeToken(store, id);
    });
    expect(await reencrypt(storage, during, kinds)).toEqual({ resealed: ids.length, left: 1 });
    const record = await storage.get('Token', busy);
    expect(before.open(`Token:${busy}`, String(record?.value.sealed))).toBe(`secret of ${busy}`);
  });

  it('a run that an outage cut off is finished by the next', async () => {
    let calls = 0;
    const storage = await storeWhere(async () => {
      calls += 1;
      if (calls === 150) throw new StorageUnavailableError('down');
    });
    await expect(reencrypt(storage, during, kinds)).rejects.toThrow(StorageUnavailableError);
    const { resealed, left } = await reencrypt(storage, during, kinds);
    expect(resealed).toBeLessThan(ids.length);
    expect(left).toBe(0);
    for (const id of ids)
      expect(after.open(`Token:${id}`, String((await storage.get('Token', id))?.value.sealed))).toBe(`secret of ${id}`);
  });

  it('a record that cannot be read is counted as left, and stays', async () => {
    const storage = memoryStorage();
    await writeToken(storage, ids[0] as string);
    const sealed = before.seal('Token:another', 'of another record');
    await storage.put('Token', ids[1] as string, { sealed }, { index: sealedIndex(ids[1] as string, sealed) });
    expect(await reencrypt(storage, during, kinds)).toEqual({ resealed: 1, left: 1 });
    expect((await storage.get('Token', ids[1] as string))?.value).toEqual({ sealed });
  });
});
