import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { storageContract } from '../../adapters/storage/contract.ts';
import { ConfigurationError } from '../../lib/errors.ts';
import { sqliteStorage } from '../../lib/storage/sqlite.ts';
import { type Storage, StorageUnavailableError } from '../../lib/storage/storage.ts';
import type { Report } from './sqlite-worker.ts';

const PROCESSES = 3;
const ROUNDS = 400;

let folder: string;
let path: string;
let opened: Storage[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcp-sqlite-'));
  path = join(folder, 'store.sqlite');
  opened = [];
});

afterEach(async () => {
  await closeAll();
  await rm(folder, { recursive: true });
});

function open(file = path, options: Parameters<typeof sqliteStorage>[1] = {}): Storage {
  const storage = sqliteStorage(file, options);
  opened.push(storage);
  return storage;
}

async function closeAll(): Promise<void> {
  await Promise.all(opened.map((storage) => storage.close()));
}

/** The file as an operator's own SQLite sees it. */
function inspect<T>(look: (database: DatabaseSync) => T, file = path): T {
  const database = new DatabaseSync(file);
  try {
    return look(database);
  } finally {
    database.close();
  }
}

async function modesOf(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder);
  const modes = names.map(async (name) => [name, ((await stat(join(folder, name))).mode & 0o777).toString(8)]);
  return Object.fromEntries(await Promise.all(modes));
}

describe('contract', () => {
  storageContract({ test }, async (clock) => ({
    storage: open(path, clock),
    another: async () => open(path, clock),
    reopen: async () => {
      await closeAll();
      return open(path, clock);
    },
    close: closeAll,
  }));
});

describe('file', () => {
  test('is made at the first call, not before', async () => {
    const storage = open();
    expect(await readdir(folder)).toEqual([]);
    await storage.ping();
    expect(await readdir(folder)).toContain('store.sqlite');
  });

  test('is never made by a store that is closed unused', async () => {
    await open().close();
    expect(await readdir(folder)).toEqual([]);
  });

  test('is for its owner only, with its log and shared memory', async () => {
    await open().put('Token', 'a', {});
    expect(await modesOf(folder)).toEqual({
      'store.sqlite': '600',
      'store.sqlite-shm': '600',
      'store.sqlite-wal': '600',
    });
  });

  test('loses the permissions of others when it has any', async () => {
    await open().put('Token', 'a', {});
    for (const name of await readdir(folder)) await chmod(join(folder, name), 0o664);
    await open().get('Token', 'a');
    expect(await modesOf(folder)).toEqual({
      'store.sqlite': '600',
      'store.sqlite-shm': '600',
      'store.sqlite-wal': '600',
    });
  });

  test('gets the folders it lacks, for their owner only', async () => {
    await open(join(folder, 'a', 'b', 'store.sqlite')).ping();
    expect(await modesOf(folder)).toEqual({ a: '700' });
    expect(await modesOf(join(folder, 'a'))).toEqual({ b: '700' });
  });

  test('is in WAL mode', async () => {
    await open().put('Token', 'a', {});
    expect(inspect((database) => database.prepare('PRAGMA journal_mode').get())).toEqual({ journal_mode: 'wal' });
  });

  test('holds everything by itself once the store is closed', async () => {
    const storage = open();
    await storage.put('Token', 'a', {});
    await storage.close();
    expect(await readdir(folder)).toEqual(['store.sqlite']);
    expect(inspect((database) => database.prepare('SELECT id FROM records').all())).toEqual([{ id: 'a' }]);
  });

  test('holds no row of what was swept', async () => {
    let present = 1000;
    const storage = open(path, { now: () => present });
    await storage.put('Token', 'a', {}, { expiresAt: 1060, grantId: 'g', index: { by: 'x' } });
    await storage.deleteByGrant('h', 1060);
    await storage.increment('k', 60);
    present = 1060;
    expect([await storage.sweep(present, 2), await storage.sweep(present, 2)]).toEqual([2, 1]);
    const tables = ['records', 'record_index', 'grant_tombstones', 'counters'];
    const rows = inspect((database) => tables.map((table) => database.prepare(`SELECT * FROM ${table}`).all().length));
    expect(rows).toEqual([0, 0, 0, 0]);
  });

  test('is left alone when a newer release wrote it', async () => {
    inspect((database) => database.exec('CREATE TABLE future (a); PRAGMA user_version = 99'));
    const call = open().get('Token', 'a');
    await expect(call).rejects.toThrow(StorageUnavailableError);
    await expect(call).rejects.toThrow('has schema version 99, and this release of express-mcp-auth knows up to 1');
    const tables = inspect((database) => database.prepare('SELECT name FROM sqlite_schema').all());
    expect(tables).toEqual([{ name: 'future' }]);
  });
});

describe('several processes', () => {
  async function startWorkers(): Promise<ChildProcess[]> {
    const worker = fileURLToPath(new URL('./sqlite-worker.ts', import.meta.url));
    const execArgv = ['--disable-warning=ExperimentalWarning'];
    const workers = Array.from({ length: PROCESSES }, () => fork(worker, [path, String(ROUNDS)], { execArgv }));
    await Promise.all(workers.map((child) => once(child, 'message')));
    return workers;
  }

  async function reportOf(child: ChildProcess): Promise<Report> {
    const exited = once(child, 'exit').then(([code]) => {
      throw new Error(`the worker ended with code ${code} and without a report`);
    });
    const [report] = await Promise.race([once(child, 'message'), exited]);
    exited.catch(() => {});
    return report;
  }

  test('on one new file agree on every winner and every count', async () => {
    const workers = await startWorkers();
    const reporting = workers.map(reportOf);
    for (const child of workers) child.send('go');
    const reports = await Promise.all(reporting);

    const total = (count: (report: Report) => number) => reports.reduce((sum, report) => sum + count(report), 0);
    expect(total(({ created }) => created)).toBe(ROUNDS);
    expect(total(({ consumed }) => consumed)).toBe(ROUNDS);
    expect(total(({ taken }) => taken)).toBe(total(({ opened }) => opened));
    const counts = reports.flatMap((report) => report.counts).toSorted((a, b) => a - b);
    expect(counts).toEqual(Array.from({ length: PROCESSES * ROUNDS }, (_, i) => i + 1));
    expect(await open().find('Code', 'by', 'all', { limit: ROUNDS + 1 })).toHaveLength(ROUNDS);
  });
});

describe('outage', () => {
  test('a path that cannot be written is an unavailable store', async () => {
    await writeFile(join(folder, 'file'), '');
    const inFile = open(join(folder, 'file', 'store.sqlite')).get('Token', 'a');
    await expect(inFile).rejects.toThrow(StorageUnavailableError);
    await expect(inFile).rejects.toHaveProperty('cause.code', 'EEXIST');
    const isFolder = open(folder).get('Token', 'a');
    await expect(isFolder).rejects.toThrow(StorageUnavailableError);
    await expect(isFolder).rejects.toHaveProperty('cause.code', 'ERR_SQLITE_ERROR');
  });

  test('ends by itself once the path can be written', async () => {
    await writeFile(join(folder, 'file'), '');
    const storage = open(join(folder, 'file', 'store.sqlite'));
    await expect(storage.put('Token', 'a', {})).rejects.toThrow(StorageUnavailableError);
    await rm(join(folder, 'file'));
    expect(await storage.put('Token', 'a', {})).toBe(true);
  });

  test('a file that is no database is an unavailable store', async () => {
    await writeFile(path, 'this is a text about databases, and long enough to be taken for one by its size'.repeat(20));
    await expect(open().ping()).rejects.toThrow(StorageUnavailableError);
  });

  test('a write that waits too long for another process is an unavailable store, for as long as that lasts', async () => {
    const storage = open(path, { busyTimeoutMs: 20 });
    await storage.put('Token', 'a', { n: 1 });
    const stranger = new DatabaseSync(path);
    stranger.exec('BEGIN IMMEDIATE');
    for (const write of [
      () => storage.put('Token', 'a', { n: 2 }),
      () => storage.consume('Token', 'a', 1),
      () => storage.deleteByGrant('g', 1),
    ]) {
      await expect(write()).rejects.toThrow(StorageUnavailableError);
    }
    expect((await storage.get('Token', 'a'))?.value).toEqual({ n: 1 });
    stranger.exec('ROLLBACK');
    stranger.close();
    expect(await storage.put('Token', 'a', { n: 2 })).toBe(true);
  });

  test('a new file that another process is writing is waited for, up to the limit', async () => {
    const stranger = new DatabaseSync(path);
    stranger.exec('BEGIN IMMEDIATE');
    await expect(open(path, { busyTimeoutMs: 20 }).ping()).rejects.toThrow(StorageUnavailableError);
    const writing = open().put('Token', 'a', {});
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    stranger.exec('COMMIT');
    stranger.close();
    expect(await writing).toBe(true);
  });

  test('a mistake of the caller stays what it is', async () => {
    const storage = open();
    await expect(storage.put('Token', 'a', { n: 1n })).rejects.toThrow(TypeError);
    await expect(storage.get(undefined as unknown as string, 'a')).rejects.not.toThrow(StorageUnavailableError);
    expect(await storage.get('Token', 'a')).toBeUndefined();
  });
});

describe('close', () => {
  test('makes every later call reject, used before or not', async () => {
    const used = open();
    await used.put('Token', 'a', {});
    for (const storage of [used, open()]) {
      await storage.close();
      await expect(storage.get('Token', 'a')).rejects.toThrow(StorageUnavailableError);
      await expect(storage.put('Token', 'a', {})).rejects.toThrow(StorageUnavailableError);
      await expect(storage.ping()).rejects.toThrow(StorageUnavailableError);
    }
  });

  test('may be called twice, and while the first call is still opening the file', async () => {
    const storage = open();
    const first = storage.put('Token', 'a', {});
    await Promise.all([storage.close(), storage.close(), expect(first).rejects.toThrow(StorageUnavailableError)]);
    await storage.close();
    expect(await open().get('Token', 'a')).toBeUndefined();
  });

  test('of one store leaves others on the file as they are', async () => {
    const other = open();
    await other.put('Token', 'a', {});
    const storage = open();
    await storage.put('Token', 'b', {});
    await storage.close();
    expect(await other.put('Token', 'c', {})).toBe(true);
    expect(await other.get('Token', 'b')).toBeDefined();
  });
});

describe('options', () => {
  test('that break their rule are refused together, before any file is made', () => {
    const create = () => sqliteStorage('', { busyTimeoutMs: 1.5 });
    expect(create).toThrow(ConfigurationError);
    expect(create).toThrow(/path: must be a non-empty string.*\n.*busyTimeoutMs: must be an integer from 0 to 60000/);
    expect(() => sqliteStorage(':memory:')).toThrow(/memoryStorage\(\) keeps records in memory/);
  });
});
