import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CLIENTS, type RedisAddress } from './redis-clients.ts';
import type { Report } from './sqlite-worker.ts';

const PROCESSES = 3;

/** Lets three processes, on both clients, race for each of so many ids; returns their sums and all counts in order. */
export async function raceProcesses(address: RedisAddress, prefix: string, rounds: number) {
  const script = fileURLToPath(new URL('./redis-worker.ts', import.meta.url));
  const workers = Array.from({ length: PROCESSES }, (_, i) =>
    fork(script, [CLIENTS[i % CLIENTS.length] as string, JSON.stringify(address), prefix, String(rounds)]),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const reporting = workers.map(reportOf);
  for (const worker of workers) worker.send('go');
  const reports = await Promise.all(reporting);
  const total = (count: (report: Report) => number) => reports.reduce((sum, report) => sum + count(report), 0);
  return {
    created: total(({ created }) => created),
    consumed: total(({ consumed }) => consumed),
    opened: total(({ opened }) => opened),
    taken: total(({ taken }) => taken),
    counts: reports.flatMap(({ counts }) => counts).toSorted((a, b) => a - b),
    expectedCounts: Array.from({ length: PROCESSES * rounds }, (_, i) => i + 1),
  };
}

async function reportOf(worker: ChildProcess): Promise<Report> {
  const exited = once(worker, 'exit').then(([code]) => {
    throw new Error(`the worker ended with code ${code} and without a report`);
  });
  const [report] = await Promise.race([once(worker, 'message'), exited]);
  exited.catch(() => {});
  return report;
}
