import { McpOAuthError } from '../errors.ts';

/**
 * The storage port: atomic primitives over records, with no knowledge of OAuth.
 *
 * A record is addressed by (kind, id). Callers hash ids and prefix them with the issuer, so an id is short ASCII text and
 * never a secret. Times are UNIX seconds. Expiry is exclusive: a record whose `expiresAt` is at or before the present
 * does not exist for any reader or writer, whether or not it was swept.
 *
 * Every method rejects with {@link StorageUnavailableError} when the store cannot answer. A method never half-happens.
 */
export interface Storage {
  /**
   * True where everything is gone when this process ends and no other process sees it, and nobody acknowledged that.
   * `mcpOAuth()` refuses such a store under `NODE_ENV=production`. Wrappers of a store keep it.
   */
  readonly isVolatile?: boolean;

  /** Reads a live record. The value is a fresh object that the caller may change. */
  get(kind: string, id: string): Promise<StoredRecord | undefined>;

  /**
   * What {@link get} gives for each of them, in one round trip. A store may leave it out: callers then use `get`. Whoever
   * wraps a store and replaces `get` must replace this, too.
   */
  getAll?(addresses: readonly RecordAddress[]): Promise<(StoredRecord | undefined)[]>;

  /**
   * Writes a record, whether or not one exists; a new version, never consumed. Expiry, grant and index are replaced as a
   * whole by the given options.
   * @returns false, and writes nothing, when the record belongs to a grant that was deleted.
   */
  put(kind: string, id: string, value: StoredValue, options?: WriteOptions): Promise<boolean>;

  /**
   * Writes a record only where no live one exists. Of parallel callers exactly one wins.
   * @returns false when a live record exists or its grant was deleted.
   */
  create(kind: string, id: string, value: StoredValue, options?: WriteOptions): Promise<boolean>;

  /**
   * Marks a live record as consumed at `at`, once. Of parallel callers exactly one gets `consumed`. The version stays, so
   * that the winner can `replace`.
   */
  consume(kind: string, id: string, at: number): Promise<'consumed' | 'already' | 'missing'>;

  /** Reads and deletes a live record in one step. Of parallel callers exactly one gets it. */
  take(kind: string, id: string): Promise<StoredRecord | undefined>;

  /**
   * Compare-and-set: writes only where the live record still has this version. `consumedAt` is kept; expiry, grant and
   * index are replaced as a whole by the given options.
   * @returns false when another version is there, none is, or its grant was deleted.
   */
  replace(kind: string, id: string, version: string, value: StoredValue, options?: WriteOptions): Promise<boolean>;

  /**
   * Several records in one step: where the deciding write may happen and no grant of theirs was deleted, it happens and
   * the others are put; otherwise nothing stays, and no other write is lost. A store may leave it out, or take several
   * steps where its engine must, as `commitInSteps` does. Whoever wraps a store and replaces `put`, `create` or
   * `replace` must replace this, too.
   * @returns whether it happened. Of parallel callers whose deciding write is of one record exactly one gets true.
   */
  commit?(deciding: DecidingWrite, others: readonly RecordWrite[]): Promise<boolean>;

  /** Deletes a record; nothing happens where none exists. */
  delete(kind: string, id: string): Promise<void>;

  /**
   * Deletes every record whose last write named this `grantId` and leaves a tombstone until `tombstoneExpiresAt`: as long
   * as it stands, no write that names the grant succeeds, and no record of the grant exists for any reader, so a token in
   * flight cannot outlive its grant. A second call never shortens the tombstone.
   * @param tombstoneExpiresAt UNIX seconds, no earlier than the expiry of any record of the grant
   */
  deleteByGrant(grantId: string, tombstoneExpiresAt: number): Promise<void>;

  /**
   * Live records of a kind whose `index[name]` equals `value`, by ascending id in byte order; `after` is the last id
   * already seen. A page shorter than `limit` is the last one.
   */
  find(kind: string, name: string, value: string, page: { limit: number; after?: string }): Promise<FoundRecord[]>;

  /** Adds one to a counter and returns its new value. The window opens with the first call and lasts `ttlSeconds`. */
  increment(key: string, ttlSeconds: number): Promise<number>;

  /** Removes at most `limit` rows that expired at or before `before`, never a live one; returns how many. */
  sweep(before: number, limit: number): Promise<number>;

  /** Brings the store's schema up to date; absent where a store has none to prepare. */
  migrate?(): Promise<void>;

  /** Resolves when the store answers. */
  ping(): Promise<void>;

  /** What about the server's settings endangers what is stored, such as eviction; absent where nothing can be asked. */
  warnings?(): Promise<readonly StorageWarning[]>;

  /** Releases what the store itself opened; a connection that the caller gave stays open. */
  close(): Promise<void>;
}

/** One setting of a server that an operator should change. */
export interface StorageWarning {
  /** Stable, such as `MCP_OAUTH_REDIS_EVICTION`. */
  readonly code: string;
  /** The setting, what comes of it, and the way out. */
  readonly reason: string;
}

/** JSON object. Unknown members are kept; strings may hold any well-formed Unicode text except U+0000. */
export type StoredValue = { readonly [member: string]: unknown };

/** Where a record is. */
export interface RecordAddress {
  readonly kind: string;
  readonly id: string;
}

/** A record as {@link Storage.put} would write it. */
export interface RecordWrite extends RecordAddress {
  readonly value: StoredValue;
  readonly options?: WriteOptions;
}

/** The write of a {@link Storage.commit} that happens once. */
export type DecidingWrite = RecordWrite &
  (
    | { /** As {@link Storage.create}. */ readonly how: 'create' }
    | {
        /** As {@link Storage.replace}, and consumes: only where the record was not consumed before. */
        readonly how: 'use';
        readonly version: string;
        /** UNIX seconds. */
        readonly consumedAt: number;
      }
  );

/** A live record as {@link Storage.get} and {@link Storage.take} give it. */
export interface StoredRecord {
  readonly value: Record<string, unknown>;
  /** Changes with every write of the record; opaque. */
  readonly version: string;
  /** UNIX seconds of the first {@link Storage.consume}. */
  readonly consumedAt?: number;
  /** UNIX seconds. */
  readonly expiresAt?: number;
}

/** A record that {@link Storage.find} found. */
export interface FoundRecord extends StoredRecord {
  readonly id: string;
}

/** What a write says about its record, besides the value. */
export interface WriteOptions {
  /** UNIX seconds after which the record does not exist. Without it the record stays. */
  readonly expiresAt?: number;
  /** Deleted together with this grant. */
  readonly grantId?: string;
  /** Values by which {@link Storage.find} finds the record. */
  readonly index?: { readonly [name: string]: string };
}

/** The store cannot answer now: the request may be tried again. Peers see 503 `temporarily_unavailable`. */
export class StorageUnavailableError extends McpOAuthError {
  readonly code = 'storage_unavailable';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StorageUnavailableError';
  }
}
