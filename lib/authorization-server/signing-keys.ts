import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { Issuer } from '../shared/issuer.ts';
import type { KeyRing } from '../shared/key-ring.ts';
import { recordId } from '../shared/record-ids.ts';
import type { Storage } from '../storage/storage.ts';

const kind = 'SigningKeys';

async function generateSigningKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' };
}

/**
 * The issuer's private signing keys, first the one that signs. Generated once into storage, sealed; of several processes
 * that start together exactly one generates them, and the others read what it wrote.
 * @throws Error where they were sealed under a secret that is not known any more
 */
export async function loadSigningKeys(storage: Storage, issuer: Issuer, keyRing: KeyRing): Promise<readonly JWK[]> {
  const id = recordId(issuer, kind);
  const stored = await storage.get(kind, id);
  if (!stored) {
    const keys = [await generateSigningKey()];
    if (await storage.create(kind, id, { keys: keyRing.seal(id, JSON.stringify(keys)) })) return keys;
    return loadSigningKeys(storage, issuer, keyRing);
  }
  const opened = typeof stored.value.keys === 'string' ? keyRing.open(id, stored.value.keys) : undefined;
  if (opened === undefined) {
    throw new Error(
      'the signing keys in storage were sealed with another secret: give the previous one as second entry of the option secret',
    );
  }
  return JSON.parse(opened) as JWK[];
}
