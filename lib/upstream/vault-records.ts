import { randomUUID } from 'node:crypto';
import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';
import { type SealedKind, sealedIndex } from '../shared/sealed-records.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import type { Storage, StoredRecord, WriteOptions } from '../storage/storage.ts';
import type { Refusals } from './refusals.ts';

/** Tokens of one user at one upstream. */
export interface UpstreamTokens {
  readonly accessToken: string;
  readonly refreshToken?: string;
  /** UNIX seconds; absent where the authorization server does not say. */
  readonly expiresAt?: number;
  /** When they were issued, UNIX seconds. */
  readonly issuedAt: number;
  /** When the user connected, UNIX seconds. */
  readonly connectedAt: number;
  readonly scopes: readonly string[];
  /** Issuer that gave them: they go to no other authorization server. */
  readonly authorizationServer: string;
  /** Client to which they were issued. */
  readonly clientId: string;
  /** Renewals because the upstream refused the token before, so that nobody asks for ever. */
  readonly refusals?: Refusals;
}

/** Whose tokens for which upstream. */
export interface VaultKey {
  readonly issuer: Issuer;
  /** Account, or a name that no account has for tokens of everybody. */
  readonly account: string;
  readonly upstream: string;
}

const kind = 'UpstreamToken';

/** Value: `upstream`, `connectedAt`, `account` (the index value), `revision` and the tokens. */
export const sealedUpstreamTokens: SealedKind = {
  kind,
  member: 'sealed',
  boundTo: (id) => `${kind}:${id}`,
  ownIndex: ({ value }) => ({ account: String(value.account) }),
};

/** A connection that nobody used for so long is forgotten. */
export const keepSeconds = 180 * 86_400;

/** A record as it was read. */
export interface Entry {
  /** Of this vault's writes: the version of the record also changes when it is sealed anew. */
  readonly revision: string;
  /** When it is forgotten, UNIX seconds. */
  readonly endsAt: number | undefined;
  /** Absent where the user must connect again. */
  readonly tokens?: UpstreamTokens;
}

/** What a record is written with: tokens, or why there are none any more. */
export type Content = { readonly tokens: UpstreamTokens } | { readonly ended: string };

/** The vault's records: one for each user and upstream, its tokens sealed. */
export interface VaultRecords {
  idOf(key: VaultKey): string;
  read(key: VaultKey): Promise<Entry | undefined>;
  /** @param revision that was read; undefined where there was no record. @returns false where it was changed or removed meanwhile */
  write(key: VaultKey, revision: string | undefined, content: Content): Promise<boolean>;
  /** Whatever was there before. */
  put(key: VaultKey, tokens: UpstreamTokens): Promise<void>;
  delete(key: VaultKey): Promise<void>;
  take(key: VaultKey): Promise<UpstreamTokens | undefined>;
  list(issuer: Issuer, account: string): Promise<{ upstream: string; connectedAt: number }[]>;
}

interface Value {
  readonly [member: string]: unknown;
  readonly account: string;
}

const attempts = 5;

const revisionOf = ({ value, version }: StoredRecord) => String(value.revision ?? version);

export function createVaultRecords(storage: Storage, keyRing: KeyRingSource, seconds: () => number): VaultRecords {
  const idOf = ({ issuer, account, upstream }: VaultKey) => recordId(issuer, JSON.stringify([account, upstream]));

  const options = (key: VaultKey, value: Value): WriteOptions => ({
    expiresAt: seconds() + keepSeconds,
    index: { account: value.account, ...sealedIndex(idOf(key), value.sealed) },
  });

  async function toValue(key: VaultKey, content: Content): Promise<Value> {
    const { issuer, account, upstream } = key;
    const value = { upstream, account: recordId(issuer, account), revision: randomUUID() };
    if ('ended' in content) return { ...value, ended: content.ended };
    const { tokens } = content;
    const sealed = (await keyRing()).seal(sealedUpstreamTokens.boundTo(idOf(key)), JSON.stringify(tokens));
    return { ...value, sealed, connectedAt: tokens.connectedAt };
  }

  async function open(id: string, sealed: unknown): Promise<UpstreamTokens | undefined> {
    if (typeof sealed !== 'string') return undefined;
    const text = (await keyRing()).open(sealedUpstreamTokens.boundTo(id), sealed);
    return text === undefined ? undefined : (JSON.parse(text) as UpstreamTokens);
  }

  return {
    idOf,

    async read(key) {
      const record = await storage.get(kind, idOf(key));
      if (!record) return undefined;
      const tokens = await open(idOf(key), record.value.sealed);
      return { revision: revisionOf(record), endsAt: record.expiresAt, ...(tokens && { tokens }) };
    },

    async write(key, revision, content) {
      const id = idOf(key);
      const value = await toValue(key, content);
      if (revision === undefined) return storage.create(kind, id, value, options(key, value));
      // Between reading and writing it may be sealed anew, which changes nothing of what it says.
      for (let attempt = 0; attempt < attempts; attempt += 1) {
        const record = await storage.get(kind, id);
        if (!record || revisionOf(record) !== revision) return false;
        if (await storage.replace(kind, id, record.version, value, options(key, value))) return true;
      }
      return false;
    },

    async put(key, tokens) {
      const value = await toValue(key, { tokens });
      await storage.put(kind, idOf(key), value, options(key, value));
    },

    delete: (key) => storage.delete(kind, idOf(key)),

    async take(key) {
      const record = await storage.take(kind, idOf(key));
      return record && open(idOf(key), record.value.sealed);
    },

    async list(issuer, account) {
      const found = await storage.find(kind, 'account', recordId(issuer, account), { limit: 200 });
      return found
        .filter(({ value }) => typeof value.sealed === 'string')
        .map(({ value }) => ({ upstream: String(value.upstream), connectedAt: Number(value.connectedAt) }));
    },
  };
}
