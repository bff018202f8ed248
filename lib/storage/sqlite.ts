import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { ConfigurationError, type OptionProblem } from '../errors.ts';
import { connectSqlite } from './sqlite-connection.ts';
import type { Parameters, Row } from './sqlite-database.ts';
import * as sql from './sqlite-statements.ts';
import type { FoundRecord, RecordWrite, Storage, StoredRecord, StoredValue, WriteOptions } from './storage.ts';

/** Options of `sqliteStorage()`. */
export interface SqliteStorageOptions {
  /** The present, UNIX seconds, may be fractional. @defaultValue the system's clock */
  readonly now?: () => number;
  /**
   * How long a call waits for the write of another process, milliseconds; this process stands still meanwhile.
   * Integer, 0 to 60000. @defaultValue 5000
   */
  readonly busyTimeoutMs?: number;
}

/**
 * A store in one file, on `node:sqlite`. It survives restarts, and several processes of one machine may share the file;
 * on a network file system SQLite's locks do not hold. The file and the folders it lacks are made at the first call,
 * for their owner's eyes only. Node 22 prints an ExperimentalWarning then.
 *
 * A crash of the process loses nothing that was answered; a power cut may undo the last moments before it.
 *
 * @param path relative to the working directory at the time of this call.
 * @throws {@link ConfigurationError} for a path or timeout that breaks its rule.
 */
export function sqliteStorage(path = './.mcp-oauth.sqlite', options: SqliteStorageOptions = {}): Storage {
  const { now = () => Date.now() / 1000, busyTimeoutMs = 5000 } = options;
  requireValid(path, busyTimeoutMs);
  const { use, close } = connectSqlite(resolve(path), busyTimeoutMs);

  return {
    get: (kind, id) => use((database) => database.all(sql.GET, { kind, id, now: now() }).map(toRecord)[0]),

    getAll: (addresses) =>
      use((database) => {
        const present = now();
        return addresses.map(({ kind, id }) => database.all(sql.GET, { kind, id, now: present }).map(toRecord)[0]);
      }),

    put: (kind, id, value, options) =>
      use((database) => database.run(sql.PUT, { kind, id, now: now(), ...written(value, options) }) === 1),

    create: (kind, id, value, options) =>
      use((database) => database.run(sql.CREATE, { kind, id, now: now(), ...written(value, options) }) === 1),

    consume: (kind, id, at) =>
      use((database) =>
        database.transaction(() => {
          const address = { kind, id, now: now() };
          if (database.run(sql.CONSUME, { ...address, at }) === 1) return 'consumed';
          return database.all(sql.GET, address).length === 1 ? 'already' : 'missing';
        }),
      ),

    take: (kind, id) => use((database) => database.all(sql.TAKE, { kind, id, now: now() }).map(toRecord)[0]),

    replace: (kind, id, expectedVersion, value, options) =>
      use((database) => {
        const condition = { kind, id, expectedVersion, now: now() };
        return database.run(sql.REPLACE, { ...condition, ...written(value, options) }) === 1;
      }),

    commit: (deciding, others) =>
      use((database) => {
        const present = now();
        const run = (statement: string, { kind, id, value, options }: RecordWrite, more: Parameters = {}) =>
          database.run(statement, { kind, id, now: present, ...more, ...written(value, options) }) === 1;
        return database.attempt(() => {
          const isDecided =
            deciding.how === 'create'
              ? run(sql.CREATE, deciding)
              : run(sql.USE, deciding, { expectedVersion: deciding.version, at: deciding.consumedAt });
          return isDecided && others.every((other) => run(sql.PUT, other));
        });
      }),

    delete: (kind, id) =>
      use((database) => {
        database.run(sql.DELETE, { kind, id });
      }),

    deleteByGrant: (grantId, tombstoneExpiresAt) =>
      use((database) =>
        database.transaction(() => {
          database.run(sql.BURY_GRANT, { grantId, expiresAt: tombstoneExpiresAt });
          database.run(sql.DELETE_BY_GRANT, { grantId });
        }),
      ),

    find: (kind, name, value, { limit, after }) =>
      use((database) => {
        const page = { from: after ?? '', after: after ?? null, limit };
        return database.all(sql.FIND, { kind, name, value, now: now(), ...page }).map(toFoundRecord);
      }),

    increment: (key, ttlSeconds) =>
      use((database) => {
        const present = now();
        const rows = database.all(sql.INCREMENT, { key, now: present, expiresAt: present + ttlSeconds });
        return Number(rows[0]?.count);
      }),

    sweep: (before, limit) =>
      use((database) =>
        database.transaction(() => {
          const end = Math.min(before, now());
          let removed = 0;
          for (const statement of sql.SWEEPS) removed += database.run(statement, { end, limit: limit - removed });
          return removed;
        }),
      ),

    ping: () =>
      use((database) => {
        database.all(sql.PING, {});
      }),

    close,
  };
}

function requireValid(path: unknown, busyTimeoutMs: unknown): void {
  const problems: OptionProblem[] = [];
  if (typeof path !== 'string' || path === '') {
    problems.push({ option: 'path', message: `must be a non-empty string, got ${typeof path}` });
  }
  if (path === ':memory:') {
    problems.push({ option: 'path', message: 'must name a file; memoryStorage() keeps records in memory' });
  }
  if (!Number.isInteger(busyTimeoutMs) || Number(busyTimeoutMs) < 0 || Number(busyTimeoutMs) > 60_000) {
    problems.push({
      option: 'busyTimeoutMs',
      message: `must be an integer from 0 to 60000, got ${typeof busyTimeoutMs}`,
    });
  }
  if (problems.length > 0) throw new ConfigurationError('sqliteStorage(path, options)', problems);
}

function written(value: StoredValue, { expiresAt, grantId, index = {} }: WriteOptions = {}): Parameters {
  return {
    value: JSON.stringify(value),
    version: randomUUID(),
    grantId: grantId ?? null,
    expiresAt: expiresAt ?? null,
    indexValues: Object.keys(index).length > 0 ? JSON.stringify(index) : null,
  };
}

function toRecord(row: Row): StoredRecord {
  const { value, version, consumed_at: consumedAt, expires_at: expiresAt } = row;
  return {
    value: JSON.parse(String(value)),
    version: String(version),
    ...(typeof consumedAt === 'number' && { consumedAt }),
    ...(typeof expiresAt === 'number' && { expiresAt }),
  };
}

function toFoundRecord(row: Row): FoundRecord {
  return { id: String(row.id), ...toRecord(row) };
}
