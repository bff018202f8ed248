import { describe, expect, test } from '@jest/globals';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { loadSigningKeys } from '../../lib/authorization-server/signing-keys.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { createKeyRing } from '../../lib/shared/key-ring.ts';
import { memoryStorage } from '../../lib/storage/memory.ts';
import { type Storage, StorageUnavailableError } from '../../lib/storage/storage.ts';

const issuer = parseIssuer('https://mcp.example.com') as Issuer;
const another = parseIssuer('https://mcp.example.com/gw') as Issuer;
const [first, second] = ['the first secret of the tests, long enough', 'the second secret of the tests, long enough'];
const ring = createKeyRing([first]);

/** A store that remembers every value written to it. */
function recordingStorage(): { storage: Storage; written: { kind: string; id: string; value: object }[] } {
  const inner = memoryStorage();
  const written: { kind: string; id: string; value: object }[] = [];
  const storage: Storage = {
    ...inner,
    create: (kind, id, value, options) => {
      written.push({ kind, id, value });
      return inner.create(kind, id, value, options);
    },
  };
  return { storage, written };
}

describe('signing keys', () => {
  test('are one for all of 20 processes that start together on one store', async () => {
    const storage = memoryStorage();
    const loaded = await Promise.all(Array.from({ length: 20 }, () => loadSigningKeys(storage, issuer, ring)));
    expect(new Set(loaded.map((keys) => JSON.stringify(keys))).size).toBe(1);
    expect(loaded[0]).toHaveLength(1);
  });

  test('are a private ES256 key named by its thumbprint (RFC 7638)', async () => {
    const [key] = (await loadSigningKeys(memoryStorage(), issuer, ring)) as [JWK];
    expect(key).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', d: expect.any(String) });
    expect(key.kid).toBe(await calculateJwkThumbprint(key));
  });

  test('stay the same after a restart, and after a rotation of the secret', async () => {
    const storage = memoryStorage();
    const keys = await loadSigningKeys(storage, issuer, ring);
    expect(await loadSigningKeys(storage, issuer, createKeyRing([first]))).toEqual(keys);
    expect(await loadSigningKeys(storage, issuer, createKeyRing([second, first]))).toEqual(keys);
  });

  test('are sealed at rest: nothing private or public of them stands in the store', async () => {
    const { storage, written } = recordingStorage();
    const [key] = (await loadSigningKeys(storage, issuer, ring)) as [JWK];
    expect(written).toHaveLength(1);
    const stored = JSON.stringify(written);
    for (const member of [key.d, key.x, key.y, key.kid]) expect(stored).not.toContain(member);
  });

  test('are of one issuer alone, under an id that cannot be moved to another', async () => {
    const { storage, written } = recordingStorage();
    const keys = await loadSigningKeys(storage, issuer, ring);
    const others = await loadSigningKeys(storage, another, ring);
    expect(others[0]?.kid).not.toBe(keys[0]?.kid);
    await storage.put('SigningKeys', written[1]?.id ?? '', { ...written[0]?.value });
    await expect(loadSigningKeys(storage, another, ring)).rejects.toThrow('sealed with another secret');
  });

  test('under a secret that is not given any more are an error that says what helps, and are not replaced', async () => {
    const storage = memoryStorage();
    const keys = await loadSigningKeys(storage, issuer, ring);
    const error = await loadSigningKeys(storage, issuer, createKeyRing([second])).catch((caught: Error) => caught);
    expect((error as Error).message).toBe(
      'the signing keys in storage were sealed with another secret: give the previous one as second entry of the option secret',
    );
    expect((error as Error).message).not.toContain(first);
    expect(await loadSigningKeys(storage, issuer, ring)).toEqual(keys);
  });

  test('in a record that is none are an error, not a new key', async () => {
    const { storage, written } = recordingStorage();
    await loadSigningKeys(storage, issuer, ring);
    const id = written[0]?.id ?? '';
    await storage.put('SigningKeys', id, { keys: 5 });
    await expect(loadSigningKeys(storage, issuer, ring)).rejects.toThrow('sealed with another secret');
  });

  test('are not made while the store is down, and are made by the next call after it', async () => {
    const storage = memoryStorage();
    let isUp = false;
    const fragile: Storage = {
      ...storage,
      get: async (kind, id) => {
        if (!isUp) throw new StorageUnavailableError('down');
        return storage.get(kind, id);
      },
    };
    await expect(loadSigningKeys(fragile, issuer, ring)).rejects.toThrow(StorageUnavailableError);
    isUp = true;
    expect(await loadSigningKeys(fragile, issuer, ring)).toHaveLength(1);
  });
});
