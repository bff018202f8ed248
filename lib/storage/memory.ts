import type { FoundRecord, Storage, StoredRecord, StoredValue, WriteOptions } from './storage.ts';

/** Options of `memoryStorage()`. */
export interface MemoryStorageOptions {
  /** The present, UNIX seconds, may be fractional. @defaultValue the system's clock */
  readonly now?: () => number;
  /**
   * Acknowledges that every client, login and token is lost when the process ends, and that replicas share nothing:
   * without it the store is refused under `NODE_ENV=production`. @defaultValue false
   */
  readonly acknowledgeLoss?: boolean;
}

/**
 * A store in this process's memory, for tests and for trying things out: everything is gone when the process ends, and
 * no other process sees it, so production refuses it unless the loss is acknowledged. Expired rows are hidden at once but
 * removed only by {@link Storage.sweep}.
 */
export function memoryStorage(options: MemoryStorageOptions = {}): Storage {
  const { now = () => Date.now() / 1000 } = options;
  const records = new RecordTable();
  const tombstones = new Map<string, Expiring>();
  const counters = new Map<string, Counter>();
  let writes = 0;

  function live<T extends Expiring>(row: T | undefined): T | undefined {
    return row && (row.expiresAt === undefined || row.expiresAt > now()) ? row : undefined;
  }

  function liveRecord(kind: string, id: string): Row | undefined {
    return live(records.get(keyOf(kind, id)));
  }

  function write(kind: string, id: string, value: StoredValue, options: WriteOptions, consumedAt?: number): boolean {
    const { expiresAt, grantId, index = {} } = options;
    if (grantId !== undefined && live(tombstones.get(grantId))) return false;
    const json = JSON.stringify(value);
    writes += 1;
    records.set({ kind, id, json, version: String(writes), consumedAt, expiresAt, grantId, index: { ...index } });
    return true;
  }

  // No method awaits between reading and writing: each runs to its end before another begins, and so is atomic.
  return {
    isVolatile: options.acknowledgeLoss !== true,

    async get(kind, id) {
      const row = liveRecord(kind, id);
      return row && toRecord(row);
    },

    put: async (kind, id, value, options = {}) => write(kind, id, value, options),

    create: async (kind, id, value, options = {}) => !liveRecord(kind, id) && write(kind, id, value, options),

    async consume(kind, id, at) {
      const row = liveRecord(kind, id);
      if (!row) return 'missing';
      if (row.consumedAt !== undefined) return 'already';
      records.set({ ...row, consumedAt: at });
      return 'consumed';
    },

    async take(kind, id) {
      const row = liveRecord(kind, id);
      if (row) records.delete(keyOf(kind, id));
      return row && toRecord(row);
    },

    async replace(kind, id, version, value, options = {}) {
      const row = liveRecord(kind, id);
      return row?.version === version && write(kind, id, value, options, row.consumedAt);
    },

    async delete(kind, id) {
      records.delete(keyOf(kind, id));
    },

    async deleteByGrant(grantId, tombstoneExpiresAt) {
      const earlierEnd = tombstones.get(grantId)?.expiresAt ?? tombstoneExpiresAt;
      tombstones.set(grantId, { expiresAt: Math.max(earlierEnd, tombstoneExpiresAt) });
      for (const { kind, id } of records.ofGrant(grantId)) records.delete(keyOf(kind, id));
    },

    async find(kind, name, value, { limit, after }) {
      const rows = records.indexed(kind, name, value).filter((row) => after === undefined || row.id > after);
      return rows.filter(live).sort(byId).slice(0, limit).map(toFoundRecord);
    },

    async increment(key, ttlSeconds) {
      const { count, expiresAt } = live(counters.get(key)) ?? { count: 0, expiresAt: now() + ttlSeconds };
      counters.set(key, { count: count + 1, expiresAt });
      return count + 1;
    },

    async sweep(before, limit) {
      const end = Math.min(before, now());
      let removed = 0;
      for (const table of [records, tombstones, counters]) removed += removeExpired(table, end, limit - removed);
      return removed;
    },

    async ping() {},

    async close() {},
  };
}

interface Expiring {
  readonly expiresAt?: number | undefined;
}

interface Counter {
  readonly count: number;
  readonly expiresAt: number;
}

interface Row extends Expiring {
  readonly kind: string;
  readonly id: string;
  /** As text, so that the store shares no object with a caller and keeps of a value exactly what JSON keeps. */
  readonly json: string;
  readonly version: string;
  readonly consumedAt: number | undefined;
  readonly grantId: string | undefined;
  readonly index: { readonly [name: string]: string };
}

/** Records by address, and addresses by grant and by indexed value, so that no search reads every record. */
class RecordTable {
  readonly #rows = new Map<string, Row>();
  readonly #groups = new Map<string, Set<string>>();

  get(address: string): Row | undefined {
    return this.#rows.get(address);
  }

  set(row: Row): void {
    const address = keyOf(row.kind, row.id);
    this.delete(address);
    this.#rows.set(address, row);
    for (const group of groupsOf(row)) {
      const members = this.#groups.get(group) ?? new Set();
      this.#groups.set(group, members.add(address));
    }
  }

  delete(address: string): void {
    const row = this.#rows.get(address);
    if (!row) return;
    this.#rows.delete(address);
    for (const group of groupsOf(row)) {
      const members = this.#groups.get(group);
      members?.delete(address);
      if (members?.size === 0) this.#groups.delete(group);
    }
  }

  entries(): Iterable<[string, Row]> {
    return this.#rows.entries();
  }

  ofGrant(grantId: string): Row[] {
    return this.#membersOf(keyOf('grant', grantId));
  }

  indexed(kind: string, name: string, value: string): Row[] {
    return this.#membersOf(keyOf('index', kind, name, value));
  }

  #membersOf(group: string): Row[] {
    return [...(this.#groups.get(group) ?? [])].flatMap((address) => this.#rows.get(address) ?? []);
  }
}

function groupsOf({ kind, grantId, index }: Row): string[] {
  const groups = Object.entries(index).map(([name, value]) => keyOf('index', kind, name, value));
  if (grantId !== undefined) groups.push(keyOf('grant', grantId));
  return groups;
}

/** One text for several parts, never the same for other parts, whatever characters they hold. */
function keyOf(...parts: string[]): string {
  return JSON.stringify(parts);
}

interface ExpiringTable {
  entries(): Iterable<[string, Expiring]>;
  delete(key: string): unknown;
}

function removeExpired(table: ExpiringTable, end: number, limit: number): number {
  let removed = 0;
  for (const [key, { expiresAt }] of table.entries()) {
    if (removed >= limit) break;
    if (expiresAt === undefined || expiresAt > end) continue;
    table.delete(key);
    removed += 1;
  }
  return removed;
}

function toRecord({ json, version, consumedAt, expiresAt }: Row): StoredRecord {
  return {
    value: JSON.parse(json),
    version,
    ...(consumedAt !== undefined && { consumedAt }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

function toFoundRecord(row: Row): FoundRecord {
  return { id: row.id, ...toRecord(row) };
}

function byId(a: Row, b: Row): number {
  return a.id < b.id ? -1 : 1;
}
