import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';
import { type SealedKind, sealedIndex } from '../shared/sealed-records.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import type { Storage } from '../storage/storage.ts';

/** The key with which this server authenticates itself as a client (RFC 7523 section 3), one for each issuer. */
export interface ClientKeys {
  readonly publicKeys: (issuer: Issuer) => Promise<{ readonly keys: readonly JWK[] }>;
  readonly signingKey: (issuer: Issuer) => Promise<{ readonly key: CryptoKey; readonly kid: string }>;
}

const kind = 'ClientKey';

export const sealedClientKeys: SealedKind = { kind, member: 'sealed', boundTo: (id) => `${kind}:${id}` };

/** Generated once into storage, sealed; never the key that signs tokens. */
export function createClientKeys(storage: Storage, keyRing: KeyRingSource): ClientKeys {
  async function load(issuer: Issuer): Promise<JWK> {
    const id = recordId(issuer, kind);
    const ring = await keyRing();
    const stored = await storage.get(kind, id);
    if (stored) {
      const opened = ring.open(sealedClientKeys.boundTo(id), String(stored.value.sealed));
      if (opened === undefined) throw new Error('the client key in storage was sealed with another secret');
      return JSON.parse(opened) as JWK;
    }
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(privateKey);
    const key = { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' };
    const sealed = ring.seal(sealedClientKeys.boundTo(id), JSON.stringify(key));
    const isFirst = await storage.create(kind, id, { sealed }, { index: sealedIndex(id, sealed) });
    return isFirst ? key : load(issuer);
  }

  return {
    async publicKeys(issuer) {
      const { d: _, ...key } = await load(issuer);
      return { keys: [key] };
    },
    async signingKey(issuer) {
      const jwk = await load(issuer);
      return { key: (await importJWK(jwk, 'ES256')) as CryptoKey, kid: jwk.kid as string };
    },
  };
}
