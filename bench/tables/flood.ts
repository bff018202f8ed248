import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchServer } from '../harness/server-process.ts';
import type { Operation, Table } from '../harness/table.ts';
import { refreshing, registering } from './operations.ts';

const registrations = 100_000;

/** Clients that were there before refresh after it. */
async function refreshingAfterFlood(server: BenchServer): Promise<Operation[]> {
  const refreshes = await refreshing(server);
  const floods = await registering(server);
  let left = registrations;
  await Promise.all(
    floods.map(async (register) => {
      while (left > 0) {
        left -= 1;
        await register();
      }
    }),
  );
  return refreshes;
}

/** What a flood of anonymous registrations leaves behind. */
export async function flood(): Promise<Table> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-flood-'));
  const sqlite = (name: string) => ({ store: { engine: 'sqlite', path: join(folder, `${name}.sqlite`) } });
  const pair = (engine: string) => ({
    operation: `Refresh, ${engine}`,
    subjects: [
      { name: 'without a flood', server: `${engine}, quiet`, prepare: refreshing },
      { name: 'after the flood', server: `${engine}, flooded`, prepare: refreshingAfterFlood, target: 1.1 },
    ],
  });
  return {
    title: 'A flood of anonymous registrations',
    notes: [
      `${registrations.toLocaleString('en')} registrations by nobody in particular, from loopback, whose callers are not limited; then the clients that were there before go on to refresh. One that was lost would end the run.`,
      'From anywhere else the flood ends at `rateLimits.registration`: 3,000 an hour from one address. What was registered and never used goes after a day.',
      'With SQLite, the default, the registered clients are in the file, not in memory.',
    ],
    servers: {
      'memory, quiet': { variant: 'gateway' },
      'memory, flooded': { variant: 'gateway' },
      'SQLite, quiet': { variant: 'gateway', settings: sqlite('quiet') },
      'SQLite, flooded': { variant: 'gateway', settings: sqlite('flooded') },
    },
    comparisons: [pair('memory'), pair('SQLite')],
    close: () => rm(folder, { recursive: true }),
  };
}
