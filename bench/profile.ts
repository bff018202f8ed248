/**
 * `node bench/profile.ts resource "ours, opaque, warm"`: profiles one row of a table and prints where the time of the
 * server's main thread goes. Where a name stands in several operations, the first is taken, or the one that `--operation`
 * begins.
 *
 * --operation=Dynamic --seconds=4 --keep=refresh.cpuprofile
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { cores, pinThisProcess } from './harness/cores.ts';
import { type Share, summarizeProfile } from './harness/cpu-profile.ts';
import { installPeers } from './harness/install.ts';
import { runFor } from './harness/load.ts';
import { startServer } from './harness/server-process.ts';
import type { Table } from './harness/table.ts';
import { clients } from './tables/clients.ts';
import { gateway } from './tables/gateway.ts';
import { idJag } from './tables/id-jag.ts';
import { refresh } from './tables/refresh.ts';
import { resource } from './tables/resource.ts';
import { server } from './tables/server.ts';

const tables: Readonly<Record<string, () => Promise<Table>>> = {
  gateway,
  resource,
  server,
  clients,
  refresh,
  'id-jag': idJag,
};
const shown = 16;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    operation: { type: 'string', default: '' },
    seconds: { type: 'string', default: '4' },
    keep: { type: 'string' },
  },
});

function print(title: string, shares: readonly Share[], perOperation: number): void {
  console.log(`\n## ${title}\n\n| share | us/op | |\n| --- | --- | --- |`);
  for (const { name, percent } of shares.slice(0, shown)) {
    console.log(`| ${percent.toFixed(1)} % | ${((percent * perOperation) / 100).toFixed(1)} | ${name} |`);
  }
}

async function profile(table: Table, rowName: string): Promise<void> {
  const found = table.comparisons
    .filter(({ operation }) => operation.startsWith(values.operation))
    .flatMap(({ operation, subjects }) => subjects.map((subject) => ({ operation, subject })))
    .find(({ subject }) => subject.name === rowName);
  const spec = found && table.servers[found.subject.server];
  if (!spec) throw new Error(`no row ${rowName}`);
  const server = await startServer(spec);
  try {
    const workers = await found.subject.prepare(server);
    await runFor(2000, workers);
    await server.ask('startProfile');
    const before = await server.ask('usage');
    const { operations } = await runFor(Number(values.seconds) * 1000, workers);
    const after = await server.ask('usage');
    const text = await server.ask('stopProfile');
    if (values.keep !== undefined) writeFileSync(values.keep, text);
    const { owners, functions, inclusive, busySeconds } = summarizeProfile(text);
    const perOperation = Math.round((after.cpuMicros - before.cpuMicros) / operations);
    console.log(`# ${found.operation}: ${rowName}\n`);
    console.log(`${operations} operations, ${perOperation} us each while profiled, ${busySeconds.toFixed(1)} s busy`);
    print('By code base', owners, perOperation);
    print('Functions of ours, with what they call in Node', functions, perOperation);
    print('Functions of ours, with everything that they call', inclusive, perOperation);
  } finally {
    await server.stop();
  }
}

const [tableName = '', rowName = ''] = positionals;
const create = tables[tableName];
if (!create) throw new Error(`name a table: ${Object.keys(tables).join(', ')}`);
installPeers((line) => console.error(line));
if (cores) pinThisProcess(cores.load);
const table = await create();
try {
  await profile(table, rowName);
} finally {
  await table.close?.();
}
