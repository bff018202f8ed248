/** How often a fault is tried, and what came of it. */
import { appendFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const given = process.env.FAULT_ROUNDS;

/** A few rounds in `npm test`; FAULT_ROUNDS of them, times `factor`, in `npm run test:faults`. */
export function rounds(few: number, factor = 1): number {
  return given === undefined ? few : Math.max(few, Math.round(Number(given) * factor));
}

/** Time limit of a test, milliseconds: what takes seconds with few rounds takes minutes with many. */
export const limitMs = given === undefined ? 30_000 : 900_000;

/**
 * Most that an answer or a recovery may take, milliseconds: as the requirement says in `npm run test:faults`; `npm test`
 * also runs on machines that are busy with something else, and there only notices what hangs.
 */
export function withinMs(required: number): number {
  return given === undefined ? required + 8000 : required;
}

/** Leaves one line for `scripts/faults.ts`. */
export function record(fault: string, store: string, figure: string): void {
  const file = process.env.FAULT_FIGURES;
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ fault, store, figure })}\n`);
}

/** Asks again and again until it is so. @returns the milliseconds it took */
export async function until(isReached: () => Promise<boolean>, withinMs: number): Promise<number> {
  const start = performance.now();
  while (!(await isReached())) {
    if (performance.now() - start > withinMs) throw new Error(`not reached within ${withinMs} ms`);
    await pause(25);
  }
  return Math.round(performance.now() - start);
}

/** The same request, so many times at once. */
export function parallel<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => work(index)));
}

/** How often each value occurs, such as `{ '200': 1, '400 invalid_grant': 23 }`. */
export function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
