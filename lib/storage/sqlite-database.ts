import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { isBusy } from './sqlite-errors.ts';
import { createSchema } from './sqlite-schema.ts';
import { attemptTransaction, inTransaction } from './sqlite-transaction.ts';

export type Parameters = { readonly [name: string]: SQLInputValue };

/** An open database file. Statements are prepared once, by their text. */
export interface SqliteDatabase {
  /** Runs one statement to its end; returns how many rows it changed. */
  run(sql: string, parameters: Parameters): number;
  /** Runs one statement to its end; returns its rows. */
  all(sql: string, parameters: Parameters): Row[];
  /** Runs `work` alone among all writers of the file: all of it happens, or nothing. */
  transaction<T>(work: () => T): T;
  /** As `transaction`, for work that says whether it may stay. */
  attempt(work: () => boolean): boolean;
  close(): void;
}

const WAL_RETRY_MS = 5;

export type Row = Record<string, unknown>;

/** Opens the file, and creates it with its folder and schema where there is none. */
export async function openDatabase(file: string, busyTimeoutMs: number): Promise<SqliteDatabase> {
  const { DatabaseSync } = await import('node:sqlite');
  prepareFiles(file);
  const database = new DatabaseSync(file, { enableForeignKeyConstraints: false });
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    await switchToWal(database, busyTimeoutMs);
    database.exec('PRAGMA synchronous = NORMAL');
    createSchema(database, file);
  } catch (error) {
    database.close();
    throw error;
  }
  return withPreparedStatements(database);
}

/** Makes the file readable by its owner only before SQLite writes to it; SQLite gives -wal and -shm the same mode. */
function prepareFiles(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  createIfMissing(file);
  for (const path of [file, `${file}-wal`, `${file}-shm`]) {
    const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
    if (mode & 0o077) chmodSync(path, 0o600);
  }
}

/**
 * Never opens a file that is there, and leaves no pause between opening and closing a new one: closing any descriptor of
 * a file drops every POSIX lock this process holds on it, also those of another SQLite connection, which then loses its
 * log to the next process that closes the file (sqlite.org/howtocorrupt.html section 2.2).
 */
function createIfMissing(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** The switch needs the file alone and, unlike statements, does not wait for that itself: processes that start together. */
async function switchToWal(database: DatabaseSync, busyTimeoutMs: number): Promise<void> {
  const deadline = performance.now() + busyTimeoutMs;
  for (;;) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error;
    }
    await pause(WAL_RETRY_MS);
  }
}

function withPreparedStatements(database: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, StatementSync>();

  function prepared(sql: string): StatementSync {
    const statement = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  }

  return {
    run: (sql, parameters) => Number(prepared(sql).run(parameters).changes),

    // Never `get`: it stops after one row, before SQLite commits, and would report a write that then fails.
    all: (sql, parameters) => prepared(sql).all(parameters),

    transaction: (work) => inTransaction(database, work),

    attempt: (work) => attemptTransaction(database, work),

    close() {
      try {
        // Passive: what other processes still read stays in the log, and nobody waits for them.
        database.exec('PRAGMA wal_checkpoint(PASSIVE)');
      } finally {
        database.close();
      }
    },
  };
}
