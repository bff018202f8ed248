import { randomUUID } from 'node:crypto';
import type { Storage, StoredRecord } from '../storage/storage.ts';
import type { Issuer } from './issuer.ts';
import { type SealedKind, sealedIndex } from './sealed-records.ts';
import type { KeyRingSource } from './secrets.ts';

/** What an identity provider issued for one login. None of it ever leaves this server for an MCP client. */
export interface ProviderTokens {
  readonly accessToken: string;
  /** UNIX seconds; undefined where the provider does not say. */
  readonly accessTokenExpiresAt?: number;
  /** The last one that came: a refresh need not bring another (OpenID Connect Core section 12.2). */
  readonly idToken?: string;
  /** UNIX seconds. */
  readonly idTokenExpiresAt?: number;
  readonly refreshToken?: string;
}

/** Gives the provider's tokens of the login that a grant rests on. */
export interface ProviderTokenSource {
  /** Logins from now on keep their tokens. Call it at set-up, where an upstream or the app needs them. */
  require(): void;
  /**
   * The kept tokens; where one has less than `secondsLeft` to live and there is a refresh token, they are renewed at the
   * provider first, once for all replicas. Look at the times: while the provider is down they may have passed.
   * @returns undefined where the login kept none, or has ended
   * @throws StorageUnavailableError
   */
  forGrant(
    issuer: Issuer,
    grantId: string,
    need: { readonly token: 'idToken' | 'accessToken'; readonly secondsLeft: number },
  ): Promise<ProviderTokens | undefined>;
}

/** Tokens as they are kept. */
export interface KeptTokens {
  readonly tokens: ProviderTokens;
  readonly accountId: string;
  /** Which of several identity providers. */
  readonly provider: string | undefined;
  /** False where they came without a word on the user that holds. @defaultValue true */
  readonly isConfirmed?: boolean;
  /** For {@link ProviderTokenVault.replace}; changes with every write, but for one that only seals the same anew. */
  readonly version: string;
}

/** Provider tokens by sign-in, sealed. */
export interface ProviderTokenVault {
  /** @param key of the sign-in */
  keep(key: string, login: Omit<KeptTokens, 'version'>): Promise<void>;
  find(key: string): Promise<KeptTokens | undefined>;
  /** @returns false where they were replaced or forgotten meanwhile */
  replace(key: string, kept: KeptTokens, tokens: ProviderTokens, isConfirmed?: boolean): Promise<boolean>;
}

/** Storage kind of the records; they are removed together with their sign-in. */
export const providerTokensKind = 'ProviderTokens';

export const sealedProviderTokens: SealedKind = { kind: providerTokensKind, member: 'sealed', boundTo: (key) => key };

/** A revision is the owner's own: the version of the record also changes when it is sealed anew. */
const revisionOf = ({ value, version }: StoredRecord) => String(value.revision ?? version);

const attempts = 5;

export interface ProviderTokenVaultOptions {
  readonly storage: Storage;
  readonly keyRing: KeyRingSource;
  /** Life of the tokens of a login, seconds from the last time that they were renewed. */
  readonly lifetimeSeconds: number;
  /** UNIX milliseconds. */
  readonly now?: () => number;
}

export function createProviderTokenVault(options: ProviderTokenVaultOptions): ProviderTokenVault {
  const { storage, keyRing, lifetimeSeconds, now = () => Date.now() } = options;
  const kind = providerTokensKind;
  const write = (key: string, { sealed }: { sealed: string }) => ({
    expiresAt: Math.floor(now() / 1000) + lifetimeSeconds,
    index: sealedIndex(key, sealed),
  });

  async function sealedValue(key: string, { tokens, accountId, provider, isConfirmed }: Omit<KeptTokens, 'version'>) {
    const sealed = (await keyRing()).seal(key, JSON.stringify(tokens));
    const more = { ...(provider !== undefined && { provider }), ...(isConfirmed === false && { isConfirmed }) };
    return { sealed, accountId, revision: randomUUID(), ...more };
  }

  return {
    async keep(key, login) {
      const value = await sealedValue(key, login);
      await storage.put(kind, key, value, write(key, value));
    },

    async find(key) {
      const record = await storage.get(kind, key);
      if (!record) return undefined;
      const { sealed, accountId, provider, isConfirmed } = record.value;
      const opened = (await keyRing()).open(key, String(sealed));
      if (opened === undefined) return undefined; // The secret was replaced: as if nothing had been kept.
      return {
        tokens: JSON.parse(opened) as ProviderTokens,
        accountId: String(accountId),
        provider: typeof provider === 'string' ? provider : undefined,
        isConfirmed: isConfirmed !== false,
        version: revisionOf(record),
      };
    },

    async replace(key, kept, tokens, isConfirmed = true) {
      const value = await sealedValue(key, { ...kept, tokens, isConfirmed });
      // Between reading and writing it may be sealed anew, which changes nothing of what it says.
      for (let attempt = 0; attempt < attempts; attempt += 1) {
        const record = await storage.get(kind, key);
        if (!record || revisionOf(record) !== kept.version) return false;
        if (await storage.replace(kind, key, record.version, value, write(key, value))) return true;
      }
      return false;
    },
  };
}
