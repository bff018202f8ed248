/**
 * A process of its own that works on one PostgreSQL database together with others of its kind. It connects, says `ready`,
 * waits for any message, does its work and reports.
 */
import pg from 'pg';
import { migratePostgres, postgresStorage } from '../../adapters/storage/postgres.ts';

export interface RaceReport {
  readonly created: number;
  readonly consumed: number;
  readonly opened: number;
  readonly taken: number;
  readonly counts: readonly number[];
}

export interface HangReport {
  readonly error: string;
  readonly tookMs: number;
}

const storage = () => postgresStorage(pool, { statementTimeoutMs: 10_000 });

const WORK = {
  /** Races the others for every id. */
  async race(rounds: number): Promise<RaceReport> {
    const store = storage();
    const report = { created: 0, consumed: 0, opened: 0, taken: 0, counts: [] as number[] };
    async function round(id: string): Promise<void> {
      if (await store.create('Code', id, { pid: process.pid }, { index: { by: 'all' } })) report.created += 1;
      if ((await store.consume('Code', id, Date.now() / 1000)) === 'consumed') report.consumed += 1;
      if (await store.create('Login', id, {})) report.opened += 1;
      if (await store.take('Login', id)) report.taken += 1;
      report.counts.push(await store.increment('all', 3600));
    }
    const lanes = 4;
    for (let i = 0; i < rounds; i += lanes) {
      await Promise.all(Array.from({ length: lanes }, (_, lane) => round(`id-${i + lane}`)));
    }
    return report;
  },

  async migrate(): Promise<string> {
    await migratePostgres(pool);
    await storage().ping();
    return 'migrated';
  },

  /** Calls a server that does not answer, then waits until the connection that was left behind ends with an error. */
  async hang(limitMs: number): Promise<HangReport> {
    const store = postgresStorage(pool, { statementTimeoutMs: limitMs });
    const start = performance.now();
    const error = await store.get('Token', 'a').catch((error) => error);
    const tookMs = performance.now() - start;
    await new Promise<void>((resolve) => pool.once('remove', () => resolve()));
    return { error: `${error.name}: ${error.message}`, tookMs };
  },
};

const [, , url, task = '', number] = process.argv;
const pool = new pg.Pool({ connectionString: url, max: 4 });
pool.on('error', () => {});

process.once('message', async () => {
  const report = await WORK[task as keyof typeof WORK](Number(number));
  await pool.end();
  process.send?.(report, () => process.disconnect());
});
await pool.query('SELECT 1');
process.send?.('ready');
