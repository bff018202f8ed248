import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { migratePostgres, type PostgresClient, postgresStorage } from '../../adapters/storage/postgres.ts';
import { type Storage, StorageUnavailableError } from '../../lib/storage/storage.ts';
import { type PostgresServer, startPostgres } from '../helpers/postgres-server.ts';
import type { RaceReport } from './postgres-worker.ts';

const PROCESSES = 3;
const ROUNDS = 400;

let server: PostgresServer;
let url: string;
let pools: pg.Pool[];
let storage: Storage;
let other: Storage;
/** A connection on which the test itself opens transactions. */
let session: pg.Client;

const present = () => Date.now() / 1000;

beforeAll(async () => {
  server = await startPostgres();
});

afterAll(() => server.close());

beforeEach(async () => {
  url = await server.createDatabase();
  pools = [1, 2].map(() => new pg.Pool({ connectionString: url }));
  [storage, other] = pools.map((pool) => postgresStorage(pool)) as [Storage, Storage];
  await migratePostgres(pools[0] as pg.Pool);
  session = new pg.Client(url);
  await session.connect();
});

afterEach(async () => {
  await session.end();
  await Promise.all(pools.map((pool) => pool.end()));
});

/** Runs `work` in a transaction that stays open; returns what commits it. */
async function uncommitted(work: (storage: Storage) => Promise<unknown>): Promise<() => Promise<unknown>> {
  await session.query('BEGIN');
  await work(postgresStorage(session));
  return () => session.query('COMMIT');
}

/** Settles when a statement of the store waits for a lock. */
async function someoneWaits(): Promise<void> {
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  for (let turn = 0; turn < 500; turn += 1) {
    if ((await session.query(waiting)).rows.length > 0) return;
    await pause(10);
  }
  throw new Error('nobody waits for a lock');
}

describe('several processes', () => {
  test('on one database agree on every winner and every count', async () => {
    const worker = fileURLToPath(new URL('./postgres-worker.ts', import.meta.url));
    const workers = Array.from({ length: PROCESSES }, () => fork(worker, [url, 'race', String(ROUNDS)]));
    await Promise.all(workers.map((child) => once(child, 'message')));
    const reporting = workers.map(async (child) => {
      const exited = once(child, 'exit').then(([code]) =>
        Promise.reject(new Error(`a worker ended with code ${code}`)),
      );
      const [report] = await Promise.race([once(child, 'message'), exited]);
      exited.catch(() => {});
      return report as RaceReport;
    });
    for (const child of workers) child.send('go');
    const reports = await Promise.all(reporting);

    const total = (count: (report: RaceReport) => number) => reports.reduce((sum, report) => sum + count(report), 0);
    expect(total(({ created }) => created)).toBe(ROUNDS);
    expect(total(({ consumed }) => consumed)).toBe(ROUNDS);
    expect(total(({ taken }) => taken)).toBe(total(({ opened }) => opened));
    const counts = reports.flatMap((report) => report.counts).toSorted((a, b) => a - b);
    expect(counts).toEqual(Array.from({ length: PROCESSES * ROUNDS }, (_, i) => i + 1));
    expect(await storage.find('Code', 'by', 'all', { limit: ROUNDS + 1 })).toHaveLength(ROUNDS);
  });
});

describe('a grant that is deleted', () => {
  const options = { grantId: 'g', index: { by: 'x' } };

  test('leaves nothing readable of 200 writes at the same time', async () => {
    const writes = Array.from({ length: 200 }, (_, i) => i);
    const versions = await Promise.all(
      writes.slice(0, 50).map(async (i) => {
        await storage.put('Token', `replace ${i}`, {}, options);
        return (await storage.get('Token', `replace ${i}`))?.version ?? '';
      }),
    );
    const write = (i: number) => {
      const store = i % 2 === 0 ? storage : other;
      if (i % 4 === 0) return store.replace('Token', `replace ${i / 4}`, versions[i / 4] ?? '', {}, options);
      return i % 4 === 1 ? store.put('Token', `${i}`, {}, options) : store.create('Token', `${i}`, {}, options);
    };
    const early = writes.slice(0, 100).map(write);
    const deletion = other.deleteByGrant('g', present() + 60);
    await Promise.all([...early, deletion, ...writes.slice(100).map(write)]);

    expect(await Promise.all(writes.map(write))).toEqual(Array(200).fill(false));
    for (const store of [storage, other]) {
      expect(await store.find('Token', 'by', 'x', { limit: 300 })).toEqual([]);
      const ids = [...writes.map((i) => `${i}`), ...writes.map((i) => `replace ${i}`)];
      const left = await Promise.all(ids.map((id) => store.get('Token', id)));
      expect(left.filter(Boolean)).toEqual([]);
    }
  });

  test('hides a record whose write began before and ended after it', async () => {
    const commit = await uncommitted((late) => late.create('Token', 'a', { n: 1 }, options));
    await storage.deleteByGrant('g', present() + 60);
    await commit();
    expect((await session.query('SELECT id FROM mcp_oauth_records')).rows).toEqual([{ id: 'a' }]);
    expect(await storage.get('Token', 'a')).toBeUndefined();
    expect(await storage.find('Token', 'by', 'x', { limit: 1 })).toEqual([]);
    expect(await storage.consume('Token', 'a', 1)).toBe('missing');
    expect(await storage.take('Token', 'a')).toBeUndefined();
    const [row] = (await session.query('SELECT version FROM mcp_oauth_records')).rows;
    expect(await storage.replace('Token', 'a', row.version, {})).toBe(false);
    expect(await storage.create('Token', 'a', { n: 2 })).toBe(true);
    expect((await storage.get('Token', 'a'))?.value).toEqual({ n: 2 });
  });

  test.each<[string, (id: string, version: string) => Promise<unknown>, unknown]>([
    ['consume', (id) => storage.consume('Token', id, 1), 'missing'],
    ['take', (id) => storage.take('Token', id), undefined],
    ['replace', (id, version) => storage.replace('Token', id, version, {}), false],
  ])('is seen by a %s that waited for the write that moved the record to it', async (_name, attempt, expected) => {
    await storage.put('Token', 'a', {}, { grantId: 'another' });
    const version = (await storage.get('Token', 'a'))?.version ?? '';
    const commit = await uncommitted(async () => {
      // As a replace does, but the version stays: nothing else than the grant stands in the way of the waiting statement.
      await session.query(`UPDATE mcp_oauth_records SET grant_id = 'g'`);
    });
    await storage.deleteByGrant('g', present() + 60);
    const attempted = attempt('a', version);
    await someoneWaits();
    await commit();
    expect(await attempted).toEqual(expected);
  });

  test('takes a record along that moves to it at that moment', async () => {
    await storage.put('Token', 'a', {}, options);
    const commit = await uncommitted((late) => late.put('Token', 'a', { n: 2 }, options));
    const deletion = storage.deleteByGrant('g', present() + 60);
    await someoneWaits();
    await commit();
    await deletion;
    expect((await session.query('SELECT id FROM mcp_oauth_records')).rows).toEqual([]);
  });
});

describe('a statement that waited', () => {
  test('tells a record that was deleted meanwhile from a consumed one', async () => {
    await storage.put('Code', 'a', {});
    const commit = await uncommitted((late) => late.delete('Code', 'a'));
    const consumption = storage.consume('Code', 'a', 1);
    await someoneWaits();
    await commit();
    expect(await consumption).toBe('missing');
  });

  test('creates nothing over a record that came meanwhile', async () => {
    await storage.put('Code', 'a', {}, { expiresAt: present() - 1 });
    const commit = await uncommitted((late) => late.create('Code', 'a', { n: 1 }));
    const creation = storage.create('Code', 'a', { n: 2 });
    await someoneWaits();
    await commit();
    expect(await creation).toBe(false);
    expect((await storage.get('Code', 'a'))?.value).toEqual({ n: 1 });
  });

  test('sweeps no record that was written again meanwhile', async () => {
    await storage.put('Code', 'a', {}, { expiresAt: present() - 1 });
    const commit = await uncommitted((late) => late.put('Code', 'a', { n: 1 }, { expiresAt: present() + 60 }));
    const sweep = storage.sweep(present(), 9);
    await someoneWaits();
    await commit();
    expect(await sweep).toBe(0);
    expect((await storage.get('Code', 'a'))?.value).toEqual({ n: 1 });
  });

  test('leaves no index entry of a write that was overtaken', async () => {
    await storage.put('Client', 'a', {}, { index: { by: 'first', also: 'first' } });
    const commit = await uncommitted((late) => late.put('Client', 'a', { n: 2 }, { index: { by: 'second' } }));
    const last = storage.put('Client', 'a', { n: 3 }, { index: { by: 'third' } });
    await someoneWaits();
    await commit();
    await last;
    for (const [name, value] of [
      ['by', 'first'],
      ['also', 'first'],
      ['by', 'second'],
    ] as const) {
      expect(await storage.find('Client', name, value, { limit: 1 })).toEqual([]);
    }
    expect((await storage.find('Client', 'by', 'third', { limit: 1 }))[0]?.value).toEqual({ n: 3 });
    await storage.delete('Client', 'a');
    expect((await session.query('SELECT * FROM mcp_oauth_record_index')).rows).toEqual([]);
  });
});

describe('a conflict', () => {
  function counted(pool: pg.Pool): { client: PostgresClient; failures: unknown[] } {
    const failures: unknown[] = [];
    const query: PostgresClient['query'] = (text, values) =>
      pool.query(text, values).catch((error) => {
        failures.push(error.code);
        throw error;
      });
    return { client: { query }, failures };
  }

  test('of serializable transactions is tried again', async () => {
    const options = '-c default_transaction_isolation=serializable';
    const pool = new pg.Pool({ connectionString: url, options });
    pools.push(pool);
    const { client, failures } = counted(pool);
    const strict = postgresStorage(client);
    await strict.put('Code', 'a', {});
    const commit = await uncommitted((late) => late.put('Code', 'a', { n: 2 }));
    const consumption = strict.consume('Code', 'a', 5);
    await someoneWaits();
    await commit();
    expect(await consumption).toBe('consumed');
    expect(failures).toEqual(['40001']);
    expect(await storage.get('Code', 'a')).toMatchObject({ value: { n: 2 }, consumedAt: 5 });
  });

  test('that is a deadlock is tried again', async () => {
    const { client, failures } = counted(pools[0] as pg.Pool);
    await session.query(`SET deadlock_timeout = '1h'`); // So that the store is the one whose statement is rolled back.
    for (const id of ['a', 'b']) await storage.put('Token', id, {}, { grantId: 'g' });
    const commit = await uncommitted((late) => late.put('Token', 'b', {}));
    const deletion = postgresStorage(client).deleteByGrant('g', present() + 60);
    await someoneWaits();
    await postgresStorage(session).put('Token', 'a', { n: 2 });
    await commit();
    await deletion;
    expect(new Set(failures)).toEqual(new Set(['40P01']));
    expect((await storage.get('Token', 'a'))?.value).toEqual({ n: 2 });
  });

  test('that does not end is an unavailable store, after three retries', async () => {
    let calls = 0;
    const query = () => {
      calls += 1;
      return Promise.reject(Object.assign(new Error('could not serialize'), { code: '40001' }));
    };
    const call = postgresStorage({ query }).increment('a', 60);
    await expect(call).rejects.toThrow(StorageUnavailableError);
    await expect(call).rejects.toMatchObject({ message: 'PostgreSQL cannot answer (40001)', cause: { code: '40001' } });
    expect(calls).toBe(4);
  });
});
