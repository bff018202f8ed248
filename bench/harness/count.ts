import { setTimeout as pause } from 'node:timers/promises';
import { type Counts, roundTrips } from './call-counter.ts';
import { type BenchServer, type ServerSpec, startServer } from './server-process.ts';
import type { Subject } from './table.ts';

/** Storage calls of one operation. */
export interface CallCount {
  /** Calls of the storage interface, and those of them in sequence. */
  readonly calls: number;
  readonly callTrips: number;
  /** Commands or statements that the engine got, and those of them in sequence: round trips. */
  readonly commands: number;
  readonly roundTrips: number;
  /** The calls in order; those that went together in one entry. */
  readonly trace: readonly string[];
}

const repeated = 15;
/** What an answer leaves behind it still counts. */
const settleMs = 10;

/** The middle one of several counts: the first operations may do more. */
function typical(counts: readonly Counts[]): Counts {
  const sorted = [...counts].sort((left, right) => left.storage.length - right.storage.length);
  return sorted[Math.floor(sorted.length / 2)] as Counts;
}

function traceOf({ storage }: Counts): string[] {
  const steps: string[][] = [];
  for (const { label, depth } of storage) {
    const step = steps[depth - 1] ?? [];
    steps[depth - 1] = [...step, label];
  }
  return steps.map((step) => step.join(' + '));
}

export function describeCounts(counts: Counts): CallCount {
  return {
    calls: counts.storage.length,
    callTrips: roundTrips(counts.storage),
    commands: counts.engine.length,
    roundTrips: roundTrips(counts.engine),
    trace: traceOf(counts),
  };
}

/** What one operation calls, in a quiet server. */
export async function countOnce(server: BenchServer, operation: () => Promise<void>): Promise<Counts> {
  await server.ask('counts');
  await operation();
  await pause(settleMs);
  return server.ask('counts');
}

/** Counts the storage calls of a subject's operation in a server of its own. */
export async function countCalls(spec: ServerSpec, subject: Subject): Promise<CallCount> {
  const server = await startServer({ ...spec, settings: { ...spec.settings, isCounting: true } });
  try {
    const [operation] = await subject.prepare(server);
    if (!operation) throw new Error(`${subject.name} prepared no user`);
    const counts: Counts[] = [];
    for (let index = 0; index < repeated; index += 1) counts.push(await countOnce(server, operation));
    return describeCounts(typical(counts));
  } finally {
    await server.stop();
  }
}
