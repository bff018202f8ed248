/**
 * `npm run bench` makes the usual tables, in less than ten minutes, `npm run bench -- refresh resource` others, and
 * `npm run bench -- all` every one. The results go to the terminal and to docs/benchmarks.
 *
 * --date=2026-07-30   the date that the results carry
 * --rounds=12 --slice-ms=700 --warm-up-ms=1500   shorter for a look, longer for less noise
 */
import { parseArgs } from 'node:util';
import { cores, pinThisProcess } from './harness/cores.ts';
import { installPeers } from './harness/install.ts';
import { measure, type Pace } from './harness/measure.ts';
import { type ReportInput, writeCountReport, writeReport } from './harness/report.ts';
import type { CountTable, Table } from './harness/table.ts';
import { calls } from './tables/calls.ts';
import { clients } from './tables/clients.ts';
import { flood } from './tables/flood.ts';
import { gateway } from './tables/gateway.ts';
import { growth } from './tables/growth.ts';
import { idJag } from './tables/id-jag.ts';
import { authorizationServers } from './tables/peers.ts';
import { refresh } from './tables/refresh.ts';
import { resource } from './tables/resource.ts';
import { scale } from './tables/scale.ts';
import { server } from './tables/server.ts';
import { start } from './tables/start.ts';
import { streams } from './tables/streams.ts';
import { telemetry } from './tables/telemetry.ts';

const tables: Readonly<Record<string, () => Promise<Table | CountTable>>> = {
  gateway,
  resource,
  streams,
  server,
  clients,
  refresh,
  calls,
  start,
  growth,
  'id-jag': idJag,
  telemetry,
  peers: authorizationServers,
  flood,
  scale,
};

/** Of what every call of an MCP server costs. */
const usual = ['gateway', 'resource', 'streams'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    date: { type: 'string', default: 'an unnamed day' },
    rounds: { type: 'string', default: '12' },
    'slice-ms': { type: 'string', default: '700' },
    'warm-up-ms': { type: 'string', default: '1500' },
  },
});
const pace: Pace = {
  rounds: Number(values.rounds),
  sliceMs: Number(values['slice-ms']),
  warmUpMs: Number(values['warm-up-ms']),
};

async function makeTable(name: string, create: () => Promise<Table | CountTable>): Promise<string> {
  const say = (line: string) => console.error(`${name}: ${line}`);
  say('preparing');
  const table = await create();
  const input: ReportInput = { name, table, date: values.date, command: `npm run bench -- ${name}` };
  if ('rows' in table) return writeCountReport(input, table.heads, table.rows, table.method);
  try {
    return await writeReport(input, await measure(table, pace, say), pace);
  } finally {
    await table.close?.();
  }
}

const asked = positionals.length > 0 ? positionals : usual;
const names = asked.includes('all') ? Object.keys(tables) : asked;
const unknown = names.filter((name) => !(name in tables));
if (unknown.length > 0) {
  console.error(`no such table: ${unknown.join(', ')}; there are ${Object.keys(tables).join(', ')}`);
  process.exit(1);
}
installPeers((line) => console.error(line));
if (cores) pinThisProcess(cores.load);
for (const name of names) {
  const create = tables[name] as () => Promise<Table | CountTable>;
  console.log(await makeTable(name, create));
}
