import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';
import { type SealedKind, sealedIndex } from '../shared/sealed-records.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import { compareAndDelete } from '../storage/compare-and-delete.ts';
import { type Storage, StorageUnavailableError, type StoredRecord, type WriteOptions } from '../storage/storage.ts';

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
}

/** Whose tokens for which upstream. */
export interface VaultKey {
  readonly issuer: Issuer;
  /** Account, or a name that no account has for tokens of everybody. */
  readonly account: string;
  readonly upstream: string;
}

/** What an attempt to get new tokens came to. */
export type Renewal =
  | { readonly kind: 'renewed'; readonly tokens: UpstreamTokens }
  /** The authorization server said that the grant has ended: the user must connect again. */
  | { readonly kind: 'ended'; readonly reason: string }
  /**
   * No answer, or one that says nothing about the grant: everything is kept. Final where nobody expects another answer
   * before somebody has changed a setting.
   */
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly retryAfterSeconds: number;
      readonly isFinal?: boolean;
    };

/** Gets new tokens; `undefined` where none are kept. */
export type Renew = (current: UpstreamTokens | undefined) => Promise<Renewal>;

/** The answer to a call that needs a token. */
export type VaultAnswer =
  | { readonly kind: 'tokens'; readonly tokens: UpstreamTokens }
  | { readonly kind: 'missing' }
  | {
      readonly kind: 'unavailable';
      readonly reason: string;
      readonly retryAfterSeconds: number;
      readonly isFinal: boolean;
    };

export interface VaultRequest {
  readonly renew: Renew;
  /** An access token that the upstream refused: it counts as expired. */
  readonly refused?: string;
  /** Whether `renew` can get tokens where none are kept. @defaultValue false */
  readonly canStart?: boolean;
}

/** The tokens of all users at all upstreams: one encrypted record each. */
export interface Vault {
  /** Whether tokens are kept, whatever their age. */
  has(key: VaultKey): Promise<boolean>;
  /** A token that has not expired, renewed where need be: once, however many calls and processes ask. */
  get(key: VaultKey, request: VaultRequest): Promise<VaultAnswer>;
  /** Keeps the tokens of a new connection, in place of whatever was kept. */
  put(key: VaultKey, tokens: UpstreamTokens): Promise<void>;
  /** Forgets a connection. @returns its tokens, to be revoked */
  remove(key: VaultKey): Promise<UpstreamTokens | undefined>;
  /** Upstreams that the account is connected to, and since when, UNIX seconds. */
  list(issuer: Issuer, account: string): Promise<{ upstream: string; connectedAt: number }[]>;
}

const kind = 'UpstreamToken';
const leaseKind = 'UpstreamLease';

/** Value: `upstream`, `connectedAt`, `account` (the index value), `revision` and the tokens. */
export const sealedUpstreamTokens: SealedKind = {
  kind,
  member: 'sealed',
  boundTo: (id) => `${kind}:${id}`,
  ownIndex: ({ value }) => ({ account: String(value.account) }),
};

/** A connection that nobody used for so long is forgotten. */
const keepSeconds = 180 * 86_400;

/** Longer than an attempt takes, time for writing included: whoever holds the lease is done or dead when it ends. */
const leaseSeconds = 45;

/** How long the others wait for whoever renews, milliseconds. */
const waitMs = 20_000;

/** How long before its end a token is renewed, at most and as part of its life. */
const aheadSeconds = 60;
const aheadPart = 0.2;

/** How often a record is written again when the store does not answer: a rotated refresh token must not be lost. */
const writeDelaysMs = [100, 300, 1000, 3000];

interface Entry {
  /** Of this vault's writes: the version of the record also changes when it is sealed anew. */
  readonly revision: string;
  /** When it is forgotten, UNIX seconds. */
  readonly endsAt: number | undefined;
  /** Absent where the user must connect again. */
  readonly tokens?: UpstreamTokens;
}

interface Value {
  readonly [member: string]: unknown;
  readonly account: string;
}

const attempts = 5;

const revisionOf = ({ value, version }: StoredRecord) => String(value.revision ?? version);

export function createVault(storage: Storage, keyRing: KeyRingSource, now: () => number = () => Date.now()): Vault {
  const underWay = new Map<string, Promise<VaultAnswer>>();
  /** Renewed, but the store did not take them. */
  const unsaved = new Map<string, { readonly revision: string | undefined; readonly tokens: UpstreamTokens }>();
  const seconds = () => Math.floor(now() / 1000);
  const idOf = ({ issuer, account, upstream }: VaultKey) => recordId(issuer, JSON.stringify([account, upstream]));

  const options = (key: VaultKey, value: Value): WriteOptions => ({
    expiresAt: seconds() + keepSeconds,
    index: { account: value.account, ...sealedIndex(idOf(key), value.sealed) },
  });

  function newValue({ issuer, account, upstream }: VaultKey, more: { sealed: string } | { ended: string }): Value {
    return { upstream, account: recordId(issuer, account), revision: randomUUID(), ...more };
  }

  async function seal(key: VaultKey, tokens: UpstreamTokens): Promise<Value> {
    const sealed = (await keyRing()).seal(sealedUpstreamTokens.boundTo(idOf(key)), JSON.stringify(tokens));
    return { ...newValue(key, { sealed }), connectedAt: tokens.connectedAt };
  }

  async function open(id: string, sealed: unknown): Promise<UpstreamTokens | undefined> {
    if (typeof sealed !== 'string') return undefined;
    const text = (await keyRing()).open(sealedUpstreamTokens.boundTo(id), sealed);
    return text === undefined ? undefined : (JSON.parse(text) as UpstreamTokens);
  }

  async function read(id: string): Promise<Entry | undefined> {
    const record = await storage.get(kind, id);
    if (!record) return undefined;
    const tokens = await open(id, record.value.sealed);
    return { revision: revisionOf(record), endsAt: record.expiresAt, ...(tokens && { tokens }) };
  }

  /** @returns false where the connection was changed or removed meanwhile */
  async function write(key: VaultKey, revision: string | undefined, value: Value): Promise<boolean> {
    const id = idOf(key);
    if (revision === undefined) return storage.create(kind, id, value, options(key, value));
    // Between reading and writing it may be sealed anew, which changes nothing of what it says.
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const record = await storage.get(kind, id);
      if (!record || revisionOf(record) !== revision) return false;
      if (await storage.replace(kind, id, record.version, value, options(key, value))) return true;
    }
    return false;
  }

  /** Before the lease is released, and again while the store is away. */
  async function save(key: VaultKey, revision: string | undefined, tokens: UpstreamTokens): Promise<boolean> {
    const id = idOf(key);
    const value = await seal(key, tokens);
    for (const delay of [...writeDelaysMs, undefined]) {
      try {
        const isWritten = await write(key, revision, value);
        unsaved.delete(id);
        return isWritten;
      } catch (error) {
        if (!(error instanceof StorageUnavailableError)) throw error;
        unsaved.set(id, { revision, tokens });
        if (delay === undefined) throw error;
        await pause(delay);
      }
    }
    return false;
  }

  /** Deletes the lease if it is still this holder's. */
  async function release(id: string, holder: string): Promise<void> {
    const lease = await storage.get(leaseKind, id);
    if (lease?.value.holder === holder) await compareAndDelete(storage, leaseKind, id, lease.version);
  }

  /** Leaves the failure in the lease's place, so that nobody asks again before it is time. */
  async function backOff(id: string, holder: string, failure: Extract<Renewal, { kind: 'failed' }>): Promise<void> {
    const { reason: failed, retryAfterSeconds, isFinal = false } = failure;
    const lease = await storage.get(leaseKind, id);
    if (lease?.value.holder !== holder) return;
    const expiresAt = seconds() + Math.max(1, retryAfterSeconds);
    await storage.replace(leaseKind, id, lease.version, { failed, isFinal }, { expiresAt });
  }

  const toAnswer = (entry: Entry | undefined): VaultAnswer =>
    entry?.tokens ? { kind: 'tokens', tokens: entry.tokens } : { kind: 'missing' };

  async function renewHolding(
    key: VaultKey,
    { renew, canStart = false }: VaultRequest,
    stale: string | undefined,
    holder: string,
  ): Promise<VaultAnswer> {
    const id = idOf(key);
    const entry = await read(id);
    // Somebody was faster, or the user has connected anew.
    if (entry?.revision !== stale || !(entry?.tokens || canStart)) {
      await release(id, holder);
      return toAnswer(entry);
    }
    const renewal = await renew(entry?.tokens).catch(async (error: unknown) => {
      await release(id, holder);
      throw error;
    });
    switch (renewal.kind) {
      case 'failed':
        await backOff(id, holder, renewal);
        return { isFinal: false, ...renewal, kind: 'unavailable' };
      case 'ended':
        // Tokens that come without the user are simply gone; others leave a mark, so that nobody asks in vain.
        if (canStart) await storage.delete(kind, id);
        else if (entry) await write(key, entry.revision, newValue(key, { ended: renewal.reason }));
        break;
      case 'renewed':
        if (await save(key, entry?.revision, renewal.tokens)) {
          await release(id, holder);
          return { kind: 'tokens', tokens: renewal.tokens };
        }
    }
    await release(id, holder);
    return toAnswer(await read(id));
  }

  async function renewOnce(key: VaultKey, request: VaultRequest, stale: string | undefined): Promise<VaultAnswer> {
    const id = idOf(key);
    const holder = randomUUID();
    const until = now() + waitMs;
    for (let delayMs = 20; ; delayMs = Math.min(250, delayMs * 2)) {
      const expiresAt = seconds() + leaseSeconds;
      if (await storage.create(leaseKind, id, { holder }, { expiresAt })) {
        return renewHolding(key, request, stale, holder);
      }
      const lease = await storage.get(leaseKind, id);
      const entry = await read(id);
      if (entry?.revision !== stale) return toAnswer(entry);
      if (lease && typeof lease.value.failed === 'string') {
        const retryAfterSeconds = Math.max(1, (lease.expiresAt ?? 0) - seconds());
        const isFinal = lease.value.isFinal === true;
        return { kind: 'unavailable', reason: lease.value.failed, retryAfterSeconds, isFinal };
      }
      if (now() > until) {
        return { kind: 'unavailable', reason: 'the renewal takes too long', retryAfterSeconds: 5, isFinal: false };
      }
      await pause(delayMs);
    }
  }

  /** The calls of this process wait for one attempt. */
  function renewal(key: VaultKey, request: VaultRequest, stale: string | undefined): Promise<VaultAnswer> {
    const id = `${idOf(key)} ${stale}`;
    const running = underWay.get(id);
    if (running) return running;
    const started = renewOnce(key, request, stale).finally(() => underWay.delete(id));
    underWay.set(id, started);
    return started;
  }

  /**
   * Puts off when a connection in use is forgotten. Tokens that are renewed are written anew at that time, and must not be
   * touched beside it: this is for those that never are.
   */
  async function keepLonger(key: VaultKey, { revision, endsAt, tokens }: Entry): Promise<void> {
    if (!tokens || tokens.refreshToken !== undefined || (endsAt ?? 0) - seconds() > keepSeconds / 2) return;
    try {
      await write(key, revision, await seal(key, tokens));
    } catch (error) {
      if (!(error instanceof StorageUnavailableError)) throw error; // The next call does it.
    }
  }

  function isNearEnd({ expiresAt, issuedAt }: UpstreamTokens): boolean {
    if (expiresAt === undefined) return false;
    const ahead = Math.min(aheadSeconds, (expiresAt - issuedAt) * aheadPart);
    return expiresAt - ahead <= seconds();
  }

  return {
    async has(key) {
      return (await read(idOf(key)))?.tokens !== undefined;
    },

    async get(key, request) {
      const id = idOf(key);
      const pending = unsaved.get(id);
      if (pending) await save(key, pending.revision, pending.tokens);
      const entry = await read(id);
      const tokens = entry?.tokens;
      if (!tokens && !request.canStart) return { kind: 'missing' };
      const isExpired = tokens?.expiresAt !== undefined && tokens.expiresAt <= seconds();
      if (!tokens || isExpired || tokens.accessToken === request.refused) return renewal(key, request, entry?.revision);
      // Nobody waits for a renewal ahead of time, and nobody minds its failure: the token still works.
      if (isNearEnd(tokens)) renewal(key, request, entry?.revision).catch(() => undefined);
      if (entry) await keepLonger(key, entry);
      return { kind: 'tokens', tokens };
    },

    async put(key, tokens) {
      unsaved.delete(idOf(key));
      const value = await seal(key, tokens);
      await storage.put(kind, idOf(key), value, options(key, value));
      await storage.delete(leaseKind, idOf(key)); // What failed before says nothing about the new connection.
    },

    async remove(key) {
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
