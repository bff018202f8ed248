/**
 * A process of its own that works on one Redis together with others of its kind. It says `ready`, waits for any message,
 * then races the others for every id and reports what it won.
 */
import { redisStorage } from '../../adapters/storage/redis.ts';
import { type CLIENTS, openClient } from './redis-clients.ts';
import type { Report } from './sqlite-worker.ts';

const LANES = 8;

const [, , name = '', address = '', prefix = '', rounds = ''] = process.argv;
const { client, close } = await openClient(name as (typeof CLIENTS)[number], JSON.parse(address));
const storage = redisStorage(client, { prefix });

async function race(): Promise<Report> {
  const report = { created: 0, consumed: 0, opened: 0, taken: 0, counts: [] as number[] };
  async function round(id: string): Promise<void> {
    const grant = { grantId: 'g', index: { by: 'all' }, expiresAt: Date.now() / 1000 + 3600 };
    if (await storage.create('Code', id, { pid: process.pid }, grant)) report.created += 1;
    if ((await storage.consume('Code', id, Date.now() / 1000)) === 'consumed') report.consumed += 1;
    if (await storage.create('Login', id, {})) report.opened += 1;
    if (await storage.take('Login', id)) report.taken += 1;
    report.counts.push(await storage.increment('all', 3600));
  }
  for (let i = 0; i < Number(rounds); i += LANES) {
    await Promise.all(Array.from({ length: LANES }, (_, lane) => round(`id-${i + lane}`)));
  }
  return report;
}

process.once('message', async () => {
  const report = await race();
  await close();
  process.send?.(report, () => process.disconnect());
});
process.send?.('ready');
