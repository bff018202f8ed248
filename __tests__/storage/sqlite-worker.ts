/**
 * A process of its own that works on one SQLite file together with others of its kind. It says `ready`, waits for any
 * message, then races the others for every id and reports what it won.
 */
import { sqliteStorage } from '../../lib/storage/sqlite.ts';

export interface Report {
  readonly created: number;
  readonly consumed: number;
  readonly opened: number;
  readonly taken: number;
  readonly counts: readonly number[];
}

async function race(path: string, rounds: number): Promise<Report> {
  const storage = sqliteStorage(path);
  const report = { created: 0, consumed: 0, opened: 0, taken: 0, counts: [] as number[] };
  for (let i = 0; i < rounds; i += 1) {
    const id = `id-${i}`;
    if (await storage.create('Code', id, { pid: process.pid }, { index: { by: 'all' } })) report.created += 1;
    if ((await storage.consume('Code', id, Date.now() / 1000)) === 'consumed') report.consumed += 1;
    if (await storage.create('Login', id, {})) report.opened += 1;
    if (await storage.take('Login', id)) report.taken += 1;
    report.counts.push(await storage.increment('all', 3600));
  }
  await storage.close();
  return report;
}

const [, , path = '', rounds = ''] = process.argv;
process.once('message', async () => {
  process.send?.(await race(path, Number(rounds)), () => process.disconnect());
});
process.send?.('ready');
