import { isNativeError } from 'node:util/types';
import { StorageUnavailableError } from '../../../lib/storage/storage.ts';

/**
 * SQLSTATE classes that say "not now" or "not here": the server's or the network's state, not a mistake in a statement.
 * PostgreSQL documentation, appendix A.
 */
const OUTAGE_CLASSES: readonly string[] = Object.values({
  connectionException: '08',
  invalidAuthorization: '28',
  invalidDatabaseName: '3D',
  transactionRollback: '40',
  insufficientResources: '53',
  operatorIntervention: '57', // Also 57014: the server's own statement_timeout.
  systemError: '58',
  internalError: 'XX', // Also what hosted poolers say when the database behind them cannot be had.
});

const OUTAGES: readonly string[] = Object.values({
  readOnlyTransaction: '25006', // A primary that became a standby.
  lockNotAvailable: '55P03',
  uniqueViolation: '23505',
});

const NOT_MIGRATED: readonly string[] = Object.values({ undefinedTable: '42P01', undefinedColumn: '42703' });

/** Lost against a parallel statement. Every insert here says what to do on conflict, so a unique violation is such a race, too. */
const CONFLICTS: readonly string[] = Object.values({
  serializationFailure: '40001',
  deadlockDetected: '40P01',
  uniqueViolation: '23505',
});

/** Parallel `IF NOT EXISTS` statements can find nothing at the same time; who is late meets the other's rows in the catalog. */
const CREATION_CONFLICTS: readonly string[] = Object.values({
  duplicateObject: '42710',
  duplicateTable: '42P07',
  tupleConcurrentlyUpdated: 'XX000',
});

/** JavaScript's own errors are mistakes; whatever else a driver rejects with, it got no answer from the server. */
const MISTAKES: readonly string[] = ['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError'];

/** What a caller of the store gets for what the driver threw; mistakes in code stay what they are. */
export function toStorageError(error: unknown): unknown {
  if (error instanceof StorageUnavailableError || !isNativeError(error)) return error;
  const state = sqlState(error);
  if (state !== undefined && NOT_MIGRATED.includes(state)) return notMigrated(state, { cause: error });
  if (!isOutage(error, state)) return error;
  // The driver's own message stays in the cause: no driver promises to keep statements and values out of it.
  const reason = codeOf(error) ?? 'the connection failed';
  return new StorageUnavailableError(`PostgreSQL cannot answer (${reason})`, { cause: error });
}

/** @param reason what showed it */
export function notMigrated(reason: string, options?: ErrorOptions): StorageUnavailableError {
  return new StorageUnavailableError(
    `PostgreSQL lacks the tables of this release (${reason}): run its migrations with express-mcp-auth migrate or ` +
      'migratePostgres(client), or give postgresStorage the option migrate: true',
    options,
  );
}

export function isConflict(error: unknown): boolean {
  return CONFLICTS.includes(sqlState(error) ?? '');
}

export function isCreationConflict(error: unknown): boolean {
  return isConflict(error) || CREATION_CONFLICTS.includes(sqlState(error) ?? '');
}

export function isUndefinedTable(error: unknown): boolean {
  return sqlState(error) === '42P01';
}

function isOutage(error: Error, state: string | undefined): boolean {
  if (state === undefined) return !MISTAKES.includes(error.name);
  return OUTAGES.includes(state) || OUTAGE_CLASSES.includes(state.slice(0, 2));
}

/** Five digits and capitals. Error codes of the operating system come with a system call: E2BIG is no SQLSTATE. */
function sqlState(error: unknown): string | undefined {
  const { syscall } = (error ?? {}) as { syscall?: unknown };
  const code = codeOf(error);
  return syscall === undefined && code !== undefined && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
