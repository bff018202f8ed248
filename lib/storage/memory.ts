import { type Expiring, ExpiryQueue } from './expiry-queue.ts';
import type {
  DecidingWrite,
  FoundRecord,
  RecordWrite,
  Storage,
  StoredRecord,
  StoredValue,
  WriteOptions,
} from './storage.ts';

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
  const tombstones = new ExpiringMap<Keyed>();
  const counters = new ExpiringMap<Counter>();
  let writes = 0;

  function live<T extends Expiring>(row: T | undefined): T | undefined {
    return row && (row.expiresAt === undefined || row.expiresAt > now()) ? row : undefined;
  }

  function liveRecord(kind: string, id: string): Row | undefined {
    return live(records.get(kind, id));
  }

  function write(kind: string, id: string, value: StoredValue, options: WriteOptions, consumedAt?: number): boolean {
    const { expiresAt, grantId, index } = options;
    if (grantId !== undefined && live(tombstones.get(grantId))) return false;
    const json = JSON.stringify(value);
    writes += 1;
    records.set({
      kind,
      id,
      json,
      version: String(writes),
      consumedAt,
      expiresAt,
      grantId,
      groups: groupsOf(kind, index),
    });
    return true;
  }

  function mayHappen(deciding: DecidingWrite): boolean {
    const row = liveRecord(deciding.kind, deciding.id);
    if (deciding.how === 'create') return !row;
    return row?.version === deciding.version && row.consumedAt === undefined;
  }

  function isOfDeletedGrant({ options: { grantId } = {} }: RecordWrite): boolean {
    return grantId !== undefined && live(tombstones.get(grantId)) !== undefined;
  }

  // No method awaits between reading and writing: each runs to its end before another begins, and so is atomic.
  return {
    isVolatile: options.acknowledgeLoss !== true,

    async get(kind, id) {
      const row = liveRecord(kind, id);
      return row && toRecord(row);
    },

    getAll: async (addresses) =>
      addresses.map(({ kind, id }) => {
        const row = liveRecord(kind, id);
        return row && toRecord(row);
      }),

    put: async (kind, id, value, options = {}) => write(kind, id, value, options),

    create: async (kind, id, value, options = {}) => !liveRecord(kind, id) && write(kind, id, value, options),

    async consume(kind, id, at) {
      const row = liveRecord(kind, id);
      if (!row) return 'missing';
      if (row.consumedAt !== undefined) return 'already';
      row.consumedAt = at;
      return 'consumed';
    },

    async take(kind, id) {
      const row = liveRecord(kind, id);
      if (row) records.delete(row);
      return row && toRecord(row);
    },

    async replace(kind, id, version, value, options = {}) {
      const row = liveRecord(kind, id);
      return row?.version === version && write(kind, id, value, options, row.consumedAt);
    },

    async commit(deciding, others) {
      if (!mayHappen(deciding) || others.some(isOfDeletedGrant) || isOfDeletedGrant(deciding)) return false;
      const consumedAt = deciding.how === 'use' ? deciding.consumedAt : undefined;
      write(deciding.kind, deciding.id, deciding.value, deciding.options ?? {}, consumedAt);
      for (const { kind, id, value, options = {} } of others) write(kind, id, value, options);
      return true;
    },

    async delete(kind, id) {
      const row = records.get(kind, id);
      if (row) records.delete(row);
    },

    async deleteByGrant(grantId, tombstoneExpiresAt) {
      const earlierEnd = tombstones.get(grantId)?.expiresAt ?? tombstoneExpiresAt;
      tombstones.set({ key: grantId, expiresAt: Math.max(earlierEnd, tombstoneExpiresAt) });
      for (const row of records.ofGrant(grantId)) records.delete(row);
    },

    async find(kind, name, value, { limit, after }) {
      const rows = records.indexed(kind, name, value).filter((row) => after === undefined || row.id > after);
      return rows.filter(live).sort(byId).slice(0, limit).map(toFoundRecord);
    },

    async increment(key, ttlSeconds) {
      const { count, expiresAt } = live(counters.get(key)) ?? { count: 0, expiresAt: now() + ttlSeconds };
      counters.set({ key, count: count + 1, expiresAt });
      return count + 1;
    },

    async sweep(before, limit) {
      const end = Math.min(before, now());
      let removed = 0;
      for (const table of [records, tombstones, counters]) {
        while (removed < limit && table.removeExpired(end)) removed += 1;
      }
      return removed;
    },

    async ping() {},

    async close() {},
  };
}

interface Keyed extends Expiring {
  readonly key: string;
  readonly expiresAt: number;
}

interface Counter extends Keyed {
  readonly count: number;
}

/** Rows by key that all expire. */
class ExpiringMap<Value extends Keyed> {
  readonly #rows = new Map<string, Value>();
  readonly #queue = new ExpiryQueue<Value>();

  get(key: string): Value | undefined {
    return this.#rows.get(key);
  }

  set(row: Value): void {
    const previous = this.#rows.get(row.key);
    if (previous) this.#queue.remove(previous);
    this.#rows.set(row.key, row);
    this.#queue.add(row);
  }

  /** Removes the row that expired first, if it did at or before `end`. */
  removeExpired(end: number): boolean {
    const row = this.#queue.take(end);
    return row !== undefined && this.#rows.delete(row.key);
  }
}

interface Row extends Expiring {
  readonly kind: string;
  readonly id: string;
  /** As text, so that the store shares no object with a caller and keeps of a value exactly what JSON keeps. */
  readonly json: string;
  readonly version: string;
  consumedAt: number | undefined;
  readonly grantId: string | undefined;
  /** One key for each indexed value. */
  readonly groups: readonly string[];
}

/** Records by kind and id, by grant and by indexed value, so that no search reads every record. */
class RecordTable {
  readonly #queue = new ExpiryQueue<Row>();
  readonly #kinds = new Map<string, Map<string, Row>>();
  readonly #grants = new Map<string, Set<Row>>();
  readonly #groups = new Map<string, Set<Row>>();

  get(kind: string, id: string): Row | undefined {
    return this.#kinds.get(kind)?.get(id);
  }

  set(row: Row): void {
    const rows = this.#kinds.get(row.kind) ?? new Map<string, Row>();
    if (rows.size === 0) this.#kinds.set(row.kind, rows);
    const previous = rows.get(row.id);
    if (previous) this.#leave(previous);
    rows.set(row.id, row);
    this.#queue.add(row);
    if (row.grantId !== undefined) join(this.#grants, row.grantId, row);
    for (const group of row.groups) join(this.#groups, group, row);
  }

  delete(row: Row): void {
    this.#kinds.get(row.kind)?.delete(row.id);
    this.#leave(row);
  }

  /** Removes the row that expired first, if it did at or before `end`. */
  removeExpired(end: number): boolean {
    const row = this.#queue.take(end);
    if (row) this.delete(row);
    return row !== undefined;
  }

  ofGrant(grantId: string): Row[] {
    return [...(this.#grants.get(grantId) ?? [])];
  }

  indexed(kind: string, name: string, value: string): Row[] {
    return [...(this.#groups.get(groupOf(kind, name, value)) ?? [])];
  }

  #leave(row: Row): void {
    this.#queue.remove(row);
    if (row.grantId !== undefined) leave(this.#grants, row.grantId, row);
    for (const group of row.groups) leave(this.#groups, group, row);
  }
}

function join(groups: Map<string, Set<Row>>, key: string, row: Row): void {
  const members = groups.get(key);
  if (members) members.add(row);
  else groups.set(key, new Set([row]));
}

function leave(groups: Map<string, Set<Row>>, key: string, row: Row): void {
  const members = groups.get(key);
  members?.delete(row);
  if (members?.size === 0) groups.delete(key);
}

const noGroups: readonly string[] = [];

function groupsOf(kind: string, index: WriteOptions['index']): readonly string[] {
  return index ? Object.entries(index).map(([name, value]) => groupOf(kind, name, value)) : noGroups;
}

/** One text for several parts, never the same for other parts, whatever characters they hold. */
function groupOf(...parts: [kind: string, name: string, value: string]): string {
  return JSON.stringify(parts);
}

function toRecord({ json, version, consumedAt, expiresAt }: Row): StoredRecord {
  const value = JSON.parse(json);
  if (consumedAt === undefined) return expiresAt === undefined ? { value, version } : { value, version, expiresAt };
  return expiresAt === undefined ? { value, version, consumedAt } : { value, version, consumedAt, expiresAt };
}

function toFoundRecord(row: Row): FoundRecord {
  return { id: row.id, ...toRecord(row) };
}

function byId(a: Row, b: Row): number {
  return a.id < b.id ? -1 : 1;
}
