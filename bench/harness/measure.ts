import { type CallCount, countCalls } from './count.ts';
import { runFor } from './load.ts';
import { type BenchServer, startServer } from './server-process.ts';
import { quantile, type Spread, shuffled, spread } from './statistics.ts';
import type { Operation, Subject, Table } from './table.ts';

export interface Pace {
  readonly rounds: number;
  readonly sliceMs: number;
  readonly warmUpMs: number;
}

/** What one subject did in one round. */
interface Sample {
  readonly cpuMicros: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** A row of the result. Every figure is a median over the rounds. */
export interface Row {
  readonly operation: string;
  readonly name: string;
  /** Of the server process, microseconds per operation. */
  readonly cpuMicros: Spread;
  /** Against the reference of the same round. */
  readonly cpuRatio: Spread;
  readonly perSecond: Spread;
  readonly throughputRatio: Spread;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the server process at the end, MiB: shared by the rows of one server. */
  readonly rssMiB: number;
  readonly operations: number;
  readonly target?: number;
  readonly calls?: CallCount;
}

interface Runner {
  readonly operation: string;
  readonly subject: Subject;
  readonly reference: string;
  readonly server: BenchServer;
  readonly workers: readonly Operation[];
  readonly samples: Sample[];
  operations: number;
}

async function runSlice(runner: Runner, milliseconds: number): Promise<Sample> {
  const before = await runner.server.ask('usage');
  const { operations, seconds, latenciesMs } = await runFor(milliseconds, runner.workers);
  const after = await runner.server.ask('usage');
  runner.operations += operations;
  return {
    cpuMicros: (after.cpuMicros - before.cpuMicros) / operations,
    perSecond: operations / seconds,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
  };
}

/** V8 compiles what has run often: on a machine that others use, a time alone may be too few operations for that. */
const warmUpOperations = 5000;
const longestWarmUp = 10;

async function warmUp(runner: Runner, milliseconds: number): Promise<void> {
  for (let slices = 0; slices < longestWarmUp && runner.operations < warmUpOperations; slices += 1)
    await runSlice(runner, milliseconds);
  runner.operations = 0;
}

function toRow(runner: Runner, reference: Runner, rssMiB: number, calls: CallCount | undefined): Row {
  const { samples, subject, operation } = runner;
  const of = (member: keyof Sample) => samples.map((sample) => sample[member]);
  const ratio = (member: keyof Sample) =>
    spread(samples.map((sample, round) => sample[member] / (reference.samples[round]?.[member] ?? Number.NaN)));
  return {
    operation,
    name: subject.name,
    cpuMicros: spread(of('cpuMicros')),
    cpuRatio: ratio('cpuMicros'),
    perSecond: spread(of('perSecond')),
    throughputRatio: ratio('perSecond'),
    p50Ms: quantile(of('p50Ms'), 0.5),
    p99Ms: quantile(of('p99Ms'), 0.5),
    rssMiB,
    operations: runner.operations,
    ...(subject.target !== undefined && { target: subject.target }),
    ...(calls && { calls }),
  };
}

async function prepareRunners(table: Table, servers: ReadonlyMap<string, BenchServer>): Promise<Runner[]> {
  const runners: Runner[] = [];
  for (const { operation, subjects } of table.comparisons) {
    for (const subject of subjects) {
      const server = servers.get(subject.server) as BenchServer;
      const workers = await subject.prepare(server);
      const reference = subjects[0]?.name ?? '';
      runners.push({ operation, subject, reference, server, workers, samples: [], operations: 0 });
    }
  }
  return runners;
}

async function countAll(table: Table): Promise<Map<Subject, CallCount>> {
  const counts = new Map<Subject, CallCount>();
  if (!table.countsCalls) return counts;
  for (const subject of table.comparisons.flatMap(({ subjects }) => subjects)) {
    const spec = table.servers[subject.server];
    if (spec) counts.set(subject, await countCalls(spec, subject));
  }
  return counts;
}

/**
 * Measures a table: all servers are alive at once, every round runs each subject once in an order of its own, and each
 * ratio is taken within a round, so that a neighbour's load or a slow minute of the machine touches all alike.
 */
export async function measure(table: Table, pace: Pace, say: (line: string) => void): Promise<Row[]> {
  const counts = await countAll(table);
  const servers = new Map<string, BenchServer>();
  try {
    for (const [name, spec] of Object.entries(table.servers)) servers.set(name, await startServer(spec));
    const runners = await prepareRunners(table, servers);
    for (const runner of shuffled(runners)) await warmUp(runner, pace.warmUpMs);
    const compared = table.comparisons.map(({ operation }) =>
      runners.filter((runner) => runner.operation === operation),
    );
    for (let round = 1; round <= pace.rounds; round += 1) {
      // Those that are compared follow each other, so that both sides of a ratio see the same minute of the machine.
      for (const runner of shuffled(compared).flatMap(shuffled)) {
        runner.samples.push(await runSlice(runner, pace.sliceMs));
      }
      say(`round ${round} of ${pace.rounds}`);
    }
    return await Promise.all(
      runners.map(async (runner) => {
        const { rssBytes } = await runner.server.ask('usage');
        const sameOperation = runners.filter(({ operation }) => operation === runner.operation);
        const reference = sameOperation.find(({ subject }) => subject.name === runner.reference) ?? runner;
        return toRow(runner, reference, rssBytes / 2 ** 20, counts.get(runner.subject));
      }),
    );
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()));
  }
}
