import { cpus } from 'node:os';
import { createUser, runFor, type Send } from '../harness/load.ts';
import { type BenchServer, startServer } from '../harness/server-process.ts';
import { spread } from '../harness/statistics.ts';
import type { CountTable, Operation } from '../harness/table.ts';
import { type Engine, openEngines } from './engines.ts';
import { refreshingBy, users } from './operations.ts';
import { signInAll } from './sign-in.ts';

const rounds = 8;
const sliceMs = 1000;
const sizes = [1, 2];

/** So many processes on one store, behind one issuer. */
interface Fleet {
  readonly processes: readonly BenchServer[];
  readonly operations: readonly Operation[];
  readonly perSecond: number[];
  readonly cpuMicros: number[];
}

/** Each request of a user goes to the next process, under the name of the first. */
function roundRobin(processes: readonly BenchServer[], issuer: string): Send {
  const sends = processes.map(({ url }) => createUser(url));
  const { host } = new URL(issuer);
  let next = 0;
  return (call) => {
    next += 1;
    return (sends[next % sends.length] as Send)({ ...call, headers: { ...call.headers, host } });
  };
}

async function startFleet(engine: Engine, size: number): Promise<Fleet> {
  const store = await engine.createStore(`scale-${size}`);
  const first = await startServer({ variant: 'gateway', settings: { store }, isPinned: false });
  const issuer = first.url;
  const others = await Promise.all(
    sizes.slice(1, size).map(() => startServer({ variant: 'gateway', settings: { store, issuer }, isPinned: false })),
  );
  const processes = [first, ...others];
  const signedIn = await signInAll(issuer, users);
  const operations = signedIn.map((user) => refreshingBy(user, roundRobin(processes, issuer)));
  return { processes, operations, perSecond: [], cpuMicros: [] };
}

const cpuOf = async ({ processes }: Fleet) =>
  (await Promise.all(processes.map((process) => process.ask('usage')))).reduce(
    (sum, usage) => sum + usage.cpuMicros,
    0,
  );

async function runSlice(fleet: Fleet): Promise<void> {
  const before = await cpuOf(fleet);
  const { operations, seconds } = await runFor(sliceMs, fleet.operations);
  fleet.cpuMicros.push(((await cpuOf(fleet)) - before) / operations);
  fleet.perSecond.push(operations / seconds);
}

const cell = (values: readonly number[]) => {
  const { median, low, high } = spread(values);
  return `${Math.round(median)} (${Math.round(low)}-${Math.round(high)})`;
};

/** Refresh by one and by two processes on one store. */
export async function scale(): Promise<CountTable> {
  const engines = await openEngines(() => {});
  const rows: string[][] = [];
  for (const engine of engines.filter(({ name }) => name === 'Redis' || name === 'Postgres')) {
    const fleets = [];
    for (const size of sizes) fleets.push(await startFleet(engine, size));
    for (const fleet of fleets) await runSlice(fleet);
    for (const fleet of fleets) {
      fleet.perSecond.length = 0;
      fleet.cpuMicros.length = 0;
    }
    for (let round = 0; round < rounds; round += 1) for (const fleet of fleets) await runSlice(fleet);
    for (const { processes, perSecond, cpuMicros } of fleets) {
      rows.push([`${engine.name} ${engine.version}`, String(processes.length), cell(perSecond), cell(cpuMicros)]);
      for (const process of processes) await process.stop();
    }
  }
  for (const { close } of engines) await close();
  return {
    title: 'Scale: one and two processes on one store',
    notes: [
      `Refresh with rotation by ${users} users; every request of a user goes to the next process, so that each family is written by all of them.`,
      `Nothing is pinned: the load generator, the store and the processes share ${cpus().length} cores. With two cores a second process has none of its own, and the table shows what sharing costs rather than what a second machine brings.`,
    ],
    method: `Medians of ${rounds} rounds of ${sliceMs} ms with the quartiles in parentheses, sizes in turn. CPU is that of all processes of the product, without the store.`,
    heads: ['store', 'processes', 'refreshes per second', 'CPU us per refresh'],
    rows,
  };
}
