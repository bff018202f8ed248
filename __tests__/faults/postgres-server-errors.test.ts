import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { migratePostgres, type PostgresClient, postgresStorage } from '../../adapters/storage/postgres.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { callMcp, createPerson, outcomeOf, type Person } from './person.ts';
import { limitMs, record, rounds } from './rounds.ts';
import { type FaultStore, postgresStore } from './stores.ts';

let store: FaultStore;
let pool: pg.Pool;
/** Errors that the next writes of records meet, as the server would say them. */
const errors: string[] = [];

beforeAll(async () => {
  store = await postgresStore();
  pool = new pg.Pool({ connectionString: store.address().url });
  await migratePostgres(pool);
});
afterAll(async () => {
  await pool?.end();
  await store?.close();
});

const client: PostgresClient = {
  async query(text, values) {
    const code = /INSERT INTO \S*records/.test(text) ? errors.shift() : undefined;
    if (code === undefined) return pool.query(text, values);
    throw Object.assign(new Error(`could not run ${text} with hunter2`), { code, severity: 'ERROR' });
  },
};

describe('an error of PostgreSQL', () => {
  let gateway: Gateway;
  let person: Person;

  beforeAll(async () => {
    gateway = await startGateway({
      options: () => ({ storage: postgresStorage(client), gateway: { tokenCacheSeconds: 0 } }),
      routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({})),
    });
    person = await createPerson(gateway.url);
  });
  afterAll(() => gateway?.close());

  it.each([
    { name: 'a serialization failure', code: '40001', times: 1, outcome: '200' },
    { name: 'a deadlock', code: '40P01', times: 1, outcome: '200' },
    { name: 'a unique violation', code: '23505', times: 1, outcome: '200' },
    { name: 'unique violations without end', code: '23505', times: 50, outcome: '503 temporarily_unavailable' },
    { name: 'serialization failures without end', code: '40001', times: 50, outcome: '503 temporarily_unavailable' },
    { name: 'a full disk', code: '53100', times: 50, outcome: '503 temporarily_unavailable' },
    { name: 'no memory', code: '53200', times: 50, outcome: '503 temporarily_unavailable' },
  ])('is answered $outcome without SQL: $name (F-21)', async ({ code, times, outcome }) => {
    const { refreshToken } = await person.tokens();
    errors.push(...Array<string>(times).fill(code));
    const answer = await person.client.refresh(refreshToken);
    errors.length = 0;
    expect(outcomeOf(answer)).toBe(outcome);
    expect(answer.text).not.toMatch(/INSERT|hunter2|mcp_oauth/);
    record('F-21', 'postgres', `${code} x ${times}: ${outcomeOf(answer)}`);
    expect((await callMcp(gateway.url, (await person.tokens()).accessToken)).status).toBe(200);
  });
});

it(
  'removes expired rows in batches while others write, and nothing else (F-24)',
  async () => {
    const rows = rounds(20_000, 10_000);
    const storage = postgresStorage(pool);
    await pool.query(
      `INSERT INTO mcp_oauth_records (kind, id, value, version, expires_at)
       SELECT 'AccessToken', 'expired ' || n, jsonb_build_object('filler', repeat('x', 600)), 'v', 1000 + n
       FROM generate_series(1, ${rows}) AS n`,
    );
    const took: number[] = [];
    const write = async () => {
      const start = performance.now();
      await storage.put('Token', `written ${took.length}`, { n: 1 }, { expiresAt: Date.now() / 1000 + 3600 });
      took.push(performance.now() - start);
      await pause(5);
    };
    const p99Of = (list: readonly number[]) =>
      list.toSorted((one, other) => one - other)[Math.ceil(list.length * 0.99) - 1] ?? 0;
    const alone = rounds(50, 5);
    while (took.length < alone) await write();
    let removed = 0;
    let isOver = false;
    const writing = (async () => {
      while (!isOver) await write();
    })();
    const start = performance.now();
    for (let batch = 1000; batch === 1000; removed += batch) batch = await storage.sweep(Date.now() / 1000, 1000);
    isOver = true;
    await writing;
    const seconds = (performance.now() - start) / 1000;
    const [before, p99] = [p99Of(took.slice(0, alone)), p99Of(took.slice(alone))];
    const countOf = async (pattern: string) => {
      const { rows: found } = await pool.query('SELECT count(*) AS n FROM mcp_oauth_records WHERE id LIKE $1', [
        pattern,
      ]);
      return Number(found[0]?.n);
    };
    record(
      'F-24',
      'postgres',
      `${removed} rows in ${seconds.toFixed(1)} s, insert p99 ${p99.toFixed(1)} ms meanwhile, ${before.toFixed(1)} ms without`,
    );
    expect(removed).toBeGreaterThanOrEqual(rows); // Codes of the tests above may expire meanwhile.
    expect([await countOf('expired %'), await countOf('written %')]).toEqual([0, took.length]);
  },
  limitMs,
);
