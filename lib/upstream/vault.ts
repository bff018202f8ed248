import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Issuer } from '../shared/issuer.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import { compareAndDelete } from '../storage/compare-and-delete.ts';
import { type Storage, StorageUnavailableError } from '../storage/storage.ts';
import { mayRenewRefused, refusalsAfter } from './refusals.ts';
import { createVaultRecords, type Entry, keepSeconds, type UpstreamTokens, type VaultKey } from './vault-records.ts';

export type { UpstreamTokens, VaultKey } from './vault-records.ts';

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
  /** The upstream refuses every token: there will be no other one for a while. */
  | { readonly kind: 'refused' }
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
  /** Ends tokens that came too late: their connection was removed while they were on their way. */
  readonly discard?: (tokens: UpstreamTokens) => Promise<void>;
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

const leaseKind = 'UpstreamLease';

/** Longer than an attempt takes, time for writing included: whoever holds the lease is done or dead when it ends. */
const leaseSeconds = 45;

/** How long the others wait for whoever renews, milliseconds. */
const waitMs = 20_000;

/** How long before its end a token is renewed, at most and as part of its life. */
const aheadSeconds = 60;
const aheadPart = 0.2;

/** How often a record is written again when the store does not answer: a rotated refresh token must not be lost. */
const writeDelaysMs = [100, 300, 1000, 3000];

export function createVault(storage: Storage, keyRing: KeyRingSource, now: () => number = () => Date.now()): Vault {
  const underWay = new Map<string, Promise<VaultAnswer>>();
  /** Renewed, but the store did not take them. */
  const unsaved = new Map<string, { readonly revision: string | undefined; readonly tokens: UpstreamTokens }>();
  const seconds = () => Math.floor(now() / 1000);
  const records = createVaultRecords(storage, keyRing, seconds);
  const { idOf, read, write } = records;

  /** Before the lease is released, and again while the store is away. */
  async function save(key: VaultKey, revision: string | undefined, tokens: UpstreamTokens): Promise<boolean> {
    const id = idOf(key);
    for (const delay of [...writeDelaysMs, undefined]) {
      try {
        const isWritten = await write(key, revision, { tokens });
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

  /**
   * The same; tokens whose connection was removed meanwhile are ended. Not those of one that was replaced: there are servers
   * that end all grants of a user and client with one of them.
   */
  async function settle(
    key: VaultKey,
    { discard }: VaultRequest,
    revision: string | undefined,
    tokens: UpstreamTokens,
  ): Promise<boolean> {
    if (await save(key, revision, tokens)) return true;
    if (discard && !(await read(key))) await discard(tokens);
    return false;
  }

  /** New tokens, with how often the upstream refused those before. */
  function counted(next: UpstreamTokens, current: UpstreamTokens | undefined, { refused }: VaultRequest) {
    const refusals = refusalsAfter(
      current?.refusals,
      current !== undefined && current.accessToken === refused,
      seconds(),
    );
    return refusals ? { ...next, refusals } : next;
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
    request: VaultRequest,
    stale: string | undefined,
    holder: string,
  ): Promise<VaultAnswer> {
    const { renew, canStart = false } = request;
    const id = idOf(key);
    const entry = await read(key);
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
        if (canStart) await records.delete(key);
        else if (entry) await write(key, entry.revision, { ended: renewal.reason });
        break;
      case 'renewed':
        if (await settle(key, request, entry?.revision, counted(renewal.tokens, entry?.tokens, request))) {
          await release(id, holder);
          return { kind: 'tokens', tokens: renewal.tokens };
        }
    }
    await release(id, holder);
    return toAnswer(await read(key));
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
      const entry = await read(key);
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
      await write(key, revision, { tokens });
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
      return (await read(key))?.tokens !== undefined;
    },

    async get(key, request) {
      const pending = unsaved.get(idOf(key));
      if (pending) await settle(key, request, pending.revision, pending.tokens);
      const entry = await read(key);
      const tokens = entry?.tokens;
      if (!tokens && !request.canStart) return { kind: 'missing' };
      const isExpired = tokens?.expiresAt !== undefined && tokens.expiresAt <= seconds();
      if (!tokens || isExpired) return renewal(key, request, entry?.revision);
      if (tokens.accessToken === request.refused) {
        return mayRenewRefused(tokens.refusals, seconds())
          ? renewal(key, request, entry?.revision)
          : { kind: 'refused' };
      }
      // Nobody waits for a renewal ahead of time, and nobody minds its failure: the token still works.
      if (isNearEnd(tokens)) renewal(key, request, entry?.revision).catch(() => undefined);
      if (entry) await keepLonger(key, entry);
      return { kind: 'tokens', tokens };
    },

    async put(key, tokens) {
      unsaved.delete(idOf(key));
      await records.put(key, tokens);
      await storage.delete(leaseKind, idOf(key)); // What failed before says nothing about the new connection.
    },

    async remove(key) {
      const pending = unsaved.get(idOf(key));
      unsaved.delete(idOf(key));
      const tokens = await records.take(key);
      return pending?.tokens ?? tokens;
    },

    list: records.list,
  };
}
