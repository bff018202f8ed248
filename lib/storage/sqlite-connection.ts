import { openDatabase, type SqliteDatabase } from './sqlite-database.ts';
import { toStorageError } from './sqlite-errors.ts';
import { StorageUnavailableError } from './storage.ts';

/** A database file that is opened at the first use. */
export interface SqliteConnection {
  /** Runs `work` on the open database; whatever goes wrong rejects. */
  use<T>(work: (database: SqliteDatabase) => T): Promise<T>;
  /** Closes the file, once; every later use rejects. */
  close(): Promise<void>;
}

/** Does no I/O before the first use. An opening that failed is tried again by the next use. */
export function connectSqlite(file: string, busyTimeoutMs: number): SqliteConnection {
  let opening: Promise<SqliteDatabase> | undefined;
  let closing: Promise<void> | undefined;

  async function open(): Promise<SqliteDatabase> {
    try {
      return await openDatabase(file, busyTimeoutMs);
    } catch (error) {
      opening = undefined;
      throw error;
    }
  }

  async function closeIfOpened(): Promise<void> {
    const database = await opening?.catch(() => undefined);
    database?.close();
  }

  function refuseAfterClose(): void {
    if (closing) throw new StorageUnavailableError(`SQLite file ${file}: the store was closed`);
  }

  async function translated<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw toStorageError(error, file);
    }
  }

  return {
    use: (work) =>
      translated(async () => {
        refuseAfterClose();
        opening ??= open();
        const database = await opening;
        refuseAfterClose();
        return work(database);
      }),

    close() {
      closing ??= translated(closeIfOpened);
      return closing;
    },
  };
}
