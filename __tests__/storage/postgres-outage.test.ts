import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { migratePostgres, type PostgresClient, postgresStorage } from '../../adapters/storage/postgres.ts';
import { type Storage, StorageUnavailableError } from '../../lib/storage/storage.ts';
import { type PostgresServer, startPostgres } from '../helpers/postgres-server.ts';
import { startRelay, type TcpRelay } from '../helpers/tcp-relay.ts';
import type { HangReport } from './postgres-worker.ts';

const LIMIT_MS = 1500;
/** For a machine that is busy with something else. */
const MARGIN_MS = 4000;

let server: PostgresServer;
let url: string;
let relay: TcpRelay;
let pools: pg.Pool[];

beforeAll(async () => {
  server = await startPostgres({ isOwn: true });
  url = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: url });
  await migratePostgres(pool);
  await pool.end();
});

afterAll(() => server.close());

beforeEach(async () => {
  pools = [];
  relay = await startRelay(Number(new URL(url).port));
});

afterEach(async () => {
  await relay.close();
  await Promise.all(pools.map((pool) => pool.end()));
});

function relayed(): string {
  const address = new URL(url);
  address.port = String(relay.port);
  return address.href;
}

function poolOn(options: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, ...options });
  pool.on('error', () => {});
  pools.push(pool);
  return pool;
}

function storeOn(options: pg.PoolConfig = {}): Storage {
  return postgresStorage(poolOn(options), { statementTimeoutMs: LIMIT_MS });
}

const everyCall = (storage: Storage): { readonly [method: string]: () => Promise<unknown> } => ({
  get: () => storage.get('Token', 'a'),
  put: () => storage.put('Token', 'a', {}),
  'put with index': () => storage.put('Token', 'a', {}, { index: { by: 'x' } }),
  create: () => storage.create('Token', 'a', {}),
  consume: () => storage.consume('Token', 'a', 1),
  take: () => storage.take('Token', 'a'),
  replace: () => storage.replace('Token', 'a', 'v', {}),
  delete: () => storage.delete('Token', 'a'),
  deleteByGrant: () => storage.deleteByGrant('g', 1),
  find: () => storage.find('Token', 'by', 'x', { limit: 1 }),
  increment: () => storage.increment('a', 1),
  sweep: () => storage.sweep(1, 1),
  ping: () => storage.ping(),
});

/** Which of the calls, all at once, are answered otherwise than the port promises of an outage. */
async function surprises(storage: Storage): Promise<string[]> {
  const calls = Object.entries(everyCall(storage)).map(async ([method, call]) => {
    const start = performance.now();
    const outcome = await call().then(
      () => 'an answer',
      (error: unknown) => error,
    );
    const tookMs = Math.round(performance.now() - start);
    if (!(outcome instanceof StorageUnavailableError)) return [`${method}: ${outcome}`];
    return tookMs > LIMIT_MS + MARGIN_MS ? [`${method}: took ${tookMs} ms`] : [];
  });
  return (await Promise.all(calls)).flat();
}

describe('a server that is stopped', () => {
  test('makes every call unavailable, and the same store answers once it is back', async () => {
    const storage = storeOn();
    await storage.put('Token', 'a', { n: 1 });
    await server.stop();
    expect(await surprises(storage)).toEqual([]);
    await expect(storage.ping()).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: 'PostgreSQL cannot answer (ECONNREFUSED)',
      cause: { syscall: 'connect' },
    });
    await server.restart();
    expect((await storage.get('Token', 'a'))?.value).toEqual({ n: 1 });
  });

  test('at the first call of a store that migrates does not keep it from doing so once it is back', async () => {
    const storage = postgresStorage(poolOn({}), { migrate: true, statementTimeoutMs: LIMIT_MS });
    await server.stop();
    expect(await surprises(storage)).toEqual([]);
    await server.restart();
    await storage.ping();
  });

  test('ends waiting statements, and their calls are unavailable', async () => {
    const blocker = poolOn({ max: 1 });
    await blocker.query('SELECT 1');
    const session = await blocker.connect();
    session.on('error', () => {});
    await session.query('BEGIN');
    await session.query('LOCK TABLE mcp_oauth_records');
    const waiting = expect(storeOn().get('Token', 'a')).rejects.toMatchObject({ name: 'StorageUnavailableError' });
    await server.restart();
    await waiting;
    session.release(true);
  });

  test('fifty times leaves no connection behind and is answered again each time', async () => {
    const pool = poolOn({ connectionString: relayed(), max: 3 });
    const storage = postgresStorage(pool, { statementTimeoutMs: LIMIT_MS });
    for (let cycle = 0; cycle < 50; cycle += 1) {
      const calls = Array.from({ length: 5 }, () => storage.increment(`cycle ${cycle}`, 60).catch((error) => error));
      relay.cut();
      for (const outcome of await Promise.all(calls)) {
        if (typeof outcome !== 'number') expect(outcome).toBeInstanceOf(StorageUnavailableError);
      }
      relay.open();
      expect(await storage.increment(`after ${cycle}`, 60)).toBe(1);
    }
    expect(pool.totalCount).toBeLessThanOrEqual(3);
    expect(pool.waitingCount).toBe(0);
  });
});

describe('a server that hangs', () => {
  test('makes every call unavailable in time, and the same store answers once it goes on', async () => {
    const pool = poolOn({ max: 3 });
    const storage = postgresStorage(pool, { statementTimeoutMs: LIMIT_MS });
    await storage.put('Token', 'a', { n: 1 });
    server.pause();
    try {
      expect(await surprises(storage)).toEqual([]);
      await expect(storage.ping()).rejects.toThrow(`PostgreSQL did not answer within ${LIMIT_MS} ms`);
    } finally {
      server.resume();
    }
    await storage.ping();
    expect(await storage.create('Token', 'b', {})).toBe(true);
    expect(pool.waitingCount).toBe(0);
  });

  test('behind a silent network is replaced by new connections, with the pool limits of the documentation', async () => {
    const limits = { query_timeout: LIMIT_MS, connectionTimeoutMillis: LIMIT_MS, max: 3 };
    const storage = storeOn({ connectionString: relayed(), ...limits });
    await storage.ping();
    relay.silence();
    expect(await surprises(storage)).toEqual([]);
    relay.open();
    // The calls above left queries with the pool that it only now begins to give up.
    let answered = false;
    for (let turn = 0; turn < 20 && !answered; turn += 1) {
      answered = await storage.ping().then(
        () => true,
        () => false,
      );
    }
    expect(answered).toBe(true);
    await Promise.all(Array.from({ length: 10 }, () => storage.ping()));
  });

  test('leaves no unhandled rejection, also when its connection ends afterwards', async () => {
    const worker = fileURLToPath(new URL('./postgres-worker.ts', import.meta.url));
    const execArgv = ['--disable-warning=ExperimentalWarning', '--unhandled-rejections=strict'];
    const child = fork(worker, [relayed(), 'hang', String(LIMIT_MS)], { execArgv, stdio: 'pipe' });
    let output = '';
    child.stderr?.on('data', (chunk) => {
      output += chunk;
    });
    await once(child, 'message');
    relay.silence();
    const exited = once(child, 'exit');
    const reported = once(child, 'message');
    child.send('go');
    setTimeout(() => relay.cut(), LIMIT_MS + MARGIN_MS);
    const [report] = (await reported) as [HangReport];
    expect(report.error).toBe(`StorageUnavailableError: PostgreSQL did not answer within ${LIMIT_MS} ms`);
    expect(report.tookMs).toBeLessThan(LIMIT_MS + MARGIN_MS);
    expect(await exited).toEqual([0, null]);
    expect(output).toBe('');
  });

  test('in the middle of deleteByGrant has deleted the grant for every reader', async () => {
    const pool = poolOn({});
    const sound = postgresStorage(pool);
    await sound.put('Token', 'granted', {}, { grantId: 'half' });
    const query: PostgresClient['query'] = (text, values) =>
      text.includes('DELETE') ? new Promise(() => {}) : pool.query(text, values);
    const hanging = postgresStorage({ query }, { statementTimeoutMs: LIMIT_MS });
    await expect(hanging.deleteByGrant('half', Date.now() / 1000 + 60)).rejects.toThrow(StorageUnavailableError);
    expect(await sound.get('Token', 'granted')).toBeUndefined();
    expect(await sound.put('Token', 'granted', {}, { grantId: 'half' })).toBe(false);
  });
});

describe('a server that refuses', () => {
  async function codeOf(call: Promise<unknown>): Promise<unknown> {
    const error = (await call.catch((error) => error)) as StorageUnavailableError;
    expect(error).toBeInstanceOf(StorageUnavailableError);
    const { code } = error.cause as { code?: string };
    if (code) expect(error.message).toBe(`PostgreSQL cannot answer (${code})`);
    return code ?? (error.cause as Error).message;
  }

  test('writes, connections, databases or roles is unavailable', async () => {
    const admin = poolOn({ max: 1 });
    await admin.query('CREATE ROLE crowded LOGIN CONNECTION LIMIT 0');
    const as = (change: (address: URL) => void) => {
      const address = new URL(url);
      change(address);
      return storeOn({ connectionString: address.href });
    };
    const crowded = as((address) => {
      address.username = 'crowded';
    });
    const absentDatabase = as((address) => {
      address.pathname = 'absent';
    });
    const absentRole = as((address) => {
      address.username = 'absent';
    });
    const readOnly = storeOn({ options: '-c default_transaction_read_only=on' });
    expect(await codeOf(crowded.ping())).toBe('53300');
    expect(await codeOf(absentDatabase.ping())).toBe('3D000');
    expect(await codeOf(absentRole.ping())).toBe('28000');
    expect(await codeOf(readOnly.put('Token', 'a', {}))).toBe('25006');
  });

  test('to wait longer for a lock, by its own limits, is unavailable', async () => {
    const session = await poolOn({ max: 1 }).connect();
    await session.query('BEGIN');
    await session.query('LOCK TABLE mcp_oauth_records');
    expect(await codeOf(storeOn({ statement_timeout: 50 }).get('Token', 'a'))).toBe('57014');
    expect(await codeOf(storeOn({ options: '-c lock_timeout=50' }).get('Token', 'a'))).toBe('55P03');
    await session.query('ROLLBACK');
    session.release();
  });

  test('a pool that has no connection free or was ended is unavailable', async () => {
    const pool = poolOn({ max: 1, connectionTimeoutMillis: 2000 });
    const session = await pool.connect();
    const storage = postgresStorage(pool, { statementTimeoutMs: 20_000 });
    expect(await codeOf(storage.ping())).toBe('timeout exceeded when trying to connect');
    session.release();
    await storage.ping();
    const ended = new pg.Pool({ connectionString: url });
    await ended.end();
    expect(await codeOf(postgresStorage(ended).ping())).toBe('Cannot use a pool after calling end on the pool');
  });
});
