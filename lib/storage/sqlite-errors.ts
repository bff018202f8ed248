import { StorageUnavailableError } from './storage.ts';

/** SQLite's primary result codes that say "not now" or "not here": the machine's state, not a mistake in a statement. */
const OUTAGES: readonly number[] = Object.values({
  PERM: 3,
  BUSY: 5,
  LOCKED: 6,
  NOMEM: 7,
  READONLY: 8,
  INTERRUPT: 9,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  PROTOCOL: 15,
  NOLFS: 22,
  NOTADB: 26,
});

/** What a caller of the store gets for what SQLite or the file system threw; mistakes in code stay what they are. */
export function toStorageError(error: unknown, file: string): unknown {
  if (!isOutage(error)) return error;
  return new StorageUnavailableError(`SQLite file ${file}: ${error.message}`, { cause: error });
}

/** True when another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === 5;
}

function isOutage(error: unknown): error is Error {
  const code = primaryCode(error);
  return code === undefined ? isSystemError(error) : OUTAGES.includes(code);
}

/** The low byte of an extended code: SQLITE_IOERR_WRITE (778) is an SQLITE_IOERR (10). */
function primaryCode(error: unknown): number | undefined {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
  return code === 'ERR_SQLITE_ERROR' && typeof errcode === 'number' ? errcode & 0xff : undefined;
}

/** A file could not be made or changed: only the operating system's errors name a system call. */
function isSystemError(error: unknown): boolean {
  return typeof (error as { syscall?: unknown } | undefined)?.syscall === 'string';
}
