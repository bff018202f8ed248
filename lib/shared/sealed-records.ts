import type { FoundRecord, WriteOptions } from '../storage/storage.ts';
import { keyIdOf } from './key-ring.ts';
import { listedIndex } from './listing.ts';

/**
 * A kind of records that outlive a change of the option `secret`, one member of each sealed. They are indexed by the key
 * that sealed them, so that {@link reencrypt} finds those of an old one.
 */
export interface SealedKind {
  readonly kind: string;
  /** Member of the value that is sealed. */
  readonly member: string;
  /** What the sealed text is bound to. */
  readonly boundTo: (id: string) => string;
  /** By what else the record is found. */
  readonly ownIndex?: (record: FoundRecord) => { readonly [name: string]: string };
}

/** Name of the index. */
export const sealedBy = 'sealedBy';

/**
 * Records of one key are spread over so many index values as base64url has characters: in a Redis Cluster one value is one
 * key on one server.
 */
export const shards = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'];

/** @param shard the first character of the digest in a record's id */
export const sealedByValue = (keyId: string, shard: string) => `${keyId} ${shard}`;

/** Index entry of a record of a {@link SealedKind}; none where nothing in it is sealed. */
export function sealedIndex(id: string, sealed: unknown): NonNullable<WriteOptions['index']> {
  const keyId = typeof sealed === 'string' ? keyIdOf(sealed) : undefined;
  return keyId === undefined ? {} : { [sealedBy]: sealedByValue(keyId, id.charAt(id.indexOf(':') + 1)) };
}

/** Client secrets of registrations; public clients have none. */
export const clientSecrets: SealedKind = {
  kind: 'Client',
  member: 'client_secret',
  boundTo: (id) => id,
  ownIndex: ({ id }) => listedIndex(id),
};
