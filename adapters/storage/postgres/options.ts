import { ConfigurationError } from '../../../lib/errors.ts';
import { kindOf, readOptions } from '../../../lib/shared/option-reader.ts';
import type { PostgresClient } from './client.ts';
import { type Tables, tablesIn } from './tables.ts';

/** Options of `postgresStorage()`. */
export interface PostgresStorageOptions {
  /** The present, UNIX seconds, may be fractional. The server's clock is never asked. @defaultValue the system's clock */
  readonly now?: () => number;
  /**
   * The schema of the tables, which must be there; 1 to 63 of a-z, 0-9 and _. Behind a pooler in transaction mode name
   * it here rather than by `search_path`. @defaultValue the connection's search path
   */
  readonly schema?: string;
  /** Runs {@link migratePostgres} at the first call; the role must then be allowed to create tables. @defaultValue false */
  readonly migrate?: boolean;
  /**
   * How long a call waits for the server, milliseconds, retries and waiting for a connection included. Integer, 100 to
   * 60000. @defaultValue 5000
   */
  readonly statementTimeoutMs?: number;
}

export interface ResolvedOptions {
  readonly now: () => number;
  readonly tables: Tables;
  readonly migrate: boolean;
  readonly statementTimeoutMs: number;
}

/** A name that means the same with and without quotes. */
const schemaRule = {
  what: 'a name of up to 63 of a-z, 0-9 and _ that does not begin with a digit',
  accept: (name: string) => /^[a-z_][a-z0-9_]{0,62}$/.test(name),
};

/**
 * @param subject the call, as its message names it.
 * @throws {@link ConfigurationError}
 */
export function resolveOptions(
  subject: string,
  client: PostgresClient,
  options: PostgresStorageOptions,
  known: readonly (keyof PostgresStorageOptions)[],
): ResolvedOptions {
  const read = readOptions(options, known);
  if (typeof client?.query !== 'function') {
    const message = `must have query(text, values), as a Pool of pg has, got ${kindOf(client)}`;
    read.problems.unshift({ option: 'client', message });
  }
  const now = read.fn('now') as (() => number) | undefined;
  const resolved = {
    now: now ?? (() => Date.now() / 1000),
    tables: tablesIn(read.string('schema', schemaRule)),
    migrate: read.boolean('migrate', false),
    statementTimeoutMs: read.integer('statementTimeoutMs', { min: 100, max: 60_000, fallback: 5000 }),
  };
  if (read.problems.length > 0) throw new ConfigurationError(subject, read.problems);
  return Object.freeze(resolved);
}
