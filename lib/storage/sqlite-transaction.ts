import type { DatabaseSync } from 'node:sqlite';

/** Runs `work` alone among all writers of the file: all of it happens, or nothing. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  // Immediate: a transaction that reads first and asks for the write lock later fails when another one wrote meanwhile.
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    rollBack(database);
    throw error;
  }
}

/** Runs `work` likewise; what it has done is undone where it returns false. */
export function attemptTransaction(database: DatabaseSync, work: () => boolean): boolean {
  database.exec('BEGIN IMMEDIATE');
  try {
    const isDone = work();
    database.exec(isDone ? 'COMMIT' : 'ROLLBACK');
    return isDone;
  } catch (error) {
    rollBack(database);
    throw error;
  }
}

function rollBack(database: DatabaseSync): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // A full disk or a failed write has ended the transaction already; the first error is the one to tell.
  }
}
